package cuda

import (
	"errors"
	"math"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/cuda/internal/kernels"
)

// Evaluator is grpo.Evaluator over device memory: between Forward and Backward, on the
// same stream, with the same objective and totals, and the same loss, gradient,
// statistics and errors.
//
//	e := cuda.Evaluator{Stream: stream}
//	defer e.Close()
//	stats, err := e.Eval(gradient, &objective, &batch, &totals)
//
// Everything is computed in float64. Gradients of one device do not depend on how a
// step is cut, to the last bit; the host's differ by rounding at most (exp of Mismatch
// and of KL.Factor, which the host takes from package math).
//
// An objective without kernels (see OnDevice), a non-finite number, and a token that
// NonFinite drops are the host's: the token fields are copied there, package grpo
// evaluates them, and the gradient is copied back, by the same call.
//
// The zero value with a Stream is ready. An Evaluator is used by one goroutine at a time.
type Evaluator struct {
	Stream *Stream

	// Scale multiplies the gradient only; 0 means 1. See grpo.Evaluator.
	Scale float64

	onHost error // why the last call was the host's

	// Memory of the device, for [rule | responses | rows | sums].
	device Ptr
	size   int64

	rule      [1]rule
	responses []response
	rows      []int64 // of counted tokens, where a response has gaps
	sums      []sums

	single columns[float32]
	double columns[float64]

	blocks int // of a launch at most; 0: one a response. Tests set it
}

// Close frees the device memory of the evaluator. Close it before its stream.
func (e *Evaluator) Close() error {
	p := e.device
	e.device, e.size = 0, 0
	if p == 0 {
		return nil
	}
	return e.Stream.d.Free(p)
}

// OnHost says why the last call was evaluated on the host: an *UnsupportedError, or the
// error of a number that is not finite. It is nil if the call ran on the device.
func (e *Evaluator) OnHost() error { return e.onHost }

// Eval is grpo.Evaluator.Eval: it overwrites the batch's rows of dst. It returns when
// the loss is known; Backward can follow on the same stream without a Sync. dst must not
// overlap the batch.
//
// Errors are those of package grpo, and for what it does not know *PointerError and the
// errors of the driver. After an error those rows of dst are zero, as far as the device
// still answers.
func (e *Evaluator) Eval(dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals) (grpo.Stats, error) {
	return e.eval(dst, o, b, t, false)
}

// Add is Eval that adds to dst instead of overwriting it: a sum of objectives.
func (e *Evaluator) Add(dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals) (grpo.Stats, error) {
	return e.eval(dst, o, b, t, true)
}

func (e *Evaluator) eval(dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals, add bool) (grpo.Stats, error) {
	if b.Double {
		return evaluate(e, &e.double, dst, o, b, t, add)
	}
	return evaluate(e, &e.single, dst, o, b, t, add)
}

func evaluate[F grpo.Float](e *Evaluator, c *columns[F], dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals, add bool) (grpo.Stats, error) {
	e.onHost = nil
	stats, err := attempt(e, c, dst, o, b, t, add)
	if err == nil {
		return stats, nil
	}
	for _, x := range dst.columns() {
		if x.check(e.Stream.d, b) != nil {
			continue // no memory to be zeroed
		}
		if failed := e.zero(x, b); failed != nil {
			err = errors.Join(err, failed)
			break
		}
	}
	return grpo.Stats{}, err
}

func attempt[F grpo.Float](e *Evaluator, c *columns[F], dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals, add bool) (grpo.Stats, error) {
	d := e.Stream.d
	if err := c.check(e.Scale, dst, o, b, t); err != nil {
		return grpo.Stats{}, err
	}
	if err := b.check(d); err != nil {
		return grpo.Stats{}, err
	}
	for _, x := range dst.columns() {
		if err := x.check(d, b); err != nil {
			return grpo.Stats{}, err
		}
	}
	stats, reason, err := e.onDevice(dst, o, b, t, add)
	if err == nil && reason != nil {
		e.onHost = reason
		stats, err = c.evaluate(e, dst, o, b, t, add)
	}
	return stats, err
}

// onDevice evaluates with the kernels. With a reason not to, nothing has been written.
func (e *Evaluator) onDevice(dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals, add bool) (stats grpo.Stats, reason, err error) {
	r := &e.rule[0]
	if *r, reason = newRule(o); reason != nil {
		return stats, reason, nil
	}
	gaps, reason := e.tabulate(o, b, t)
	if reason != nil {
		return stats, reason, nil
	}
	if r.scale = e.Scale; r.scale == 0 {
		r.scale = 1
	}
	r.add = word(add)
	r.point(o, b)
	if add { // look before anything is added
		if reason, err = e.launch(b); reason != nil || err != nil {
			return stats, reason, err
		}
	} else if gaps || o.Entropy.Coefficient == 0 && dst.Entropies != 0 {
		for _, x := range dst.columns() {
			if err = e.zero(x, b); err != nil {
				return stats, nil, err
			}
		}
	}
	r.gradient, r.entropyGradient, r.losses = dst.LogProbs, dst.Entropies, dst.Losses
	if reason, err = e.launch(b); reason != nil || err != nil {
		return stats, reason, err
	}
	for range b.Len() - len(e.responses) { // without a counted token
		if err := stats.Add(&grpo.Measured{}); err != nil {
			return stats, nil, err
		}
	}
	for i := range e.responses {
		m := e.sums[i].measured(r, &e.responses[i])
		if err := stats.Add(&m); err != nil {
			return stats, odd, nil
		}
	}
	if odds(stats.Loss()) {
		return stats, odd, nil
	}
	return stats, nil, nil
}

// odd is why the host evaluates a batch that the kernels could.
var odd = &UnsupportedError{"Batch", "it has, or makes, a number that is not finite"}

func odds(x float64) bool { return !(math.Abs(x) <= 1e250) }

// tabulate lists the responses with counted tokens, and says whether there are rows
// that do not count.
func (e *Evaluator) tabulate(o *grpo.Objective, b *Batch, t *grpo.Totals) (gaps bool, reason error) {
	e.responses, e.rows = e.responses[:0], e.rows[:0]
	for i := range b.Len() {
		from, to := b.Offsets[i], b.Offsets[i+1]
		r := response{from: int64(from), n: int64(to - from), index: -1}
		if len(b.Mask) > 0 {
			if e.counted(&r, b.Mask[from:to]); r.n < int64(to-from) {
				gaps = true
			}
		}
		if r.n == 0 {
			continue
		}
		counts, ok := countsOf(t, b, i, r.n)
		if !ok {
			return gaps, &UnsupportedError{"Totals", "an id of the batch is not in their tables"}
		}
		if len(b.Advantages) > 0 {
			r.advantage = b.Advantages[i]
		}
		share := func(a grpo.Aggregation) float64 {
			if a == nil {
				return r.share
			}
			return a.Share(counts)
		}
		r.share = share(o.Aggregation)
		if o.KL.Coefficient != 0 {
			r.klSlope = o.KL.Coefficient * share(o.KL.Aggregation)
		}
		if o.Entropy.Coefficient != 0 {
			r.entropySlope = -o.Entropy.Coefficient * share(o.Entropy.Aggregation)
		}
		if odds(r.advantage) || odds(r.share) || odds(r.klSlope) || odds(r.entropySlope) {
			return gaps, odd
		}
		e.responses = append(e.responses, r)
	}
	return gaps, nil
}

// counted sets where the counted tokens of a response are: one run of rows, or a list.
func (e *Evaluator) counted(r *response, mask []bool) {
	first, last, n := -1, -1, int64(0)
	for t, m := range mask {
		if m {
			if first < 0 {
				first = t
			}
			last = t
			n++
		}
	}
	r.n = n
	if n == 0 || int64(last-first+1) == n {
		r.from += int64(max(first, 0))
		return
	}
	r.index = int64(len(e.rows))
	for t := first; t <= last; t++ {
		if mask[t] {
			e.rows = append(e.rows, r.from+int64(t))
		}
	}
}

// countsOf are the counts of response i with n counted tokens, unless an id is missing.
func countsOf(t *grpo.Totals, b *Batch, i int, n int64) (c grpo.Counts, ok bool) {
	id := func(ids []int) int {
		if len(ids) == 0 {
			return 0
		}
		return ids[i]
	}
	c = grpo.Counts{
		Tokens: t.Tokens, Responses: t.Responses, AllResponses: t.AllResponses, Length: n,
		Prompts: int64(len(t.Prompts)), Episodes: int64(len(t.Episodes)),
	}
	prompt, ok := t.Prompts[id(b.Groups)]
	if !ok && t.Prompts != nil {
		return c, false
	}
	episode, ok := t.Episodes[id(b.Episodes)]
	if !ok && t.Episodes != nil {
		return c, false
	}
	c.PromptTokens, c.PromptResponses, c.EpisodeTokens = prompt.Tokens, prompt.Responses, episode.Tokens
	return c, true
}

// launch runs the kernel over the tabulated responses and waits for their sums.
func (e *Evaluator) launch(b *Batch) (reason, err error) {
	if len(e.responses) == 0 {
		return nil, nil
	}
	d, stream := e.Stream.d, e.Stream.handle
	name := objectiveKernels[0]
	if b.Double {
		name = objectiveKernels[1]
	}
	kernel, err := d.kernel(kernels.Objective, objectiveKernels[:], name)
	if err != nil {
		return nil, err
	}
	if cap(e.sums) < len(e.responses) {
		e.sums = make([]sums, len(e.responses)+len(e.responses)/8)
	}
	e.sums = e.sums[:len(e.responses)]
	place := [4]int64{}
	for i, bytes := range [...]int{len(bytesOf(e.rule[:])), len(bytesOf(e.responses)), len(bytesOf(e.rows)), len(bytesOf(e.sums))} {
		if i+1 < len(place) {
			place[i+1] = place[i] + int64(bytes)
		} else if err := e.grow(place[i] + int64(bytes)); err != nil {
			return nil, err
		}
	}
	at := func(i int) Ptr { return e.device + Ptr(place[i]) }
	for i, bytes := range [...][]byte{bytesOf(e.rule[:]), bytesOf(e.responses), bytesOf(e.rows)} {
		if len(bytes) == 0 {
			continue
		}
		if err := d.see(d.drv.Upload(at(i), bytes, stream)); err != nil {
			return nil, err
		}
	}
	grid := min(len(e.responses), maxBlocks)
	if e.blocks > 0 {
		grid = min(grid, e.blocks)
	}
	if err := e.Stream.launch(kernel, grid, threads, uint64(at(0)), uint64(at(1)), uint64(at(2)), uint64(at(3)), uint64(len(e.responses))); err != nil {
		return nil, err
	}
	if err := d.see(d.drv.Download(bytesOf(e.sums), at(3), stream)); err != nil {
		return nil, err
	}
	for i := range e.sums {
		if e.sums[i].odd > 0 {
			return odd, nil
		}
	}
	return nil, nil
}

// The kernels of objective.cu.
var objectiveKernels = [...]string{"objective_f32", "objective_f64"}

// Of a launch: threads is the kernel's THREADS.
const threads, maxBlocks = 160, 1 << 20

// grow makes room on the device.
func (e *Evaluator) grow(bytes int64) error {
	if bytes <= e.size {
		return nil
	}
	if err := e.Close(); err != nil {
		return err
	}
	bytes += bytes / 8
	p, err := e.Stream.d.Alloc(bytes)
	if err != nil {
		return err
	}
	e.device, e.size = p, bytes
	return nil
}

// zero fills the batch's rows of a column of the gradient.
func (e *Evaluator) zero(x column, b *Batch) error {
	first, last := b.rows()
	if x.ptr == 0 || first == last {
		return nil
	}
	size := b.size()
	return e.Stream.d.see(e.Stream.d.drv.Fill(offset(x.ptr, int64(first)*size), 0, int64(last-first)*size, e.Stream.handle))
}
