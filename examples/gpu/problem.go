package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/cuda"
	"github.com/grouprl/grouprl/grpo/logprob"
)

const temperature = 0.8

// problem is a step's input: logits of every token, and a batch whose LogProbs and
// Entropies are still to be made of them.
type problem struct {
	logits    logprob.Logits[logprob.BFloat16]
	targets   []int32
	batch     grpo.Batch[float32]
	objective grpo.Objective
	totals    grpo.Totals
}

// outcome is what a path made of a problem, and how long each stage took at best.
type outcome struct {
	logProbs, entropies []float32
	gradient            logprob.Logits[logprob.BFloat16]
	loss                float64
	stage               [3]time.Duration // forward, objective, backward
}

// newProblem has ragged responses of about a sixteenth of the rows, and an old policy
// that is near the new one.
func newProblem(rows, vocab int64) (*problem, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := &problem{
		logits:    logprob.Logits[logprob.BFloat16]{Data: make([]logprob.BFloat16, rows*vocab), Rows: rows, Vocab: vocab},
		targets:   make([]int32, rows),
		objective: dapo.New(),
	}
	pool := make([]logprob.BFloat16, 1<<16) // drawn once: every row is another stretch of it
	for i := range pool {
		pool[i] = logprob.NewBFloat16(float32(3 * rng.NormFloat64()))
	}
	for r := range rows {
		for row := p.logits.Row(r); len(row) > 0; {
			row = row[copy(row, pool[rng.IntN(len(pool)):]):]
		}
		p.targets[r] = int32(rng.Int64N(vocab))
	}
	b := &p.batch
	for at := 0; at < int(rows); at = b.Offsets[len(b.Offsets)-1] {
		if at == 0 {
			b.Offsets = append(b.Offsets, 0)
		}
		b.Offsets = append(b.Offsets, min(int(rows), at+1+rng.IntN(1+int(rows)/8)))
		b.Advantages = append(b.Advantages, rng.NormFloat64())
		b.Groups = append(b.Groups, len(b.Groups)/4)
	}
	first := p.empty()
	if err := logprob.Forward(first.rows(nil), p.logits, p.targets, logprob.Options{Temperature: temperature}); err != nil {
		return nil, err
	}
	b.OldLogProbs = first.logProbs
	for i := range b.OldLogProbs {
		b.OldLogProbs[i] += float32(0.1 * rng.NormFloat64())
	}
	b.LogProbs = make([]float32, rows) // for Count, which looks at lengths alone
	totals, err := grpo.Count(&p.objective, b)
	p.totals = totals
	return p, err
}

func (p *problem) empty() *outcome {
	return &outcome{logProbs: make([]float32, p.logits.Rows), entropies: make([]float32, p.logits.Rows)}
}

func (o *outcome) rows(lse []float64) logprob.Rows[float32] {
	return logprob.Rows[float32]{LogProbs: o.logProbs, Entropies: o.entropies, LSE: lse}
}

// time runs a stage and keeps its best time.
func (o *outcome) time(stage int, f func() error) error {
	start := time.Now()
	err := f()
	if took := time.Since(start); o.stage[stage] == 0 || took < o.stage[stage] {
		o.stage[stage] = took
	}
	return err
}

// onHost is the step by packages logprob and grpo.
func (p *problem) onHost(repeat int) (*outcome, error) {
	o := p.empty()
	rows := o.rows(make([]float64, p.logits.Rows))
	o.gradient = logprob.Logits[logprob.BFloat16]{Data: make([]logprob.BFloat16, len(p.logits.Data)), Rows: p.logits.Rows, Vocab: p.logits.Vocab}
	b := p.batch
	b.LogProbs, b.Entropies = o.logProbs, o.entropies
	g := grpo.Gradient[float32]{LogProbs: make([]float32, p.logits.Rows)}
	var evaluator grpo.Evaluator[float32]
	options := logprob.Options{Temperature: temperature}
	for range repeat {
		err := errors.Join(
			o.time(0, func() error { return logprob.Forward(rows, p.logits, p.targets, options) }),
			o.time(1, func() error {
				stats, err := evaluator.Eval(g, &p.objective, &b, &p.totals)
				o.loss = stats.Loss()
				return err
			}),
			o.time(2, func() error {
				return logprob.Backward(o.gradient, p.logits, p.targets, rows, logprob.Gradient[float32]{LogProbs: g.LogProbs}, options)
			}))
		if err != nil {
			return nil, err
		}
	}
	return o, nil
}

// onDevice is the same step in the device's memory, as a trainer has it there: only the
// logits are copied anew for each step, outside of the times, because Backward
// overwrites them.
func (p *problem) onDevice(d *cuda.Device, repeat int) (o *outcome, err error) {
	s, err := d.Stream(0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var memory []cuda.Ptr
	defer func() {
		for _, at := range memory {
			err = errors.Join(err, d.Free(at))
		}
	}()
	alloc := func(bytes int64) (at cuda.Ptr) {
		if err == nil {
			if at, err = d.Alloc(bytes); err == nil {
				memory = append(memory, at)
			}
		}
		return at
	}
	n := p.logits.Rows
	x := cuda.Matrix{Ptr: alloc(2 * n * p.logits.Vocab), DType: cuda.BFloat16, Rows: n, Cols: p.logits.Vocab}
	targets, old := alloc(4*n), alloc(4*n)
	rows := cuda.Rows{LogProbs: alloc(4 * n), Entropies: alloc(4 * n), LSE: alloc(8 * n)}
	g := cuda.Gradient{LogProbs: alloc(4 * n)}
	if err != nil {
		return nil, fmt.Errorf("gpu: %d rows of %d ids: %w", n, p.logits.Vocab, err)
	}
	b := cuda.Batch{
		Offsets: p.batch.Offsets, Tokens: int(n), Advantages: p.batch.Advantages, Groups: p.batch.Groups,
		LogProbs: rows.LogProbs, Entropies: rows.Entropies, OldLogProbs: old,
	}
	evaluator := cuda.Evaluator{Stream: s}
	defer func() { err = errors.Join(err, evaluator.Close()) }()
	options := cuda.Options{Temperature: temperature}

	o = p.empty()
	o.gradient = logprob.Logits[logprob.BFloat16]{Data: make([]logprob.BFloat16, len(p.logits.Data)), Rows: n, Vocab: p.logits.Vocab}
	if err := errors.Join(cuda.Upload(s, targets, p.targets), cuda.Upload(s, old, p.batch.OldLogProbs)); err != nil {
		return nil, err
	}
	for i := range repeat + 1 {
		if i == 1 {
			o.stage = [3]time.Duration{} // the first step has compiled the kernels
		}
		err := errors.Join(
			cuda.Upload(s, x.Ptr, p.logits.Data), s.Sync(),
			o.time(0, func() error { return errors.Join(s.Forward(rows, x, targets, options), s.Sync()) }),
			o.time(1, func() error {
				stats, err := evaluator.Eval(g, &p.objective, &b, &p.totals)
				o.loss = stats.Loss()
				return err
			}),
			o.time(2, func() error { return errors.Join(s.Backward(x, targets, rows, g, options), s.Sync()) }))
		if err != nil {
			return nil, err
		}
	}
	if why := evaluator.OnHost(); why != nil {
		return nil, why
	}
	return o, errors.Join(cuda.Download(s, o.logProbs, rows.LogProbs), cuda.Download(s, o.entropies, rows.Entropies),
		cuda.Download(s, o.gradient.Data, x.Ptr))
}

func (o *outcome) total() time.Duration { return o.stage[0] + o.stage[1] + o.stage[2] }

func (o *outcome) print(w io.Writer, name string, rows int64) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.3f ms", float64(d.Nanoseconds())/1e6) }
	fmt.Fprintf(w, "%-5s %12s %12s %12s %14.0f %12.6f\n", name, ms(o.stage[0]), ms(o.stage[1]), ms(o.stage[2]),
		float64(rows)/o.total().Seconds(), o.loss)
}

// compare prints speeds and differences. Log-probabilities may differ by a few 1e-6,
// the gradient by the rounding of a bfloat16, 2^-8 of itself, and where it is small by
// what its row's largest element loses in float32.
func compare(w io.Writer, cpu, gpu *outcome, o options) error {
	bytes := float64(2 * o.rows * o.vocab)
	fmt.Fprintf(w, "\nGPU: %.1fx the CPU's tokens/s; forward reads %.0f GB/s, backward reads and writes %.0f GB/s\n",
		cpu.total().Seconds()/gpu.total().Seconds(), bytes/gpu.stage[0].Seconds()/1e9, 2*bytes/gpu.stage[2].Seconds()/1e9)
	logp, entropy, loss := furthest(cpu.logProbs, gpu.logProbs), furthest(cpu.entropies, gpu.entropies), math.Abs(cpu.loss-gpu.loss)
	gradient, roundings := 0.0, 0.0
	for r := range o.rows {
		a, b := cpu.gradient.Row(r), gpu.gradient.Row(r)
		largest := 0.0
		for j := range a {
			largest = max(largest, math.Abs(float64(a[j].Float32())))
		}
		for j := range a {
			p, q := float64(a[j].Float32()), float64(b[j].Float32())
			d := math.Abs(p - q)
			gradient = worse(gradient, d)
			roundings = worse(roundings, d/(math.Abs(p)*0x1p-8+largest*0x1p-20+0x1p-133))
		}
	}
	fmt.Fprintf(w, "differences: log p %.1e, entropy %.1e, loss %.1e, dL/dlogits %.1e (%.2f roundings)\n", logp, entropy, loss, gradient, roundings)
	if !(logp <= 1e-5 && entropy <= 2e-5 && loss <= 1e-5*max(1, math.Abs(cpu.loss)) && roundings <= 2) {
		return errDifferent
	}
	return nil
}

// furthest is the largest difference of two columns; a NaN is infinitely far.
func furthest(a, b []float32) (d float64) {
	for i := range a {
		d = worse(d, math.Abs(float64(a[i])-float64(b[i])))
	}
	return d
}

func worse(a, b float64) float64 {
	if b != b {
		return math.Inf(1)
	}
	return max(a, b)
}
