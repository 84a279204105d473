package grpo_test

import (
	"testing"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Every contract of the package documentation, for this package's named objectives.
func TestNamedObjectives(t *testing.T) {
	withKL := grpo.New()
	withKL.KL.Coefficient = 0.04
	withEntropy := grpo.New()
	withEntropy.Entropy = grpo.Entropy{Coefficient: 0.01, Aggregation: grpo.TokenMean{}}
	for name, o := range map[string]grpo.Objective{
		"GRPO": grpo.New(), "GRPO with k3": withKL, "GRPO with an entropy bonus": withEntropy,
		"Dr.GRPO": grpo.NewDrGRPO(40), "CISPO": grpo.NewCISPO(),
	} {
		t.Run(name, func(t *testing.T) { grpotest.Run(t, o) })
	}
}
