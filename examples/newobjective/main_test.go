package main

import (
	"testing"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

func TestObjective(t *testing.T) {
	o := grpo.Objective{Surrogate: tanh{Width: 0.25}, Aggregation: grpo.TokenMean{}}
	grpotest.Run(t, o)
	if _, err := draw(o); err != nil {
		t.Fatal(err)
	}
}
