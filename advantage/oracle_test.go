package advantage_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// ragged is a random step: groups of 1 to 9 with arbitrary ids, interleaved, some
// with equal rewards, some responses truncated.
func ragged(rng *rand.Rand) advantage.Input {
	var in advantage.Input
	for range 1 + rng.IntN(12) {
		id := int(rng.Uint64())
		kind := rng.IntN(3)
		equal := rng.NormFloat64()
		for range 1 + rng.IntN(9) {
			r := rng.NormFloat64()
			switch kind {
			case 1:
				r = float64(2*rng.IntN(2) - 1)
			case 2:
				r = equal
			}
			in.Rewards = append(in.Rewards, r)
			in.Groups = append(in.Groups, id)
			in.Truncated = append(in.Truncated, rng.IntN(6) == 0)
			in.Lengths = append(in.Lengths, 1+rng.IntN(20))
			in.Baselines = append(in.Baselines, rng.NormFloat64())
		}
	}
	permute(&in, rng.Perm(len(in.Rewards)))
	return in
}

// permute reorders the responses: new i is old order[i].
func permute(in *advantage.Input, order []int) {
	in.Rewards = pick(in.Rewards, order)
	in.Groups = pick(in.Groups, order)
	in.Truncated = pick(in.Truncated, order)
	in.Lengths = pick(in.Lengths, order)
	in.Baselines = pick(in.Baselines, order)
}

func pick[E any](s []E, order []int) []E {
	if s == nil {
		return nil
	}
	out := make([]E, len(s))
	for i, k := range order {
		out[i] = s[k]
	}
	return out
}

// everyGroupRelative yields all combinations of the closed choices.
func everyGroupRelative(yield func(advantage.GroupRelative) bool) {
	for b := advantage.GroupMean; b <= advantage.NoBaseline; b++ {
		for s := advantage.GroupStd; s <= advantage.NoScale; s++ {
			for ddof := range 2 {
				for place := advantage.AddToStd; place <= advantage.FloorVariance; place++ {
					for policies := range 8 {
						o := advantage.GroupRelative{Baseline: b, Scale: s, DDof: ddof, Epsilon: 0.01 * float64(policies&1), EpsilonPlace: place,
							Shift: 0.25 * float64(policies&2), Overlong: advantage.Overlong(policies & 1), Singleton: advantage.Singleton(policies >> 1 & 1),
							ZeroSpread: advantage.ZeroSpread(policies >> 2), Tolerance: 0.1 * float64(policies&1)}
						if !yield(o) {
							return
						}
					}
				}
			}
		}
	}
}

// slow is GroupRelative as the comments say it, one response at a time.
func slow(o advantage.GroupRelative, in advantage.Input) []float64 {
	dst := make([]float64, len(in.Rewards))
	for i, r := range in.Rewards {
		if in.Truncated[i] {
			continue
		}
		var group, others, batch, weights, weighted []float64
		for j, q := range in.Rewards {
			if in.Truncated[j] && o.Overlong == advantage.Exclude {
				continue
			}
			batch = append(batch, q)
			if in.Groups[j] == in.Groups[i] {
				group = append(group, q)
				weights = append(weights, float64(in.Lengths[j]))
				weighted = append(weighted, float64(in.Lengths[j])*q)
				if j != i {
					others = append(others, q)
				}
			}
		}
		var sets [][]float64 // that baseline and scale are taken over
		var baseline float64
		switch o.Baseline {
		case advantage.GroupMean:
			baseline, sets = mean(group), append(sets, group)
		case advantage.LeaveOneOut:
			baseline, sets = mean(others), append(sets, group)
		case advantage.LengthWeightedMean:
			baseline, sets = mean(weighted)/mean(weights), append(sets, group)
		case advantage.BatchMean:
			baseline, sets = mean(batch), append(sets, batch)
		case advantage.GivenBaseline:
			baseline = in.Baselines[i]
		}
		scale := batch[:0:0]
		switch o.Scale {
		case advantage.GroupStd:
			scale, sets = group, append(sets, group)
		case advantage.BatchStd:
			scale, sets = batch, append(sets, batch)
		case advantage.LeaveOneOutStd:
			scale, sets = others, append(sets, group)
		}
		alone := false
		equal := o.Scale == advantage.LeaveOneOutStd && spread(others) <= o.Tolerance
		for _, s := range sets {
			alone = alone || len(s) == 1
			equal = equal || spread(s) <= o.Tolerance
		}
		switch {
		case alone && o.Singleton == advantage.SingletonReward:
			dst[i] = r
		case alone:
		case equal && o.ZeroSpread == advantage.ZeroSpreadZero:
		case equal || o.Scale == advantage.NoScale:
			dst[i] = r - baseline - o.Shift
		default:
			m, squares := mean(scale), 0.0
			for _, q := range scale {
				squares += (q - m) * (q - m)
			}
			variance := squares / float64(len(scale)-o.DDof)
			divisor := math.Sqrt(variance) + o.Epsilon
			switch o.EpsilonPlace {
			case advantage.FloorStd:
				divisor = math.Max(math.Sqrt(variance), o.Epsilon)
			case advantage.AddToVariance:
				divisor = math.Sqrt(variance + o.Epsilon)
			case advantage.FloorVariance:
				divisor = math.Sqrt(math.Max(variance, o.Epsilon))
			}
			dst[i] = (r - baseline - o.Shift) / divisor
		}
	}
	return dst
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

func spread(x []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	return high - low
}

func TestGroupRelativeAgainstTheSlowLoop(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for o := range everyGroupRelative {
		in := ragged(rng)
		want, got := slow(o, in), estimate(t, o, in)
		for i := range want {
			require.InDelta(t, want[i], got[i], 1e-10*(1+math.Abs(want[i])), "response %d of %+v, %+v", i, in.Rewards, o)
		}
	}
}

func TestPermutationsKeepEveryBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for o := range everyGroupRelative {
		in := ragged(rng)
		for i := range in.Rewards { // many magnitudes, so that the order of a plain sum would show
			in.Rewards[i] *= math.Ldexp(1, rng.IntN(40))
		}
		want := estimate(t, o, in)
		order := rng.Perm(len(want))
		permute(&in, order)
		require.Equal(t, pick(want, order), estimate(t, o, in), "%+v", o)
	}
}

func TestShiftAndScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		in := ragged(rng)
		moved := in
		moved.Rewards = make([]float64, len(in.Rewards))
		for i, r := range in.Rewards {
			moved.Rewards[i] = 3*r + 17
		}
		for _, e := range []struct {
			o      advantage.GroupRelative
			factor float64
		}{{advantage.GroupRelative{}, 1}, {advantage.BatchScaled(), 1}, {advantage.DrGRPO(), 3}, {advantage.RLOO(), 3}} {
			want, got := estimate(t, e.o, in), estimate(t, e.o, moved)
			for i := range want {
				require.InDelta(t, e.factor*want[i], got[i], 1e-12*(1+math.Abs(want[i])))
			}
		}
	}
}

func TestGroupsSumToZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		in := ragged(rng)
		in.Truncated = nil
		for _, o := range []advantage.GroupRelative{{}, {DDof: 1}, advantage.DrGRPO(), advantage.RLOO(), advantage.BatchScaled()} {
			sums := map[int]float64{}
			for i, a := range estimate(t, o, in) {
				sums[in.Groups[i]] += a
			}
			for _, s := range sums {
				require.InDelta(t, 0, s, 1e-12)
			}
		}
	}
}
