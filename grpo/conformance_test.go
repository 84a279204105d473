package grpo_test

import (
	"testing"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/gspo"
)

// Every contract of the package documentation, for the named objectives.
func TestNamedObjectives(t *testing.T) {
	withKL := grpo.New()
	withKL.KL.Coefficient = 0.04
	for name, o := range map[string]grpo.Objective{
		"GRPO": grpo.New(), "GRPO with k3": withKL, "Dr.GRPO": grpo.NewDrGRPO(40), "CISPO": grpo.NewCISPO(),
		"DAPO": dapo.New(), "GSPO": gspo.New(), "GSPO-token": gspo.Token(), "GSPO+": gspo.Plus(),
	} {
		t.Run(name, func(t *testing.T) { grpotest.Run(t, o) })
	}
}
