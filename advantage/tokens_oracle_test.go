package advantage_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// countedOf lists the counted tokens of response i.
func countedOf(in *advantage.Input, i int) (tokens []int) {
	for t := in.Offsets[i]; t < in.Offsets[i+1]; t++ {
		if in.Mask[t] {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// rewardAt is the reward of the k-th counted token of response i.
func rewardAt(in *advantage.Input, i, k int) float64 {
	tokens := countedOf(in, i)
	r := in.TokenRewards[tokens[k]]
	if k == len(tokens)-1 {
		r += in.Rewards[i]
	}
	return r
}

// everyCounted fills a slow answer for counted tokens of responses that are not truncated.
func everyCounted(in *advantage.Input, f func(i, k int) float64) []float64 {
	dst := make([]float64, in.Offsets[len(in.Offsets)-1])
	for i := range in.Rewards {
		for k, t := range countedOf(in, i) {
			dst[t] = f(i, k)
		}
	}
	return dst
}

// slowReturn is sum over u >= k of gamma^(u-k) r_u.
func slowReturn(in *advantage.Input, i, k int, gamma float64) float64 {
	total := 0.0
	for u := k; u < len(countedOf(in, i)); u++ {
		total += math.Pow(gamma, float64(u-k)) * rewardAt(in, i, u)
	}
	return total
}

// slowWhiten whitens the counted tokens, those of truncated responses with them or not.
func slowWhiten(in *advantage.Input, a []float64, w advantage.Whitening, overlong advantage.Overlong) {
	var all []float64
	for i := range in.Rewards {
		for _, t := range countedOf(in, i) {
			if overlong == advantage.ZeroAfter || !in.Truncated[i] {
				all = append(all, a[t])
			}
		}
	}
	if len(all) < 2 || spread(all) == 0 {
		clear(a)
		return
	}
	m, squares := mean(all), 0.0
	for _, x := range all {
		squares += (x - m) * (x - m)
	}
	variance := squares / float64(len(all)-w.DDof)
	d := math.Sqrt(variance) + w.Epsilon
	if w.EpsilonPlace == advantage.AddToVariance {
		d = math.Sqrt(variance + w.Epsilon)
	}
	for i := range in.Rewards {
		for _, t := range countedOf(in, i) {
			a[t] = (a[t] - m) / d
		}
	}
}

func slowMute(in *advantage.Input, a []float64) []float64 {
	for i := range in.Rewards {
		if in.Truncated[i] {
			clear(a[in.Offsets[i]:in.Offsets[i+1]])
		}
	}
	return a
}

func TestTokenEstimatorsAgainstTheSlowLoop(t *testing.T) {
	verl := advantage.Whitening{DDof: 1, Epsilon: 1e-8, EpsilonPlace: advantage.AddToVariance}
	rows := map[string]func(in *advantage.Input) []float64{
		"reinforce++": func(in *advantage.Input) []float64 {
			a := everyCounted(in, func(i, k int) float64 { return slowReturn(in, i, k, 1) })
			slowWhiten(in, a, verl, advantage.ZeroAfter)
			return a
		},
		"returns": func(in *advantage.Input) []float64 {
			return everyCounted(in, func(i, k int) float64 { return slowReturn(in, i, k, 0.9) - in.Baselines[i] })
		},
		"returns-excluding": func(in *advantage.Input) []float64 {
			a := everyCounted(in, func(i, k int) float64 { return slowReturn(in, i, k, 0.9) })
			slowWhiten(in, a, advantage.Whitening{}, advantage.Exclude)
			return a
		},
		"gae": func(in *advantage.Input) []float64 {
			a := everyCounted(in, func(i, k int) float64 { return slowGAE(in, i, k, 0.99, 0.95) })
			slowWhiten(in, a, verl, advantage.ZeroAfter)
			return a
		},
		"gae-adaptive": func(in *advantage.Input) []float64 {
			return everyCounted(in, func(i, k int) float64 {
				return slowGAE(in, i, k, 1, math.Max(0, 1-1/(0.5*float64(len(countedOf(in, i))))))
			})
		},
		"otb":      func(in *advantage.Input) []float64 { return slowOTB(in, advantage.OTB{Epsilon: 1e-8}) },
		"otb-tail": func(in *advantage.Input) []float64 { return slowOTB(in, catalogue["otb-tail"].(advantage.OTB)) },
		"teacher": func(in *advantage.Input) []float64 {
			a := slow(advantage.GroupRelative{}, *in)
			return everyCounted(in, func(i, k int) float64 {
				at := countedOf(in, i)[k]
				return a[i] + 0.3*(in.TeacherLogProbs[at]-in.LogProbs[at])
			})
		},
		"centered-kl": func(in *advantage.Input) []float64 {
			a, all := slow(advantage.GroupRelative{}, *in), []float64{}
			for i := range in.Rewards {
				for _, at := range countedOf(in, i) {
					all = append(all, in.LogProbs[at]-in.RefLogProbs[at])
				}
			}
			return everyCounted(in, func(i, k int) float64 {
				at := countedOf(in, i)[k]
				return a[i] + 0.1*(mean(all)-(in.LogProbs[at]-in.RefLogProbs[at]))
			})
		},
	}
	for name, slow := range rows {
		rng := rand.New(rand.NewPCG(31, 32))
		for range 60 {
			in := nonEmpty(rng)
			got := estimateTokens(t, catalogue[name], in)
			want := slowMute(&in, slow(&in))
			for at := in.Offsets[0]; at < len(want); at++ {
				require.InDelta(t, want[at], got[at], 1e-10*(1+math.Abs(want[at])), "%s, token %d", name, at)
			}
		}
	}
}

// slowGAE is sum over u >= k of (gamma lambda)^(u-k) delta_u.
func slowGAE(in *advantage.Input, i, k int, gamma, lambda float64) float64 {
	tokens, total := countedOf(in, i), 0.0
	for u := k; u < len(tokens); u++ {
		delta := rewardAt(in, i, u) - in.Values[tokens[u]]
		if u+1 < len(tokens) {
			delta += gamma * in.Values[tokens[u+1]]
		}
		total += math.Pow(gamma*lambda, float64(u-k)) * delta
	}
	return total
}

func slowOTB(in *advantage.Input, o advantage.OTB) []float64 {
	weight := func(i, k int) (w float64) {
		for _, t := range countedOf(in, i)[:k+1] {
			w += (1 - 2*math.Exp(in.LogProbs[t]) + in.SquaredProbs[t]) * in.RolloutWeights[t] * in.RolloutWeights[t]
		}
		return w
	}
	return everyCounted(in, func(i, k int) float64 {
		var lengths []int
		num, den := 0.0, o.Epsilon
		for j := range in.Rewards {
			if in.Groups[j] != in.Groups[i] || o.Overlong == advantage.Exclude && in.Truncated[j] {
				continue
			}
			n := len(countedOf(in, j))
			lengths = append(lengths, n)
			if k < n {
				num += slowReturn(in, j, k, 1) * weight(j, k)
				den += weight(j, k)
			}
		}
		if len(lengths) == 1 && o.Singleton == advantage.SingletonZero {
			return 0
		}
		baseline := num / den
		slices.Sort(lengths)
		if len(lengths) <= 1 || !o.KeepTail && k >= lengths[len(lengths)-2] {
			baseline = 0
		}
		return slowReturn(in, i, k, 1) - baseline
	})
}

func TestWhitenedAgainstTheSlowLoop(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	for range 200 {
		in := nonEmpty(rng)
		for name, of := range map[string]advantage.GroupRelative{
			"reinforce++-baseline": advantage.DrGRPO(), "reinforce++-baseline-excl.": {Scale: advantage.NoScale, Overlong: advantage.Exclude}} {
			e := catalogue[name].(advantage.Whitened)
			plain := in
			if of.Overlong == advantage.ZeroAfter {
				plain.Truncated = make([]bool, len(in.Rewards))
			}
			a := slow(of, plain)
			tiled := everyCounted(&in, func(i, k int) float64 { return a[i] })
			slowWhiten(&in, tiled, e.Whitening, of.Overlong)
			want := slowMute(&in, tiled)
			for i, x := range estimate(t, e, in) {
				for _, at := range countedOf(&in, i) {
					require.InDelta(t, want[at], x, 1e-9*(1+math.Abs(x)), name)
				}
			}
		}
	}
}
