package grpo_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
	"github.com/grouprl/grouprl/internal/hand"
)

// Published objectives of eight different kinds, built here on the exported
// interfaces alone: what reads badly here is a fault of the interfaces.

// GMPO (arXiv 2507.20673): the geometric mean of token ratios, each clipped in log
// space on the side that would help.
func gmpo() grpo.Objective {
	return grpo.Objective{
		Ratio:       grpo.Ratio{Level: grpo.SequenceLevel, Clamp: grpo.Clamp{Low: -0.4, High: 0.4, Pessimistic: true}},
		Surrogate:   grpo.Linear{},
		Aggregation: grpo.ResponseMean{},
	}
}

// VESPO: -sg(phi(w)) A log pi, phi(w) = e^lambda w^k e^(-lambda w), w the likelihood
// ratio of the whole response with its logarithm in [log 1e-8, 20].
func vespo() grpo.Objective {
	return grpo.Objective{
		Ratio: grpo.Ratio{Level: grpo.ProductTokenLevel, Cap: grpo.Clamp{Low: math.Log(1e-8), High: 20}},
		Surrogate: grpo.PolicyGradient(func(t grpo.Token) float64 {
			k, lambda := 2.0, 3.0
			if t.Advantage() < 0 {
				k, lambda = 3, 2
			}
			return math.Exp(lambda + k*t.LogRatio() - lambda*t.Ratio())
		}),
		Aggregation: grpo.TokenMean{},
	}
}

// icePop keeps a token's correction w = pi_old/pi_rollout where it is in [Low,
// High], and drops the token elsewhere.
type icePop struct{ Low, High float64 }

func (p icePop) Weigh(w []float64, r *grpo.Response) {
	for t := range w {
		x := math.Exp(r.Old[t] - r.Rollout[t])
		if x < p.Low || x > p.High {
			x = 0
		}
		w[t] *= x
	}
}

func (icePop) Needs() grpo.Fields { return grpo.FieldOld | grpo.FieldRollout }

// fipo weighs a token by the discounted log-ratio of what follows it (FIPO):
// F_t = sum_{k>=t} Decay^(k-t) d_k, weight clip(exp F_t, Low, High).
type fipo struct{ Decay, Low, High float64 }

func (f fipo) Weigh(w []float64, r *grpo.Response) {
	future := 0.0
	for t := len(w) - 1; t >= 0; t-- {
		future = r.LogProb[t] - r.Anchor[t] + f.Decay*future
		w[t] *= min(max(math.Exp(future), f.Low), f.High)
	}
}

func (fipo) Needs() grpo.Fields { return 0 }

// klCov (arXiv 2505.22617) adds Coefficient |d| to -r A at the Share of tokens with
// the largest covariance (A - mean A)(lp - mean lp) over the step.
type klCov struct {
	Share, Coefficient float64

	// Filled in by Resolve.
	Done                                  bool
	MeanAdvantage, MeanLogProb, Threshold float64
}

func (k klCov) covariance(a, lp float64) float64 { return (a - k.MeanAdvantage) * (lp - k.MeanLogProb) }

func (k klCov) Loss(loss, dloss []float64, r *grpo.Response) {
	for t := range loss {
		a, d := r.Advantage[t], r.LogRatio[t]
		loss[t], dloss[t] = 0, 0
		if a != 0 {
			loss[t], dloss[t] = -r.Ratio[t]*a, -r.Ratio[t]*a
		}
		if k.covariance(a, r.LogProb[t]) >= k.Threshold && d != 0 {
			loss[t] += k.Coefficient * math.Abs(d)
			dloss[t] += math.Copysign(k.Coefficient, d)
		}
	}
}

func (k klCov) Observe(s *grpo.Sample, r *grpo.Response) {
	for t := range r.LogProb {
		s.Add(r.Advantage[t], r.LogProb[t])
	}
}

func (k klCov) Resolve(s *grpo.Sample) (any, error) {
	n := float64(s.Len())
	for i := range s.Len() {
		k.MeanAdvantage += s.Row(i)[0] / n
		k.MeanLogProb += s.Row(i)[1] / n
	}
	cov := make([]float64, s.Len())
	for i := range cov {
		cov[i] = k.covariance(s.Row(i)[0], s.Row(i)[1])
	}
	k.Threshold = largestShare(cov, k.Share)
	k.Done = true
	return k, nil
}

func (k klCov) Resolved() bool            { return k.Done }
func (klCov) Needs() grpo.Fields          { return 0 }
func (klCov) DefinedAt(l grpo.Level) bool { return l == grpo.TokenLevel }
func (k klCov) String() string {
	return fmt.Sprintf("-r A + %v |log r| at the top %v", k.Coefficient, k.Share)
}

// largestShare returns a threshold midway between the share of x that is at least
// it and the rest; at least one value is above.
func largestShare(x []float64, share float64) float64 {
	slices.Sort(x)
	k := len(x) - max(1, int(share*float64(len(x))))
	if k <= 0 {
		return math.Inf(-1)
	}
	return x[k-1] + (x[k]-x[k-1])/2
}

// real (REAL, ms-swift): with S_i = mean_t d / Tau, the mean over groups that have
// both labels of log(1 + sum_neg e^S) + log(1 + sum_pos e^-S). It couples the
// responses of a group, which may lie in different micro-batches.
type real struct {
	Tau    float64
	Groups map[realKey]realSum // filled in by Resolve
	Count  int
}

type realKey struct {
	group    int
	positive bool
}

// realSum is log(1 + sum e^(±S)) over the responses of one label, and their number.
type realSum struct {
	log float64
	n   float64
}

func (k real) score(r *grpo.Response) (key realKey, s, sign float64) {
	key = realKey{r.Group, r.Reward > 0}
	sign = 1
	if key.positive {
		sign = -1
	}
	return key, sign * r.LogRatio[0] / k.Tau, sign
}

func (k real) Observe(s *grpo.Sample, r *grpo.Response) {
	key, score, sign := k.score(r)
	s.Add(float64(key.group), sign, score)
}

func (k real) Resolve(s *grpo.Sample) (any, error) {
	k.Groups = map[realKey]realSum{}
	for i := range s.Len() {
		row := s.Row(i)
		key := realKey{int(row[0]), row[1] < 0}
		sum := k.Groups[key]
		if sum.n == 0 {
			sum.log = 0 // log 1
		}
		high, low := max(sum.log, row[2]), min(sum.log, row[2])
		k.Groups[key] = realSum{high + math.Log1p(math.Exp(low-high)), sum.n + 1}
	}
	for key := range k.Groups {
		if _, both := k.Groups[realKey{key.group, !key.positive}]; key.positive && both {
			k.Count++
		}
	}
	if k.Count == 0 {
		return nil, errors.New("no group has both labels")
	}
	return k, nil
}

func (k real) Resolved() bool { return k.Groups != nil }

func (k real) Loss(loss, dloss []float64, r *grpo.Response) {
	key, s, sign := k.score(r)
	_, both := k.Groups[realKey{key.group, !key.positive}]
	own := k.Groups[key]
	value, slope := 0.0, 0.0
	if both {
		p := math.Exp(s - own.log) // d log(1 + sum e^S) / dS
		rest := (own.log - (1 - math.Exp(-own.log))) / own.n
		value, slope = (p+rest)/float64(k.Count), sign*p/k.Tau/float64(k.Count)
	}
	for t := range loss {
		loss[t], dloss[t] = value, slope
	}
}

func (real) Needs() grpo.Fields          { return grpo.FieldGroups | grpo.FieldRewards }
func (real) DefinedAt(l grpo.Level) bool { return l == grpo.SequenceLevel }

// perResponse adds up responses' token means.
type perResponse struct{}

func (perResponse) Share(c grpo.Counts) float64 { return 1 / float64(c.Length) }

func TestObjectivesFromOutside(t *testing.T) {
	clip := grpo.Clip{Low: 0.2, High: 0.2}
	sequenceK3 := grpo.New()
	sequenceK3.KL = grpo.KL{Coefficient: 0.1, Factor: grpo.KLFactor{Mode: grpo.Differentiable, Level: grpo.SequenceLevel}}
	for name, o := range map[string]grpo.Objective{
		"GMPO":                                 gmpo(),
		"VESPO":                                vespo(),
		"kl-cov":                               {Surrogate: klCov{Share: 0.2, Coefficient: 1}, Aggregation: grpo.TokenMean{}},
		"IcePop":                               {Surrogate: clip, Weights: []grpo.Weight{icePop{0.9, 1.1}}, Aggregation: grpo.TokenMean{}},
		"FIPO":                                 {Surrogate: clip, Weights: []grpo.Weight{fipo{math.Exp2(-1. / 32), 0.8, 1.2}}, Aggregation: grpo.TokenMean{}},
		"k3 with the sequence's ratio":         sequenceK3,
		"REAL":                                 {Ratio: grpo.Ratio{Level: grpo.SequenceLevel}, Surrogate: real{Tau: 0.5}, Aggregation: perResponse{}},
		"per-prompt mean across micro-batches": {Surrogate: clip, Aggregation: grpo.PromptMean{}},
	} {
		t.Run(name, func(t *testing.T) { grpotest.Run(t, o) })
	}
}

// REAL by hand: one group, S = 0 for all, two positives and one negative:
// log(1+1) + log(1+2).
func TestRealByHand(t *testing.T) {
	o := grpo.Objective{Ratio: grpo.Ratio{Level: grpo.SequenceLevel}, Surrogate: real{Tau: 1}, Aggregation: perResponse{}}
	stats, g := hand.Eval(t, o, grpo.Batch[float64]{
		Offsets: []int{0, 1, 2, 3}, LogProbs: []float64{-1, -2, -3}, Advantages: []float64{1, 1, 1},
		Rewards: []float64{1, 1, -1}, Groups: []int{5, 5, 5},
	})
	require.InDelta(t, math.Log(2)+math.Log(3), stats.Loss(), 1e-15)
	require.InDeltaSlice(t, []float64{-1. / 3, -1. / 3, 1. / 2}, g, 1e-15)
}
