package grpotest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/grouprl/grouprl/grpo"
)

// LossAndGradient is somebody's own implementation of an objective: the loss of one
// whole step, and its gradient [T] with respect to b.LogProbs. It may read every
// field of b that the objective reads, and writes to none.
type LossAndGradient func(b grpo.Batch[float64]) (loss float64, gradient []float64, err error)

// Match compares an implementation of your own with an objective of this library on
// random ragged batches: masked tokens inside responses, responses of one token and
// fully masked ones, advantages of 0, ratios inside and outside published bounds.
// It fails t where loss or gradient differ by more than 1e-9.
//
//	func TestMyTrainer(t *testing.T) {
//		grpotest.Match(t, dapo.New(), func(b grpo.Batch[float64]) (float64, []float64, error) {
//			return myLoss(b)
//		})
//	}
//
// Masked tokens hold 0 in every field, so that code which multiplies by the mask
// matches too; contract 2 asks for more (see Run). What the gradient holds there is
// not compared.
func Match(t testing.TB, o grpo.Objective, theirs LossAndGradient) {
	t.Helper()
	MatchWithin(t, o, theirs, 1e-9)
}

// MatchWithin is Match with a tolerance of your own, such as 2e-6 for arithmetic in
// float32. It bounds |loss - ours| / max(1, |ours|) and max |g - ours| / max |ours|.
func MatchWithin(t testing.TB, o grpo.Objective, theirs LossAndGradient, tolerance float64) {
	t.Helper()
	if err := match(o, theirs, tolerance); err != nil {
		t.Error(err)
	}
}

// matchBatches is the number of random batches of each shape.
const matchBatches = 12

func match(o grpo.Objective, theirs LossAndGradient, tolerance float64) error {
	for seed := range uint64(matchBatches) {
		for _, shape := range shapes(o) {
			shape.Responses, shape.MaxLength = 2+int(seed), 4+3*int(seed)
			b := masklessNaN(Batch(rand.New(rand.NewPCG(seed, 2)), shape))
			if err := matchOn(o, b, theirs, tolerance); err != nil {
				return fmt.Errorf("random batch %d of %d responses (token advantages: %v): %w", seed, b.Len(), shape.Tokens, err)
			}
		}
	}
	return nil
}

// matchOn compares on one batch.
func matchOn(o grpo.Objective, b grpo.Batch[float64], theirs LossAndGradient, tolerance float64) error {
	resolved, err := resolve(o, b)
	if err != nil {
		return err
	}
	ours, err := evaluate(resolved, b)
	if err != nil {
		return err
	}
	loss, gradient, err := theirs(b)
	if err != nil {
		return fmt.Errorf("yours: %w", err)
	}
	if len(gradient) != len(b.LogProbs) {
		return fmt.Errorf("yours: a gradient of %d tokens, want one for each of the %d of LogProbs", len(gradient), len(b.LogProbs))
	}
	if d := math.Abs(loss - ours.loss); !(d <= tolerance*max(1, math.Abs(ours.loss))) {
		return fmt.Errorf("loss is %v, ours %v%s", loss, ours.loss, factor(loss, ours.loss))
	}
	tokens := counted(b)
	scale := largest(ours.LogProbs, tokens)
	var wrong []error
	for _, t := range tokens {
		if d := math.Abs(gradient[t] - ours.LogProbs[t]); !(d <= tolerance*scale) {
			i := responseOf(b, t)
			wrong = append(wrong, fmt.Errorf("dL/dlp of token %d (response %d, position %d) is %v, ours %v%s",
				t, i, t-b.Offsets[i], gradient[t], ours.LogProbs[t], factor(gradient[t], ours.LogProbs[t])))
		}
	}
	if len(wrong) > 5 {
		wrong = append(wrong[:5:5], fmt.Errorf("... and %d of %d tokens more", len(wrong)-5, len(tokens)))
	}
	return errors.Join(wrong...)
}

// factor words the quotient of two numbers, which often says what is wrong: a
// denominator, a sign, a factor of two.
func factor(a, b float64) string {
	if q := a / b; b != 0 && q-q == 0 {
		return fmt.Sprintf(" (%.6g times)", q)
	}
	return ""
}

// masklessNaN puts 0 where masked tokens hold NaN.
func masklessNaN(b grpo.Batch[float64]) grpo.Batch[float64] {
	for _, x := range []*[]float64{&b.LogProbs, &b.OldLogProbs, &b.RolloutLogProbs, &b.RefLogProbs, &b.Entropies, &b.TokenAdvantages} {
		*x = slices.Clone(*x)
		for t, v := range *x {
			if math.IsNaN(v) {
				(*x)[t] = 0
			}
		}
	}
	return b
}
