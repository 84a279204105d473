package grpotest_test

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

type surrogate func(loss, dloss []float64, r *grpo.Response)

func (f surrogate) Loss(loss, dloss []float64, r *grpo.Response) { f(loss, dloss, r) }

type weight func(w []float64, r *grpo.Response)

func (f weight) Weigh(w []float64, r *grpo.Response) { f(w, r) }

type share func(c grpo.Counts) float64

func (f share) Share(c grpo.Counts) float64 { return f(c) }

// linear is -r A, right but for what a test does to it.
func linear(a, r float64) float64 {
	if a == 0 {
		return 0
	}
	return -r * a
}

// liar says in Needs that it reads nothing.
type liar struct{ surrogate }

func (liar) Needs() grpo.Fields { return 0 }

// A suite that passes everything is worth nothing: each wrong objective fails, and
// by the check that is meant to find it.
func TestWrongObjectivesFail(t *testing.T) {
	var calls atomic.Int64
	var sink atomic.Pointer[[]float64]
	for _, c := range []struct {
		name  string
		fails string
		o     grpo.Objective
	}{
		{"wrong sign", "gradient", grpo.Objective{Surrogate: grpo.SurrogateFunc(func(t grpo.Token) (float64, float64) {
			l := linear(t.Advantage(), t.Ratio())
			return l, -l
		})}},
		{"derivative of the ratio, not of its logarithm", "gradient", grpo.Objective{Surrogate: grpo.SurrogateFunc(func(t grpo.Token) (float64, float64) {
			return linear(t.Advantage(), t.Ratio()), -t.Advantage()
		})}},
		{"off by a millionth", "gradient", grpo.Objective{Surrogate: grpo.SurrogateFunc(func(t grpo.Token) (float64, float64) {
			l := linear(t.Advantage(), t.Ratio())
			return l, l * (1 + 3e-6)
		})}},
		{"forgets the last token", "gradient", grpo.Objective{Surrogate: surrogate(func(loss, dloss []float64, r *grpo.Response) {
			for t := range loss {
				loss[t] = linear(r.Advantage[t], r.Ratio[t])
				dloss[t] = loss[t]
			}
			dloss[len(dloss)-1] = 0
		})}},
		{"detached without saying so", "gradient", grpo.Objective{Surrogate: grpo.SurrogateFunc(func(t grpo.Token) (float64, float64) {
			return linear(t.Advantage(), t.Ratio()) * t.LogProb(), linear(t.Advantage(), t.Ratio())
		})}},
		{"depends on the calls before", "split", grpo.Objective{Surrogate: grpo.Linear{}, Weights: []grpo.Weight{weight(func(w []float64, _ *grpo.Response) {
			w[0] *= 1 + float64(calls.Add(1)%3)
		})}}},
		{"divides by what it has seen", "split", grpo.Objective{Surrogate: grpo.Linear{}, Aggregation: share(func(c grpo.Counts) float64 {
			return 1 / float64(c.Tokens+calls.Add(1)%2)
		})}},
		{"passes NaN over", "nonfinite", grpo.Objective{Surrogate: grpo.Linear{}, Weights: []grpo.Weight{weight(func(w []float64, r *grpo.Response) {
			for t := range w {
				if r.Rollout[t] < r.Old[t] { // false for NaN: the token slips through
					w[t] *= 0.5
				}
			}
		})}}},
		{"0 times Inf", "zero", grpo.Objective{Surrogate: surrogate(func(loss, dloss []float64, r *grpo.Response) {
			for t := range loss {
				loss[t] = -r.Ratio[t] * r.Advantage[t]
				dloss[t] = loss[t]
			}
		})}},
		{"allocates", "allocation", grpo.Objective{Surrogate: surrogate(func(loss, dloss []float64, r *grpo.Response) {
			allocated := make([]float64, len(loss))
			sink.Store(&allocated)
			for t := range loss {
				loss[t] = linear(r.Advantage[t], r.Ratio[t])
				dloss[t] = loss[t]
			}
		})}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.o.Aggregation == nil {
				c.o.Aggregation = grpo.TokenMean{}
			}
			err := grpotest.Check(c.o)
			require.Error(t, err)
			found := false
			for _, line := range strings.Split(err.Error(), "\n") {
				found = found || strings.HasPrefix(line, c.fails+": ")
			}
			require.True(t, found, "want %q to fail: %v", c.fails, err)
		})
	}
}

// A rule that says it reads nothing is given nothing.
func TestUndeclaredFieldsAreNotGiven(t *testing.T) {
	o := grpo.Objective{Aggregation: grpo.Sum{}, Surrogate: liar{func(loss, dloss []float64, r *grpo.Response) {
		if r.Rollout != nil || r.Ref != nil || r.Entropy != nil {
			panic("given what was not asked for")
		}
		clear(loss)
		clear(dloss)
	}}}
	require.NoError(t, grpotest.Check(o))
}

// ExampleCheck tests a prototype that is wrong: the derivative lacks the ratio.
func ExampleCheck() {
	o := grpo.Objective{
		Surrogate:   grpo.SurrogateFunc(func(t grpo.Token) (loss, dloss float64) { return t.Ratio(), 1 }),
		Aggregation: grpo.TokenMean{},
	}
	err := grpotest.Check(o)
	fmt.Println(strings.HasPrefix(err.Error(), "gradient: batch 0: surrogate: dL/dlp of token"))
	o.Surrogate = grpo.SurrogateFunc(func(t grpo.Token) (loss, dloss float64) { return t.Ratio(), t.Ratio() })
	fmt.Println(grpotest.Check(o))
	// Output:
	// true
	// <nil>
}

func TestBatchIsWhatItSays(t *testing.T) {
	some := map[string]bool{}
	for seed := range uint64(50) {
		b := grpotest.RandomBatch(seed, grpotest.Shape{})
		require.Equal(t, 6, b.Len())
		for i := range b.Len() {
			n, m := b.Offsets[i+1]-b.Offsets[i], 0
			for k := b.Offsets[i]; k < b.Offsets[i+1]; k++ {
				if b.Mask[k] {
					m++
					require.False(t, math.IsNaN(b.LogProbs[k]+b.OldLogProbs[k]+b.RefLogProbs[k]+b.RolloutLogProbs[k]+b.Entropies[k]))
				} else {
					require.True(t, math.IsNaN(b.LogProbs[k]))
				}
			}
			some["empty"] = some["empty"] || n == 0
			some["masked"] = some["masked"] || n > 0 && m == 0
			some["zero"] = some["zero"] || b.Advantages[i] == 0
		}
		some["offset"] = some["offset"] || b.Offsets[0] > 0
	}
	require.Len(t, some, 4)
}
