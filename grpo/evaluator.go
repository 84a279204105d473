package grpo

import (
	"fmt"
	"sync"
)

// Gradient is where an evaluation writes. Slices are indexed as the batch's
// tokens are: rows Offsets[0]:Offsets[S] are written and nothing else is touched,
// so all micro-batches of a step share one Gradient. Masked tokens in those rows
// become 0.
//
// In any autograd, sum(stopgrad(g) * logp) has the gradient of the loss.
type Gradient[F Float] struct {
	LogProbs  []F // [T] dL/dLogProbs; nil: not wanted
	Entropies []F // [T] dL/dEntropies; required with an entropy term, else optional
	Losses    []F // [T] token losses before aggregation, all terms; nil: not wanted
}

// Evaluator computes loss, gradient and statistics. It holds scratch memory; the
// zero value is ready. An Evaluator is used by one goroutine at a time.
type Evaluator[F Float] struct {
	// Workers is the number of goroutines; 0 means 1. It does not change the result.
	Workers int

	// Scale multiplies the gradient only; 0 means 1. A trainer that averages
	// gradients over ranks sets its world size here, since ranks' gradients add up.
	Scale float64

	// Per call, kept to reuse memory.
	workers []worker[F]
	reading reading[F]
	totals  *Totals
	dst     Gradient[F]
	scale   float64
	add     bool
	fusible bool // fused is tried first
	wait    sync.WaitGroup
}

// worker evaluates a run of consecutive responses.
type worker[F Float] struct {
	scratch[F]
	stats    Stats
	from, to int   // responses
	err      error // of the first bad response
	run      func()
}

// Eval computes a step that is one batch: it resolves step-wide rules, counts, and
// evaluates. Use Count and an Evaluator where a step has several micro-batches or
// ranks, or to reuse memory.
func Eval[F Float](dst Gradient[F], o *Objective, b *Batch[F]) (Stats, error) {
	t, err := Count(o, b)
	if err == nil && o.NeedsStep() && t.Tokens > 0 {
		o, err = resolveAlone(o, b)
	}
	if err != nil {
		dst.zero(b.Offsets)
		return Stats{}, err
	}
	var e Evaluator[F]
	return e.Eval(dst, o, b, &t)
}

// resolveAlone resolves an objective from the one batch of its step.
func resolveAlone[F Float](o *Objective, b *Batch[F]) (*Objective, error) {
	var s Sample
	if err := Observe(&s, o, b); err != nil {
		return nil, err
	}
	resolved, err := o.Resolve(&s)
	return &resolved, err
}

// Eval computes a batch's part of a step whose counts are t: it overwrites its rows
// of dst. Losses and gradients of a step's batches ADD up to the step's, Stats merge
// to the step's, both to the last bit whatever the split.
//
// A non-finite value at a counted token is a *ValueError, unless o.NonFinite says to
// drop it. After an error those rows of dst are zero, and Stats is empty: discard
// the step.
func (e *Evaluator[F]) Eval(dst Gradient[F], o *Objective, b *Batch[F], t *Totals) (Stats, error) {
	return e.eval(dst, o, b, t, false)
}

// Add is Eval that adds to dst instead of overwriting it: a sum of objectives.
func (e *Evaluator[F]) Add(dst Gradient[F], o *Objective, b *Batch[F], t *Totals) (Stats, error) {
	return e.eval(dst, o, b, t, true)
}

func (e *Evaluator[F]) eval(dst Gradient[F], o *Objective, b *Batch[F], t *Totals, add bool) (Stats, error) {
	err := e.prepare(dst, o, b, t, add)
	if err == nil {
		err = e.work()
	}
	e.reading, e.dst, e.totals = reading[F]{}, Gradient[F]{}, nil // keep nothing of the caller's
	stats := Stats{}
	if err == nil {
		for i := range e.workers {
			stats.Merge(&e.workers[i].stats)
		}
		if loss := stats.Loss(); !finite(loss) { // of finite responses
			err = &ValueError{"Loss", -1, -1, loss}
		}
	}
	if err != nil {
		dst.zero(b.Offsets)
		return Stats{}, err
	}
	return stats, nil
}

// zero clears the batch's rows, as far as dst has them.
func (dst Gradient[F]) zero(offsets []int) {
	if len(offsets) == 0 {
		return
	}
	for _, x := range [...][]F{dst.LogProbs, dst.Entropies, dst.Losses} {
		if from, to := max(offsets[0], 0), min(offsets[len(offsets)-1], len(x)); from < to {
			clear(x[from:to])
		}
	}
}

func (e *Evaluator[F]) prepare(dst Gradient[F], o *Objective, b *Batch[F], t *Totals, add bool) error {
	rd, err := read(o, b)
	if err != nil {
		return err
	}
	if t.Tokens <= 0 {
		return ErrEmptyStep
	}
	if o.NeedsStep() {
		return &ObjectiveError{"Surrogate or Weights", "a rule waits for a statistic of the whole step: Observe it and Resolve first"}
	}
	for _, x := range [...]struct {
		name     string
		n        int
		required bool
	}{
		{"LogProbs", len(dst.LogProbs), false}, {"Entropies", len(dst.Entropies), o.Entropy.on()}, {"Losses", len(dst.Losses), false},
	} {
		if x.n == 0 && !x.required {
			continue
		}
		if last := b.Offsets[b.Len()]; x.n < last {
			return &BatchError{"Gradient." + x.name, fmt.Sprintf("length %d, but the batch's tokens end at %d", x.n, last)}
		}
	}
	if !finite(e.Scale) {
		return &BatchError{"Evaluator.Scale", fmt.Sprintf("%v: want a finite number", e.Scale)}
	}
	rd.tokenwise = o.tokenwise()
	e.reading, e.totals, e.dst, e.add = rd, t, dst, add
	e.scale = e.Scale
	if e.scale == 0 {
		e.scale = 1
	}
	e.fusible = e.canFuse()
	return nil
}

// work cuts the batch into runs of about equal token counts, one a worker.
func (e *Evaluator[F]) work() error {
	n := max(e.Workers, 1)
	if len(e.workers) != n {
		e.workers = make([]worker[F], n)
		for i := range e.workers { // closures made once: a go statement with arguments allocates
			w := &e.workers[i]
			w.run = func() {
				w.evaluate(e)
				e.wait.Done()
			}
		}
	}
	b := e.reading.b
	first, tokens := b.Offsets[0], b.Offsets[b.Len()]-b.Offsets[0]
	i := 0
	for k := range e.workers {
		w := &e.workers[k]
		w.from, w.err, w.stats = i, nil, Stats{}
		end := first + int(float64(tokens)*float64(k+1)/float64(n))
		for i < b.Len() && (b.Offsets[i+1] <= end || k == n-1) {
			i++
		}
		w.to = i
	}
	if n == 1 {
		e.workers[0].evaluate(e)
		return e.workers[0].err
	}
	e.wait.Add(n)
	for k := range e.workers {
		go e.workers[k].run()
	}
	e.wait.Wait()
	for k := range e.workers {
		if err := e.workers[k].err; err != nil {
			return err
		}
	}
	return nil
}

// evaluate runs over the worker's responses and stops at the first bad one.
func (w *worker[F]) evaluate(e *Evaluator[F]) {
	for i := w.from; i < w.to; i++ {
		if w.err = w.response(e, i); w.err != nil {
			return
		}
	}
}

// response evaluates response i, again without the bad tokens where NonFinite
// drops them.
func (w *worker[F]) response(e *Evaluator[F], i int) error {
	rd := &e.reading
	w.skip = nil
	for {
		err := w.attempt(e, i)
		if err == nil || rd.o.NonFinite != Drop || !rd.drop(&w.scratch, i, err) {
			return err
		}
	}
}

// Observe lets the objective's step-wide rules see a batch: call it for every
// micro-batch of the step after its forward pass, with one Sample or with Samples
// that are merged later, before Resolve. See Planner.
func Observe[F Float](s *Sample, o *Objective, b *Batch[F]) error {
	rd, err := read(o, b)
	if err != nil {
		return err
	}
	rules := o.rules()
	if len(s.rules) == 0 {
		s.rules = make([]rows, len(rules))
	}
	if len(s.rules) != len(rules) {
		return &BatchError{"Sample", "was filled for an objective with other rules"}
	}
	var w scratch[F]
	for i := range b.Len() {
		w.skip = nil
		n := 0
		for {
			if n, err = rd.whole(&w, i); err == nil || o.NonFinite != Drop || !rd.drop(&w, i, err) {
				break
			}
		}
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		for k, rule := range rules {
			if p, ok := rule.(Planner); ok && !p.Resolved() {
				s.current = k
				p.Observe(s, &w.r)
			}
		}
	}
	s.current = 0
	return nil
}
