package advantage_test

import (
	"math"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

func TestGroupRelativeErrors(t *testing.T) {
	good := func() advantage.Input {
		return advantage.Input{Rewards: []float64{1, 0, 1}, Groups: []int{0, 0, 1},
			Lengths: []int{1, 2, 3}, Baselines: []float64{0, 0, 0}}
	}
	byLength := advantage.GroupRelative{Baseline: advantage.LengthWeightedMean}
	given := advantage.GroupRelative{Baseline: advantage.GivenBaseline}
	for _, c := range []struct {
		name string
		o    advantage.GroupRelative
		in   func(*advantage.Input)
		want error
	}{
		{"groups missing", advantage.GroupRelative{}, func(in *advantage.Input) { in.Groups = nil }, &advantage.MissingError{Estimator: "GroupRelative", Field: "Groups"}},
		{"groups too short", advantage.GroupRelative{}, func(in *advantage.Input) { in.Groups = in.Groups[:2] }, &advantage.LengthError{"Groups", 2, 3}},
		{"truncated too long", advantage.GroupRelative{}, func(in *advantage.Input) { in.Truncated = make([]bool, 4) }, &advantage.LengthError{"Truncated", 4, 3}},
		{"dst too long", advantage.GroupRelative{}, func(in *advantage.Input) { in.Rewards, in.Groups = in.Rewards[:2], in.Groups[:2] }, &advantage.LengthError{"dst", 3, 2}},
		{"lengths missing", byLength, func(in *advantage.Input) { in.Lengths = nil }, &advantage.MissingError{Estimator: "GroupRelative", Field: "Lengths"}},
		{"lengths too short", byLength, func(in *advantage.Input) { in.Lengths = in.Lengths[:1] }, &advantage.LengthError{"Lengths", 1, 3}},
		{"negative length", byLength, func(in *advantage.Input) { in.Lengths[1] = -2 }, &advantage.ValueError{"Lengths", 1, -1, -2, "a length is never negative"}},
		{"empty group", byLength, func(in *advantage.Input) { in.Lengths[0], in.Lengths[1] = 0, 0 }, &advantage.ValueError{"Lengths", 0, -1, 0, "every response of its group is empty"}},
		{"baselines missing", given, func(in *advantage.Input) { in.Baselines = nil }, &advantage.MissingError{Estimator: "GroupRelative", Field: "Baselines"}},
		{"baseline not finite", given, func(in *advantage.Input) { in.Baselines[2] = math.Inf(1) }, &advantage.ValueError{"Baselines", 2, -1, math.Inf(1), "not finite"}},
		{"ddof", advantage.GroupRelative{DDof: 2}, nil, &advantage.OptionError{"GroupRelative", "DDof", "must be 0 or 1"}},
		{"negative epsilon", advantage.GroupRelative{Epsilon: -1}, nil, &advantage.OptionError{"GroupRelative", "Epsilon", "must be finite and not negative"}},
		{"NaN epsilon", advantage.GroupRelative{Epsilon: math.NaN()}, nil, &advantage.OptionError{"GroupRelative", "Epsilon", "must be finite and not negative"}},
		{"NaN tolerance", advantage.GroupRelative{Tolerance: math.NaN()}, nil, &advantage.OptionError{"GroupRelative", "Tolerance", "must be finite and not negative"}},
		{"infinite shift", advantage.GroupRelative{Shift: math.Inf(1)}, nil, &advantage.OptionError{"GroupRelative", "Shift", "must be finite"}},
		{"unknown baseline", advantage.GroupRelative{Baseline: 99}, nil, &advantage.OptionError{"GroupRelative", "Baseline", "unknown value"}},
		{"unknown scale", advantage.GroupRelative{Scale: -1}, nil, &advantage.OptionError{"GroupRelative", "Scale", "unknown value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := good()
			if c.in != nil {
				c.in(&in)
			}
			dst := []float64{5, 5, 5}
			require.Equal(t, c.want, c.o.Estimate(dst, &in))
			require.NotEmpty(t, c.want.Error())
			if _, value := c.want.(*advantage.ValueError); value {
				require.Equal(t, []float64{0, 0, 0}, dst)
			} else {
				require.Equal(t, []float64{5, 5, 5}, dst)
			}
		})
	}
}

func TestEmptyStep(t *testing.T) {
	for _, o := range []advantage.GroupRelative{{}, advantage.BatchScaled(),
		{Baseline: advantage.LengthWeightedMean}, {Baseline: advantage.GivenBaseline, Scale: advantage.NoScale}} {
		require.NoError(t, o.Estimate(nil, &advantage.Input{}))
	}
}

func TestErrorsName(t *testing.T) {
	require.EqualError(t, &advantage.ValueError{"Values", 3, 17, math.Inf(1), "not finite"},
		"advantage: Values of response 3, token 17 is +Inf: not finite")
	require.EqualError(t, &advantage.MissingError{Estimator: "GroupRelative", Field: "Groups"}, "advantage: GroupRelative needs Input.Groups")
}
