package grpotest_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
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
		stats, g, err := c.Eval()
		if err == nil {
			err = c.Compare(stats.Loss(), g.LogProbs, g.Entropies)
		}
		if err != nil {
			t.Errorf("%s [%s] %v: %v", c.Name, c.Key, c.Objective, err)
			continue
		}
		name := c.Source.Package + " " + c.Source.DType
		s := packages[name]
		s.cases++
		if d := c.Difference(stats.Loss(), g.LogProbs, g.Entropies); d >= s.difference {
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

// The names that grpo.Metrics gives for TRL and verl are those of the installed
// packages, and the numbers under them are ours.
func TestGoldenMetrics(t *testing.T) {
	cases, err := grpotest.Golden()
	require.NoError(t, err)
	compared := map[string]int{}
	for _, c := range cases {
		stats, _, err := c.Eval()
		require.NoError(t, err, c.Name)
		ours := maps.Collect(stats.All())
		// What peers call the clip fraction leaves the dual clip out.
		ours["clip/fraction"] -= ours["clip/high_negative"]
		for _, m := range grpo.Metrics() {
			theirs := map[string]string{"trl": m.TRL, "verl": m.Verl}[c.Source.Package]
			want, logged := c.Metrics[theirs]
			have, measured := ours[m.Name]
			if !logged || !measured || otherMeaning(&c, m.Name) != "" {
				continue
			}
			if d := math.Abs(want - have); !(d <= 2e-6) {
				t.Errorf("%s: %s is %v, %s %v", c.Name, m.Name, have, theirs, want)
			}
			compared[c.Source.Package+" "+m.Name]++
		}
	}
	for _, m := range grpo.Metrics() {
		for p, theirs := range map[string]string{"trl": m.TRL, "verl": m.Verl} {
			if theirs == "" || unlogged[p+" "+m.Name] != "" {
				continue
			}
			require.NotZero(t, compared[p+" "+m.Name], "nothing was compared with %s's %s", p, theirs)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(compared)) {
		t.Logf("%4d %s", compared[name], name)
	}
}

// unlogged are metrics that a trainer logs around the functions which the cases call.
var unlogged = map[string]string{
	"trl loss":         "the optimiser loop",
	"verl loss":        "the optimiser loop",
	"verl entropy":     "the pass that computes old log-probabilities",
	"verl weight/zero": "rejected tokens leave the counts, so that no weight is measured",
}

// otherMeaning says why a package's metric is not ours in some cases; "" where it is.
func otherMeaning(c *grpotest.Case, metric string) string {
	clip := strings.HasPrefix(metric, "clip/")
	_, clipped := c.Objective.Surrogate.(grpo.Clip)
	switch {
	case clip && c.Source.Package == "verl" && !clipped:
		return "verl's cispo, geo_mean, dppo and clip_cov count other tokens: those outside whatever their advantage, or those left out"
	case clip && c.Source.Package == "verl" && strings.Contains(c.Name, "extreme"):
		return "verl leaves the bound of 20 out, here it holds a token too"
	case metric == "approx_kl/k1" && strings.Contains(c.Name, "kl_cov"):
		return "verl's kl_cov logs the mean of |old - lp|"
	case c.Source.Package == "trl" && c.Objective.Ratio.Level == grpo.SequenceLevel && clip:
		return "TRL averages over responses, here it is over tokens"
	case c.Source.Package == "verl" && metric == "approx_kl/k1" && strings.Contains(c.Name, "extreme"):
		return "verl bounds the log-ratio at 20 first"
	case c.Source.Package == "trl" && metric == "weight/mean" && strings.Contains(c.Name, "sequence_"):
		return "TRL averages over responses, here it is over tokens"
	}
	return ""
}

func ExampleGolden() {
	cases, err := grpotest.Golden()
	if err != nil {
		fmt.Println(err)
	}
	c := cases[0]
	stats, gradient, err := c.Eval() // here your trainer, on c.Batch
	fmt.Println(err, c.Compare(stats.Loss(), gradient.LogProbs, nil))
	// Output: <nil> <nil>
}
