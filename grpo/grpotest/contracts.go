package grpotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/grouprl/grouprl/grpo"
)

// optional are the token fields that can be absent, by name.
func optional(b *grpo.Batch[float64]) map[string]*[]float64 {
	return map[string]*[]float64{
		"OldLogProbs": &b.OldLogProbs, "RolloutLogProbs": &b.RolloutLogProbs,
		"RefLogProbs": &b.RefLogProbs, "Entropies": &b.Entropies,
	}
}

// checkNonFinite puts a NaN, +Inf or -Inf at one counted token of each field: it is
// a *grpo.ValueError that names the response, with a zero gradient and empty
// statistics; or the field is not read, and nothing changes.
func checkNonFinite(o grpo.Objective, rng *rand.Rand) error {
	o.NonFinite = grpo.Error
	b := Batch(rng, Shape{})
	o, err := resolve(o, b)
	if err != nil {
		return err
	}
	clean, err := evaluate(o, b)
	if err != nil {
		return err
	}
	tokens := counted(b)
	for _, name := range []string{"LogProbs", "OldLogProbs", "RolloutLogProbs", "RefLogProbs", "Entropies"} {
		for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			c := b
			field := &c.LogProbs
			if name != "LogProbs" {
				field = optional(&c)[name]
			}
			*field = slices.Clone(*field)
			t := tokens[rng.IntN(len(tokens))]
			(*field)[t] = value
			r, err := evaluate(o, c)
			if err == nil && name != "LogProbs" {
				if err := clean.same(r, 0, len(b.LogProbs)); err != nil {
					return fmt.Errorf("%v in %s at token %d passed silently: %w", value, name, t, err)
				}
				continue
			}
			if err := wantValueError(err, responseOf(b, t), t); err != nil {
				return fmt.Errorf("%v in %s at token %d: %w", value, name, t, err)
			}
			if err := r.discarded(b); err != nil {
				return fmt.Errorf("%v in %s at token %d: %w", value, name, t, err)
			}
		}
	}
	c := b
	c.Advantages = slices.Clone(b.Advantages)
	i := responseOf(b, tokens[0])
	c.Advantages[i] = math.NaN()
	_, err = evaluate(o, c)
	if err := wantValueError(err, i, -1); err != nil {
		return fmt.Errorf("NaN advantage of response %d: %w", i, err)
	}
	return nil
}

func wantValueError(err error, response, token int) error {
	var v *grpo.ValueError
	if !errors.As(err, &v) {
		return fmt.Errorf("want a *grpo.ValueError, have %v", err)
	}
	if v.Response != response || v.Token != token && v.Token != -1 {
		return fmt.Errorf("the error says response %d token %d: %w", v.Response, v.Token, err)
	}
	return nil
}

// discarded checks what an error leaves behind: zero rows and empty statistics.
func (r result) discarded(b grpo.Batch[float64]) error {
	for t := b.Offsets[0]; t < b.Offsets[b.Len()]; t++ {
		if r.LogProbs[t] != 0 || r.Entropies[t] != 0 || r.Losses[t] != 0 {
			return fmt.Errorf("after the error, row %d is not zero", t)
		}
	}
	var empty grpo.Stats
	want, _ := empty.MarshalBinary()
	if !bytes.Equal(r.stats, want) {
		return errors.New("after the error, statistics are not empty")
	}
	return nil
}

// checkDrop: with NonFinite Drop the bad token has gradient 0, other responses keep
// their bits, and the drop is counted.
func checkDrop(o grpo.Objective, rng *rand.Rand) error {
	o.NonFinite = grpo.Drop
	b := Batch(rng, Shape{})
	o, err := resolve(o, b)
	if err != nil {
		return err
	}
	clean, err := evaluate(o, b)
	if err != nil {
		return err
	}
	tokens := counted(b)
	t := tokens[rng.IntN(len(tokens))]
	bad := responseOf(b, t)
	c := b
	c.LogProbs = slices.Clone(b.LogProbs)
	c.LogProbs[t] = math.NaN()
	dst := newGradient(len(b.LogProbs))
	totals, err := grpo.Count(&o, &c)
	if err != nil {
		return err
	}
	var e grpo.Evaluator[float64]
	stats, err := e.Eval(dst, &o, &c, &totals)
	if err != nil {
		return err
	}
	if dst.LogProbs[t] != 0 || dst.Losses[t] != 0 {
		return fmt.Errorf("dropped token %d has gradient %v and loss %v", t, dst.LogProbs[t], dst.Losses[t])
	}
	if stats.Dropped() < 1 || stats.Tokens() != int64(len(tokens)) {
		return fmt.Errorf("%d of %d tokens counted as dropped", stats.Dropped(), stats.Tokens())
	}
	for _, u := range tokens {
		if responseOf(b, u) != bad && dst.LogProbs[u] != clean.LogProbs[u] {
			return fmt.Errorf("dropping token %d changed token %d of another response", t, u)
		}
	}
	return nil
}

// checkZero: where all advantages are 0 and the surrogate's loss is 0 at moderate
// ratios, it is exactly 0 at any, even one that overflows.
func checkZero(o grpo.Objective, rng *rand.Rand) error {
	b := Batch(rng, Shape{})
	b.Advantages = make([]float64, len(b.Advantages))
	o, err := resolve(surrogateOnly(o), b)
	if err != nil {
		return nil //nolint:nilerr // a step without any signal need not have a statistic
	}
	o.Weights = nil
	moderate, err := evaluate(o, b)
	if err != nil {
		return err
	}
	for _, t := range counted(b) {
		if moderate.Losses[t] != 0 {
			return nil // not proportional to the advantage
		}
		if moderate.LogProbs[t] != 0 {
			return fmt.Errorf("advantage 0 gives token %d the loss 0 and the gradient %v", t, moderate.LogProbs[t])
		}
	}
	for _, drift := range []float64{800, -800} {
		c := b
		c.OldLogProbs, c.RolloutLogProbs = slices.Clone(b.OldLogProbs), slices.Clone(b.RolloutLogProbs)
		for _, t := range counted(b) {
			c.OldLogProbs[t], c.RolloutLogProbs[t] = b.LogProbs[t]-drift, b.LogProbs[t]-drift
		}
		r, err := evaluate(o, c)
		if err != nil {
			return fmt.Errorf("advantage 0 and log-ratio %v: %w", drift, err)
		}
		for _, t := range counted(b) {
			if r.LogProbs[t] != 0 || r.Losses[t] != 0 {
				return fmt.Errorf("advantage 0 and log-ratio %v give token %d the gradient %v", drift, t, r.LogProbs[t])
			}
		}
	}
	return nil
}

// checkTypes: a float32 batch is evaluated in float64 and rounded once; Scale
// multiplies the gradient and nothing else; Add adds.
func checkTypes(o grpo.Objective, rng *rand.Rand) error {
	b := Batch(rng, Shape{Responses: 9, MaxLength: 40})
	narrow := grpo.Batch[float32]{
		Offsets: b.Offsets, Advantages: b.Advantages, Groups: b.Groups, Episodes: b.Episodes,
		Keys: b.Keys, Rewards: b.Rewards, Mask: b.Mask,
	}
	round := func(x []float64) (wide []float64, short []float32) {
		for _, v := range x {
			short = append(short, float32(v))
			wide = append(wide, float64(float32(v)))
		}
		return wide, short
	}
	b.LogProbs, narrow.LogProbs = round(b.LogProbs)
	b.OldLogProbs, narrow.OldLogProbs = round(b.OldLogProbs)
	b.RolloutLogProbs, narrow.RolloutLogProbs = round(b.RolloutLogProbs)
	b.RefLogProbs, narrow.RefLogProbs = round(b.RefLogProbs)
	b.Entropies, narrow.Entropies = round(b.Entropies)
	o, err := resolve(o, b)
	if err != nil {
		return err
	}
	wide, err := evaluate(o, b)
	if err != nil {
		return err
	}
	n := len(b.LogProbs)
	short := grpo.Gradient[float32]{LogProbs: make([]float32, n), Entropies: make([]float32, n)}
	stats, err := grpo.Eval(short, &o, &narrow)
	if err != nil {
		return err
	}
	if encoded, _ := stats.MarshalBinary(); string(encoded) != string(wide.stats) {
		return errors.New("statistics of float32 and of the same numbers as float64 differ")
	}
	totals, err := grpo.Count(&o, &b)
	if err != nil {
		return err
	}
	e := grpo.Evaluator[float64]{Scale: 4}
	twice := newGradient(n)
	scaled, err := e.Eval(twice, &o, &b, &totals)
	if err != nil {
		return err
	}
	if encoded, _ := scaled.MarshalBinary(); string(encoded) != string(wide.stats) {
		return errors.New("the field Scale changes the statistics")
	}
	if _, err := e.Add(twice, &o, &b, &totals); err != nil {
		return err
	}
	for _, t := range counted(b) {
		if short.LogProbs[t] != float32(wide.LogProbs[t]) {
			return fmt.Errorf("gradient of token %d is %v in float32 and %v in float64", t, short.LogProbs[t], wide.LogProbs[t])
		}
		if twice.LogProbs[t] != 8*wide.LogProbs[t] {
			return fmt.Errorf("evaluating and adding with Scale 4 gives token %d %v, want 8 times %v", t, twice.LogProbs[t], wide.LogProbs[t])
		}
	}
	return nil
}

// checkErrors: without a field the objective works or says which is missing; a
// step of masked tokens is grpo.ErrEmptyStep.
func checkErrors(o grpo.Objective, rng *rand.Rand) error {
	b := Batch(rng, Shape{})
	for name := range optional(&b) {
		c := b
		*optional(&c)[name] = nil
		if err := wantFieldError(o, c, name); err != nil {
			return err
		}
	}
	for name, clear := range map[string]func(c *grpo.Batch[float64]){
		"Rewards":  func(c *grpo.Batch[float64]) { c.Rewards = nil },
		"Groups":   func(c *grpo.Batch[float64]) { c.Groups = nil },
		"Episodes": func(c *grpo.Batch[float64]) { c.Episodes = nil },
		"Keys":     func(c *grpo.Batch[float64]) { c.Keys = nil },
	} {
		c := b
		clear(&c)
		if err := wantFieldError(o, c, name); err != nil {
			return err
		}
	}
	c := b
	c.Mask = make([]bool, len(b.Mask))
	resolved, err := resolve(o, b)
	if err != nil {
		return err
	}
	if _, err := evaluate(resolved, c); !errors.Is(err, grpo.ErrEmptyStep) {
		return fmt.Errorf("a step without a counted token: want grpo.ErrEmptyStep, have %v", err)
	}
	return nil
}

func wantFieldError(o grpo.Objective, b grpo.Batch[float64], name string) error {
	_, err := evaluate(o, b)
	var missing *grpo.FieldError
	var value *grpo.ValueError // a rule that does not declare what it reads
	if err == nil || errors.As(err, &value) || errors.As(err, &missing) && missing.Field == name {
		return nil
	}
	return fmt.Errorf("without %s: want it to work or a *grpo.FieldError that names it, have %w", name, err)
}

// checkAllocation: nothing is allocated once an Evaluator has seen a batch.
func checkAllocation(o grpo.Objective, rng *rand.Rand) error {
	b := Batch(rng, Shape{Responses: 8, MaxLength: 30})
	o, err := resolve(o, b)
	if err != nil {
		return err
	}
	totals, err := grpo.Count(&o, &b)
	if err != nil {
		return err
	}
	dst := newGradient(len(b.LogProbs))
	for _, workers := range []int{1, 3} {
		e := grpo.Evaluator[float64]{Workers: workers}
		if n := testing.AllocsPerRun(10, func() {
			if _, e := e.Eval(dst, &o, &b, &totals); e != nil {
				err = e
			}
		}); n >= 1 {
			return fmt.Errorf("%v allocations an evaluation with %d workers", n, workers)
		}
	}
	return err
}

// checkValue: the formula prints, and JSON gives an equal objective back unless a
// part is not registered.
func checkValue(o grpo.Objective, _ *rand.Rand) error {
	if o.String() == "" {
		return errors.New("method String gives nothing")
	}
	if len(o.Weights) == 0 {
		o.Weights = nil
	}
	encoded, err := json.Marshal(o)
	var part *grpo.PartError
	if errors.As(err, &part) {
		return nil
	}
	if err != nil {
		return err
	}
	var back grpo.Objective
	if err := json.Unmarshal(encoded, &back); err != nil {
		return fmt.Errorf("%s: %w", encoded, err)
	}
	if !reflect.DeepEqual(o, back) {
		return fmt.Errorf("JSON gives back %#v, was %#v: %s", back, o, encoded)
	}
	return nil
}
