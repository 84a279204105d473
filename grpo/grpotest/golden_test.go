package grpotest_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/grpotest"
)

// Every case of every package: our loss and gradients are theirs.
func TestGolden(t *testing.T) {
	cases, err := grpotest.Golden()
	if err != nil {
		t.Errorf("cases that can't be read:\n%v", err)
	}
	type summary struct {
		cases      int
		difference float64
		worst      string
	}
	packages := map[string]summary{}
	keys := map[string]int{}
	for _, c := range cases {
		loss, logProbs, entropies, err := c.Eval()
		if err == nil {
			err = c.Compare(loss, logProbs, entropies)
		}
		if err != nil {
			t.Errorf("%s [%s] %v: %v", c.Name, c.Key, c.Objective, err)
			continue
		}
		name := c.Source.Package + " " + c.Source.DType
		s := packages[name]
		s.cases++
		if d := c.Difference(loss, logProbs, entropies); d >= s.difference {
			s.difference, s.worst = d, c.Name
		}
		packages[name] = s
		keys[c.Key]++
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		s := packages[name]
		t.Logf("%-24s %3d cases, largest difference %.2g (%s)", name, s.cases, s.difference, s.worst)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		t.Logf("%3d %s", keys[key], key)
	}
}

// A case that is changed in its last digits is told apart: the comparison is not
// satisfied by anything.
func TestGoldenTellsApart(t *testing.T) {
	cases, _ := grpotest.Golden()
	require.NotEmpty(t, cases)
	names := map[string]bool{}
	for _, c := range cases {
		require.False(t, names[c.Name], "%s is there twice", c.Name)
		names[c.Name] = true
		require.Contains(t, []float64{1e-9, 2e-6}, c.Tolerance, c.Name)
		require.Equal(t, c.Source.DType == "float32", c.Tolerance == 2e-6, c.Name)
		require.NotEmpty(t, c.Source.Function, c.Name)
		require.NotEmpty(t, c.Source.Version, c.Name)

		require.NoError(t, c.Compare(c.Loss, c.LogProbs, c.Entropies), c.Name)
		require.Error(t, c.Compare(c.Loss+2.5*c.Tolerance*max(1, math.Abs(c.Loss)), c.LogProbs, c.Entropies), c.Name)
		wrong := slices.Clone(c.LogProbs)
		at, largest := 0, 0.0
		for i, g := range wrong {
			if math.Abs(g) > largest {
				at, largest = i, math.Abs(g)
			}
		}
		wrong[at] *= 1 + 2*c.Tolerance
		require.Error(t, c.Compare(c.Loss, wrong, c.Entropies), "%s: token %d", c.Name, at)
		wrong[at] = math.NaN()
		require.Error(t, c.Compare(c.Loss, wrong, c.Entropies), c.Name)
		require.Error(t, c.Compare(c.Loss, c.LogProbs[1:], c.Entropies), c.Name)
	}
}

func ExampleGolden() {
	cases, err := grpotest.Golden()
	if err != nil {
		fmt.Println(err)
	}
	c := cases[0]
	loss, gradient, _, err := c.Eval() // here your trainer, on c.Batch
	fmt.Println(err, c.Compare(loss, gradient, nil))
	// Output: <nil> <nil>
}
