package main

import (
	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/gspo"
)

// objectives are those of the NousCoder-14B report, with the bounds of their papers.
var objectives = []struct {
	name string
	new  func() grpo.Objective
}{
	{"grpo", grpo.New},
	{"dapo", dapo.New},
	{"gspo", gspo.New},
	{"gspo+", gspo.Plus},
}

func objectiveNames() []string {
	names := make([]string, len(objectives))
	for i, o := range objectives {
		names[i] = o.name
	}
	return names
}

// newObjective makes a named objective; parseOptions has checked the name.
func newObjective(name string) grpo.Objective {
	for _, o := range objectives {
		if o.name == name {
			return o.new()
		}
	}
	panic("no objective " + name)
}
