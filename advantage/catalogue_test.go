package advantage_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// catalogue has every estimator with its usual settings. The tests below range over
// it, so a new estimator is one row here, and its oracle.
var catalogue = map[string]advantage.Estimator{
	"grpo":                       advantage.GroupRelative{},
	"grpo-excluding":             advantage.GroupRelative{DDof: 1, Epsilon: 1e-6, Overlong: advantage.Exclude, NaN: advantage.NaNExclude},
	"dr-grpo":                    advantage.DrGRPO(),
	"rloo":                       advantage.RLOO(),
	"batch-scaled":               advantage.BatchScaled(),
	"leave-one-out-std":          advantage.GroupRelative{Baseline: advantage.LeaveOneOut, Scale: advantage.LeaveOneOutStd, DDof: 1, ZeroSpread: advantage.ZeroSpreadCenter},
	"opo":                        advantage.OPO(),
	"asymre":                     advantage.AsymRE(-0.1),
	"flash-reinforce":            advantage.FlashReinforce(),
	"remax":                      advantage.ReMax(),
	"raw":                        advantage.RawReward(),
	"whitened":                   advantage.Whitened{Of: advantage.RLOO(), Whitening: advantage.Whitening{DDof: 1, Epsilon: 1e-4}},
	"reinforce++-baseline":       advantage.ReinforcePlusPlusBaseline(),
	"reinforce++-baseline-excl.": advantage.Whitened{Of: advantage.GroupRelative{Scale: advantage.NoScale, Overlong: advantage.Exclude}, ByLength: true},
	"gpg":                        advantage.GPG{Norm: 2},
	"maxrl":                      advantage.MaxRL{},
	"passk-argmax":               advantage.PassKArgmax{DDof: 1, Epsilon: 1e-6},
	"passk":                      advantage.PassK{K: 3},
	"pkpo":                       advantage.PKPO{K: 3},
	"pkpo-loo":                   advantage.PKPO{K: 2, Baseline: advantage.PKPOLeaveOneOut, Scale: 8},
	"pkpo-plain":                 advantage.PKPO{K: 4, Baseline: advantage.PKPOPlain},
	"gdpo":                       advantage.GDPO{Whitening: advantage.Whitening{DDof: 1, Epsilon: 1e-4}, Weights: []float64{1, 0.5}},
	"gdpo-tokens":                advantage.GDPO{ByLength: true},
	"gdpo-raw":                   advantage.GDPO{Raw: true, Of: advantage.GroupRelative{NaN: advantage.NaNExclude, Overlong: advantage.Exclude}},
	"psr":                        advantage.PSR(),
	"nsr":                        advantage.NSR(),
	"w-reinforce":                advantage.WeightedReinforce(),
	"reinforce++":                advantage.ReinforcePlusPlus(),
	"returns":                    advantage.TokenReturns{Gamma: 0.9, Baselines: true, Raw: true},
	"returns-excluding":          advantage.TokenReturns{Gamma: 0.9, Overlong: advantage.Exclude},
	"gae":                        advantage.GAE{Gamma: 0.99, Lambda: 0.95, Whitening: advantage.Whitening{DDof: 1, Epsilon: 1e-8, EpsilonPlace: advantage.AddToVariance}},
	"gae-adaptive":               advantage.GAE{Adaptive: 0.5, Raw: true},
	"otb":                        advantage.OTB{Epsilon: 1e-8},
	"otb-tail":                   advantage.OTB{KeepTail: true, Singleton: advantage.SingletonReward, Overlong: advantage.Exclude},
	"teacher":                    advantage.Teacher{Coefficient: 0.3},
	"distillation":               advantage.Teacher{Coefficient: 1, NoReward: true},
	"rlsd":                       advantage.NewRLSD(),
	"centered-kl":                advantage.CenteredKL{Coefficient: 0.1},
}

// packed is a ragged step with every field filled. Some tokens are masked, and what is
// masked is NaN.
func packed(rng *rand.Rand) advantage.Input {
	in := ragged(rng)
	in.Components = make([][]float64, 2)
	for range in.Rewards {
		in.Components[0] = append(in.Components[0], float64(rng.IntN(2)))
		in.Components[1] = append(in.Components[1], rng.NormFloat64())
	}
	in.Offsets = []int{rng.IntN(3)}
	for i := range in.Rewards {
		in.Offsets = append(in.Offsets, in.Offsets[i]+rng.IntN(7))
	}
	tokens := in.Offsets[len(in.Offsets)-1]
	in.Mask = make([]bool, tokens)
	for t := range in.Mask {
		in.Mask[t] = rng.IntN(4) > 0
	}
	for _, f := range tokenFields(&in) {
		*f = make([]float64, tokens)
		for t := range *f {
			if (*f)[t] = -rng.Float64(); !in.Mask[t] || t < in.Offsets[0] {
				(*f)[t] = math.NaN()
			}
		}
	}
	for t, lp := range in.LogProbs {
		p := math.Exp(lp)
		in.SquaredProbs[t] = p*p + rng.Float64()*(1-p)*(1-p)
		in.RolloutWeights[t] *= -2
	}
	for i := range in.Rewards {
		in.Lengths[i] = 0
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			if in.Mask[t] {
				in.Lengths[i]++
			}
		}
	}
	return in
}

func tokenFields(in *advantage.Input) []*[]float64 {
	return []*[]float64{&in.TokenRewards, &in.Values, &in.LogProbs, &in.RefLogProbs, &in.TeacherLogProbs, &in.SquaredProbs, &in.RolloutWeights}
}

// size is how long dst is for an estimator.
func size(e advantage.Estimator, in *advantage.Input) int {
	if e.PerToken() {
		return in.Offsets[len(in.Offsets)-1]
	}
	return len(in.Offsets) - 1
}

// repack reorders the responses of a packed step, and what was estimated for it.
func repack(e advantage.Estimator, in advantage.Input, got []float64, order []int) (advantage.Input, []float64) {
	out := in
	permute(&out, order)
	out.Components = nil
	for _, c := range in.Components {
		out.Components = append(out.Components, pick(c, order))
	}
	var tokens []int // old index of each new token
	out.Offsets = []int{0}
	for _, i := range order {
		for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
			tokens = append(tokens, t)
		}
		out.Offsets = append(out.Offsets, len(tokens))
	}
	out.Mask = pick(in.Mask, tokens)
	for k, f := range tokenFields(&out) {
		*f = pick(*tokenFields(&in)[k], tokens)
	}
	if e.PerToken() {
		return out, pick(got, tokens)
	}
	return out, pick(got, order)
}

// nonEmpty is packed without groups whose responses are all empty, which OPO refuses.
func nonEmpty(rng *rand.Rand) advantage.Input {
	for {
		in := packed(rng)
		counted := map[int]int{}
		for i, n := range in.Lengths {
			if in.Truncated[i] {
				n = 0
			}
			counted[in.Groups[i]] += n
		}
		ok := true
		for _, n := range counted {
			ok = ok && n > 0
		}
		if ok {
			return in
		}
	}
}

func TestCatalogueInAnyOrder(t *testing.T) {
	for name, e := range catalogue {
		rng := rand.New(rand.NewPCG(11, 12))
		for range 40 {
			in := nonEmpty(rng)
			got := make([]float64, size(e, &in))
			require.NoError(t, e.Estimate(got, &in), name)
			other, want := repack(e, in, got, rng.Perm(len(in.Rewards)))
			again := make([]float64, len(want))
			require.NoError(t, e.Estimate(again, &other), name)
			require.Equal(t, want, again, name)
			for i := range got {
				require.False(t, got[i] == 0 && math.Signbit(got[i]), "%s: element %d is -0", name, i)
			}
		}
	}
}

func TestCatalogueAtTruncatedAndMasked(t *testing.T) {
	for name, e := range catalogue {
		rng := rand.New(rand.NewPCG(13, 14))
		for range 20 {
			in := nonEmpty(rng)
			dst := make([]float64, size(e, &in)+2)
			for i := range dst {
				dst[i] = 77
			}
			if !e.PerToken() {
				dst = dst[:len(in.Rewards)]
			}
			require.NoError(t, e.Estimate(dst, &in), name)
			for i := range in.Rewards {
				if !e.PerToken() {
					require.True(t, !in.Truncated[i] || dst[i] == 0, name)
					continue
				}
				for at := in.Offsets[i]; at < in.Offsets[i+1]; at++ {
					require.True(t, !in.Truncated[i] && in.Mask[at] || dst[at] == 0, name)
				}
			}
			if e.PerToken() { // what is not the step's stays
				require.Equal(t, []float64{77, 77}, dst[len(dst)-2:], name)
				for _, x := range dst[:in.Offsets[0]] {
					require.Equal(t, 77.0, x, name)
				}
			}
		}
	}
}

// One number is set to infinity: an error that names its field and all zeros, or, of
// a field that the estimator does not read, not a bit of difference.
func TestCatalogueAtInfinity(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for name, e := range catalogue {
		in := nonEmpty(rng)
		want := make([]float64, size(e, &in))
		require.NoError(t, e.Estimate(want, &in))
		failed := 0
		try := func(field string, x []float64) {
			for i := range x {
				old := x[i]
				if math.IsNaN(old) {
					continue // masked: never read
				}
				x[i] = math.Inf(1)
				dst := make([]float64, len(want))
				err := e.Estimate(dst, &in)
				if err == nil {
					require.Equal(t, want, dst, "%s reads %s and says nothing", name, field)
				} else {
					var bad *advantage.ValueError
					require.ErrorAs(t, err, &bad, name)
					require.Equal(t, field, bad.Field, name)
					require.Equal(t, make([]float64, len(dst)), dst, name)
					failed++
				}
				x[i] = old
			}
		}
		try("Rewards", in.Rewards)
		try("Components", in.Components[1])
		try("Baselines", in.Baselines)
		for k, field := range []string{"TokenRewards", "Values", "LogProbs", "RefLogProbs", "TeacherLogProbs", "SquaredProbs", "RolloutWeights"} {
			try(field, *tokenFields(&in)[k])
		}
		require.NotZero(t, failed, name)
	}
}

// Each field that an estimator needs is named when it is missing or too short.
func TestCatalogueAtMissingFields(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for name, e := range catalogue {
		full := nonEmpty(rng)
		fields := reflect.TypeOf(full)
		for f := range fields.NumField() {
			field := fields.Field(f).Name
			for _, short := range []bool{false, true} {
				in := full
				v := reflect.ValueOf(&in).Elem().Field(f)
				if short && v.Len() > 0 {
					v.Set(v.Slice(0, v.Len()-1))
				} else {
					v.SetZero()
				}
				dst := make([]float64, size(e, &full))
				err := e.Estimate(dst, &in)
				switch err := err.(type) {
				case nil:
				case *advantage.MissingError:
					require.Equal(t, field, err.Field, name)
				case *advantage.OptionError: // GDPO's weights are one for each component
					require.Equal(t, "Components", field, name)
				case *advantage.LengthError:
					if field != "Offsets" && field != "Rewards" { // which say how long the others are
						require.Equal(t, field, err.Field, name)
					}
				case *advantage.ValueError: // what was masked counts now, and is NaN
					require.Equal(t, "Mask", field, name)
				default:
					require.Fail(t, "unexpected error", "%s without %s: %v", name, field, err)
				}
			}
		}
		require.IsType(t, &advantage.LengthError{}, e.Estimate(nil, &full), name)
	}
}

func TestCatalogueAtOffsets(t *testing.T) {
	for name, e := range catalogue {
		if !e.PerToken() {
			continue
		}
		for _, offsets := range [][]int{{-1, 2, 3}, {0, 2, 1}, {0, -3, 3}} {
			var bad *advantage.ValueError
			require.ErrorAs(t, e.Estimate([]float64{1, 2, 3}, &advantage.Input{Rewards: []float64{1, 2}, Groups: []int{0, 0}, Offsets: offsets}), &bad, name)
			require.Equal(t, "Offsets", bad.Field)
		}
		require.IsType(t, &advantage.MissingError{}, e.Estimate(nil, &advantage.Input{}), name)
	}
}

func TestCatalogueEmpty(t *testing.T) {
	for name, e := range catalogue {
		in := advantage.Input{Offsets: []int{0}, Components: make([][]float64, 2)}
		require.NoError(t, e.Estimate(nil, &in), name)
	}
}

func TestCatalogueAsJSON(t *testing.T) {
	for name, e := range catalogue {
		text, err := json.Marshal(e)
		require.NoError(t, err, name)
		back := reflect.New(reflect.TypeOf(e))
		require.NoError(t, json.Unmarshal(text, back.Interface()), name)
		require.Equal(t, e, back.Elem().Interface(), name)
	}
}
