package grpotest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/grouprl/grouprl/grpo"
)

// checkTerms: with each term alone, gradients and losses add up to the objective's.
func checkTerms(o grpo.Objective, rng *rand.Rand) error {
	b := Batch(rng, Shape{})
	o, err := resolve(o, b)
	if err != nil {
		return err
	}
	whole, err := evaluate(o, b)
	if err != nil {
		return err
	}
	entropy := klOnly(o)
	entropy.KL, entropy.Entropy = grpo.KL{}, o.Entropy
	sum, loss := make([]float64, len(b.LogProbs)), 0.0
	for _, term := range []grpo.Objective{surrogateOnly(o), klOnly(o), entropy} {
		r, err := evaluate(term, b)
		if err != nil {
			return err
		}
		loss += r.loss
		for _, t := range counted(b) {
			sum[t] += r.LogProbs[t]
		}
	}
	tokens := counted(b)
	scale := largest(whole.LogProbs, tokens)
	for _, t := range tokens {
		if d := whole.LogProbs[t] - sum[t]; !(d*d <= 1e-28*scale*scale) {
			return fmt.Errorf("gradient of token %d is %v, its terms add up to %v", t, whole.LogProbs[t], sum[t])
		}
	}
	if d := whole.loss - loss; !(d*d <= 1e-24*max(1, loss*loss)) {
		return fmt.Errorf("loss is %v, its terms add up to %v", whole.loss, loss)
	}
	return nil
}

// checkSplit cuts a step at response borders into micro-batches, deals them to
// ranks in random order, and evaluates with several workers: gradients, token
// losses and merged statistics must have the same bits.
func checkSplit(o grpo.Objective, rng *rand.Rand) error {
	for _, shape := range shapes(o) {
		shape.Responses, shape.MaxLength = 5+rng.IntN(20), 3+rng.IntN(30)
		b := Batch(rng, shape)
		whole, err := evaluate(o, b)
		if err != nil {
			return err
		}
		for range 3 {
			split, err := evaluateSplit(o, b, rng)
			if err != nil {
				return err
			}
			if err := whole.same(split, 0, len(b.LogProbs)); err != nil {
				return fmt.Errorf("cut into micro-batches: %w", err)
			}
		}
	}
	return nil
}

func evaluateSplit(o grpo.Objective, b grpo.Batch[float64], rng *rand.Rand) (result, error) {
	var micro []grpo.Batch[float64]
	for i := 0; i < b.Len(); {
		j := min(b.Len(), i+1+rng.IntN(4))
		micro = append(micro, b.Slice(i, j))
		i = j
	}
	rng.Shuffle(len(micro), func(i, j int) { micro[i], micro[j] = micro[j], micro[i] })
	ranks := make([][]grpo.Batch[float64], 1+rng.IntN(4))
	for _, m := range micro {
		k := rng.IntN(len(ranks))
		ranks[k] = append(ranks[k], m)
	}

	// Statistics of the whole step first: each rank observes and counts its own.
	var sample grpo.Sample
	var totals grpo.Totals
	for _, rank := range ranks {
		var s grpo.Sample
		for _, m := range rank {
			if o.NeedsStep() {
				if err := grpo.Observe(&s, &o, &m); err != nil {
					return result{}, err
				}
			}
			t, err := grpo.Count(&o, &m)
			if err != nil {
				return result{}, err
			}
			totals.Merge(&t)
		}
		if err := sample.Merge(&s); err != nil {
			return result{}, err
		}
	}
	if o.NeedsStep() {
		resolved, err := o.Resolve(&sample)
		if err != nil {
			return result{}, err
		}
		o = resolved
	}

	dst := newGradient(len(b.LogProbs))
	var stats grpo.Stats
	for _, rank := range ranks {
		e := grpo.Evaluator[float64]{Workers: 1 + rng.IntN(8)}
		var own grpo.Stats
		for _, m := range rank {
			s, err := e.Eval(dst, &o, &m, &totals)
			if err != nil {
				return result{}, err
			}
			own.Merge(&s)
		}
		// Ranks send bytes.
		bytes, err := own.MarshalBinary()
		if err != nil {
			return result{}, err
		}
		var received grpo.Stats
		if err := received.UnmarshalBinary(bytes); err != nil {
			return result{}, err
		}
		stats.Merge(&received)
	}
	bytes, err := stats.MarshalBinary()
	return result{Gradient: dst, stats: bytes, loss: stats.Loss(), from: b.Offsets[0]}, err
}

// checkMask replaces what masked tokens hold, and then removes them: counted tokens
// keep their bits, masked rows are 0, and nothing outside the rows is touched.
func checkMask(o grpo.Objective, rng *rand.Rand) error {
	b := Batch(rng, Shape{})
	whole, err := evaluate(o, b)
	if err != nil {
		return err
	}
	for t := range b.LogProbs {
		inside := t >= b.Offsets[0] && t < b.Offsets[b.Len()]
		for _, x := range []float64{whole.LogProbs[t], whole.Entropies[t], whole.Losses[t]} {
			if !inside && x != fill {
				return fmt.Errorf("row %d is outside the batch's tokens, yet written", t)
			}
			if inside && !b.Mask[t] && x != 0 {
				return fmt.Errorf("row %d is masked, yet %v", t, x)
			}
		}
	}
	other := b
	for _, x := range []*[]float64{&other.LogProbs, &other.OldLogProbs, &other.RolloutLogProbs, &other.RefLogProbs, &other.Entropies} {
		*x = append([]float64(nil), *x...)
		for t := range *x {
			if !b.Mask[t] {
				(*x)[t] = rng.NormFloat64() * 1e30
			}
		}
	}
	again, err := evaluate(o, other)
	if err != nil {
		return err
	}
	if err := whole.same(again, 0, len(b.LogProbs)); err != nil {
		return fmt.Errorf("with other values at masked tokens: %w", err)
	}

	packed, from := pack(b)
	dense, err := evaluate(o, packed)
	if err != nil {
		return err
	}
	for t, u := range from {
		if dense.LogProbs[t] != whole.LogProbs[u] || dense.Losses[t] != whole.Losses[u] {
			return fmt.Errorf("token %d has the gradient %v, without the masked tokens %v", u, whole.LogProbs[u], dense.LogProbs[t])
		}
	}
	if string(dense.stats) != string(whole.stats) {
		return errors.New("statistics differ without the masked tokens")
	}
	return nil
}

// pack removes masked tokens; from[t] is the token that t was.
func pack(b grpo.Batch[float64]) (p grpo.Batch[float64], from []int) {
	p = b
	p.Offsets = []int{0}
	for i := range b.Len() {
		for t := b.Offsets[i]; t < b.Offsets[i+1]; t++ {
			if b.Mask[t] {
				from = append(from, t)
			}
		}
		p.Offsets = append(p.Offsets, len(from))
	}
	take := func(x []float64) []float64 {
		y := make([]float64, len(from))
		for t, u := range from {
			y[t] = x[u]
		}
		return y
	}
	p.LogProbs, p.OldLogProbs, p.RolloutLogProbs = take(b.LogProbs), take(b.OldLogProbs), take(b.RolloutLogProbs)
	p.RefLogProbs, p.Entropies, p.Mask = take(b.RefLogProbs), take(b.Entropies), nil
	return p, from
}
