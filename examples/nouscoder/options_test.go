package main

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestWrongFlagsSayWhatIsWanted(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-objective", "gsp"}, `-objective "gsp": want grpo, dapo, gspo, gspo+, or all`},
		{[]string{"-steps", "-1"}, "-steps -1: want 0 or more"},
		{[]string{"-budget", "-3m"}, "-budget -3m0s: want a time such as 4m"},
		{[]string{"-budget", "fast"}, `invalid value "fast" for flag -budget`},
		{[]string{"-step", "4"}, "flag provided but not defined: -step"},
		{[]string{"dapo"}, `unexpected argument "dapo"`},
		{[]string{"-out", ""}, "-out is empty"},
	} {
		var stderr strings.Builder
		if status := command(context.Background(), test.args, io.Discard, &stderr); status != 2 {
			t.Errorf("%q: exit status %d, want 2", test.args, status)
		}
		for _, want := range []string{test.want, "usage: go run ./examples/nouscoder", "-resume"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%q: no %q in\n%s", test.args, want, stderr.String())
			}
		}
	}
}

func TestObjectiveFlag(t *testing.T) {
	for flag, want := range map[string][]string{
		"gspo+": {"gspo+"},
		"all":   {"grpo", "dapo", "gspo", "gspo+"},
	} {
		o, err := parseOptions([]string{"-objective", flag}, io.Discard)
		if err != nil || !reflect.DeepEqual(o.objectives, want) {
			t.Errorf("-objective %s: %v, %v", flag, o.objectives, err)
		}
	}
	if status := command(context.Background(), []string{"-help"}, io.Discard, io.Discard); status != 0 {
		t.Errorf("-help: exit status %d", status)
	}
}

// The control corpus has as many mistakes, none of them systematic, and all else is
// the same.
func TestControlIsOneFlag(t *testing.T) {
	plain, control := newRecipe(options{seed: 4}), newRecipe(options{seed: 4, control: true})
	if control.Systematic != 0 || control.Random <= plain.Random {
		t.Errorf("flaws %v and %v", control.Systematic, control.Random)
	}
	control.Systematic, control.Random, control.Control = plain.Systematic, plain.Random, false
	if !reflect.DeepEqual(plain, control) {
		t.Errorf("more than the flaws differs: %s", difference(plain, control))
	}
}
