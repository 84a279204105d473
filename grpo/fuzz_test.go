package grpo_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// numbers that a fuzzer picks from by one byte.
var numbers = []float64{0, -1, 1, -0.5, -3, 0.1, 1e-300, -1e300, 1e300, 800, -800, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -2}

var mild = numbers[:6]

// bytes are consumed one at a time; 0 after the end.
type stream []byte

func (s *stream) next() int {
	if len(*s) == 0 {
		return 0
	}
	x := (*s)[0]
	*s = (*s)[1:]
	return int(x)
}

func (s *stream) floats(n int) []float64 {
	kind := s.next()
	if kind%4 == 0 {
		return nil
	}
	palette := numbers
	if kind%16 > 1 {
		palette = mild
	}
	x := make([]float64, max(0, n+s.next()%8/7)) // seldom a wrong length
	for i := range x {
		x[i] = palette[s.next()%len(palette)]
	}
	return x
}

// Whatever the batch, Eval returns finite numbers or a typed error, and never
// panics; on success masked rows are 0.
func FuzzEval(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 2, 1, 4, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	f.Add([]byte{5, 1, 3, 0, 2, 9, 7, 1, 200, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 2, 3, 4, 1, 1, 1, 1, 1, 1, 1, 5, 5, 5, 5})
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, data) })
}

// Random bytes, without a fuzzer's feedback: 20,000 batches over every row of the
// catalogue, and as many as ten minutes take with GROUPRL_LONG=1.
func TestRandomBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	long, start := os.Getenv("GROUPRL_LONG") == "1", time.Now()
	n, evaluated, enough := 0, 0, 20_000
	if testing.Short() {
		enough = 4_000
	}
	for ; n < enough || long && time.Since(start) < 10*time.Minute; n++ {
		data := make([]byte, 20+rng.IntN(200))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if fuzz(t, data) == nil {
			evaluated++
		}
	}
	t.Logf("%d batches, %d without an error", n, evaluated)
	if evaluated < n/20 {
		t.Errorf("only %d of %d batches could be evaluated: nothing is tested", evaluated, n)
	}
}

// fuzz makes a batch and an objective from bytes and evaluates one on the other. It
// returns the error, which is one of the documented types.
func fuzz(t *testing.T, data []byte) error {
	in := stream(data)
	responses := in.next() % 6
	b := grpo.Batch[float64]{Offsets: []int{in.next() % 3}}
	for range responses {
		n := in.next()%6 - in.next()%16/15*2 // seldom falling
		b.Offsets = append(b.Offsets, b.Offsets[len(b.Offsets)-1]+n)
	}
	tokens := max(0, b.Offsets[len(b.Offsets)-1])
	b.LogProbs = in.floats(tokens)
	b.OldLogProbs, b.RolloutLogProbs, b.RefLogProbs, b.Entropies = in.floats(tokens), in.floats(tokens), in.floats(tokens), in.floats(tokens)
	b.Advantages, b.TokenAdvantages, b.Rewards = in.floats(responses), in.floats(tokens), in.floats(responses)
	if kind := in.next(); len(b.Advantages) > 0 && kind%8 < 7 { // seldom both
		b.TokenAdvantages = nil
	}
	if in.next()%2 == 0 {
		for range tokens {
			b.Mask = append(b.Mask, in.next()%3 > 0)
		}
	}
	if in.next()%3 > 0 {
		for range responses {
			b.Groups = append(b.Groups, in.next()%3)
			b.Episodes = append(b.Episodes, in.next()%3)
			b.Keys = append(b.Keys, uint64(in.next()))
		}
	}
	rows := grpotest.Catalogue()
	o := rows[(in.next()+256*in.next())%len(rows)].New()
	if in.next()%4 == 0 {
		o.KL = grpo.KL{Coefficient: 1, Estimator: grpo.KLEstimator(in.next() % 4)}
		o.KL.Factor.Mode = grpo.FactorMode(in.next() % 4)
	}
	o.Entropy.Coefficient = []float64{0, 0, 1, -1}[in.next()%4]
	o.NonFinite = grpo.NonFinite(in.next() % 2)

	dst := grpo.Gradient[float64]{LogProbs: make([]float64, len(b.LogProbs)), Entropies: make([]float64, len(b.LogProbs))}
	stats, err := grpo.Eval(dst, &o, &b)
	if err != nil {
		var (
			objective *grpo.ObjectiveError
			field     *grpo.FieldError
			batch     *grpo.BatchError
			value     *grpo.ValueError
		)
		if !errors.Is(err, grpo.ErrEmptyStep) && !errors.As(err, &objective) && !errors.As(err, &field) &&
			!errors.As(err, &batch) && !errors.As(err, &value) {
			t.Fatalf("an error without a type: %v", err)
		}
		for _, g := range dst.LogProbs {
			if g != 0 {
				t.Fatalf("after %v the gradient is not zero", err)
			}
		}
		return err
	}
	if x := stats.Loss(); x-x != 0 {
		t.Fatalf("loss %v without an error", x)
	}
	for k, g := range dst.LogProbs {
		if g-g != 0 || len(b.Mask) > k && !b.Mask[k] && g != 0 {
			t.Fatalf("gradient %v at token %d without an error", g, k)
		}
	}
	return nil
}
