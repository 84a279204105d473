package grpo_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Every row of the catalogue keeps every contract.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range grpotest.Catalogue() {
		require.False(t, seen[row.Name], "%s is there twice", row.Name)
		seen[row.Name] = true
		o := row.New()
		require.NoError(t, o.Validate(), row.Name)
		encoded, err := o.MarshalJSON()
		var unregistered *grpo.PartError
		require.False(t, errors.As(err, &unregistered), "%s: %v", row.Name, err)
		require.NotEmpty(t, encoded)
		require.Positive(t, pulls(t, o), "%s has no gradient on ten random batches", row.Name)
		t.Run(row.Name, func(t *testing.T) { grpotest.Run(t, o) })
	}
	t.Logf("%d rows, %d published objectives not built", len(seen), len(grpotest.NotBuilt()))
}

// pulls counts the tokens with a gradient on ten random batches.
func pulls(t *testing.T, o grpo.Objective) (n int) {
	for seed := range uint64(10) {
		b := grpotest.RandomBatch(seed, grpotest.Shape{})
		g := grpo.Gradient[float64]{LogProbs: make([]float64, len(b.LogProbs)), Entropies: make([]float64, len(b.LogProbs))}
		_, err := grpo.Eval(g, &o, &b)
		require.NoError(t, err)
		for _, x := range g.LogProbs {
			if x != 0 {
				n++
			}
		}
	}
	return n
}
