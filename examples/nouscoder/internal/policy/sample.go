package policy

import (
	"context"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync/atomic"
)

// Request asks for one completion. Neighbours with equal prompts share the
// prompt's computation, so a group is its requests in a row.
type Request struct {
	Prompt []int32
	Seed   uint64 // all that the completion's randomness depends on
	Window int    // largest number of tokens, prompt and completion together; 0: Config.Positions
	Greedy bool   // take the most probable token (the lowest id of equals) instead of drawing at temperature 1
}

// Completion is one sampled response.
type Completion struct {
	Tokens    []int32   // [n] at least one; the last is Config.End unless Truncated
	LogProbs  []float32 // [n] of the tokens at temperature 1, greedy or not
	Entropies []float32 // [n] nats, of the distributions they came from
	Truncated bool      // the window ended before End came
}

// SampleOptions are what all requests of one Sample share. The zero value is ready.
type SampleOptions struct {
	Rope  Rope                       // frequencies to use instead of the trained ones
	Lanes int                        // completions that one core works on at a time; 0: 32. Results do not depend on it
	Each  func(i int, c *Completion) // called when request i is done, from several goroutines; nil: not
}

// Sample returns a completion for each request, in order. Each is a function of
// weights, options.Rope and its own request alone: neither the other requests nor the
// number of cores changes a bit.
//
// Errors: an *InputError naming the request, a *ConfigError for the options, or ctx's.
func (p *Policy) Sample(ctx context.Context, requests []Request, options SampleOptions) ([]Completion, error) {
	positions := p.config.Positions
	for i := range requests {
		if err := p.checkRequest(i, &requests[i]); err != nil {
			return nil, err
		}
		positions = max(positions, requests[i].Window)
	}
	rot := p.rotation
	if options.Rope.Frequencies != nil || options.Rope.AttentionScale != 0 || positions > p.config.Positions {
		var err error
		if rot, err = newRotation(p.config, options.Rope, positions); err != nil {
			return nil, err
		}
	}
	if options.Lanes < 0 {
		return nil, &ConfigError{"Lanes", fmt.Sprintf("is %d, want at least 0", options.Lanes)}
	}
	if options.Lanes == 0 {
		options.Lanes = 32
	}

	completions := make([]Completion, len(requests))
	runs := sharedPrompts(requests, options.Lanes)
	var next atomic.Int64
	parallel(min(len(runs), runtime.GOMAXPROCS(0)), func(int) { // each takes runs from the queue until it is empty
		s, _ := p.samplers.Get().(*sampler)
		if s == nil {
			s = new(sampler)
		}
		s.p, s.rot, s.options, s.requests, s.completions = p, &rot, &options, requests, completions
		s.sample(ctx, runs, &next)
		s.rot, s.options, s.requests, s.completions = nil, nil, nil, nil
		p.samplers.Put(s)
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return completions, nil
}

func (p *Policy) checkRequest(i int, r *Request) error {
	if len(r.Prompt) == 0 {
		return &InputError{i, -1, -1, "has no tokens"}
	}
	for k, t := range r.Prompt {
		if t < 0 || int(t) >= p.config.Vocabulary {
			return &InputError{i, -1, k, fmt.Sprintf("token %d is not below %d", t, p.config.Vocabulary)}
		}
	}
	window := r.Window
	if window == 0 {
		window = p.config.Positions
	}
	if window > largestField {
		return &InputError{i, -1, -1, fmt.Sprintf("window %d is above %d", window, largestField)}
	}
	if len(r.Prompt) >= window {
		return &InputError{i, -1, -1, fmt.Sprintf("prompt of %d tokens leaves no room in a window of %d", len(r.Prompt), window)}
	}
	return nil
}

// run is the requests first, ..., first+n-1, which have one prompt.
type run struct{ first, n int }

func sharedPrompts(requests []Request, most int) []run {
	var runs []run
	for i := range requests {
		if k := len(runs) - 1; k >= 0 && runs[k].n < most && slices.Equal(requests[i].Prompt, requests[i-1].Prompt) {
			runs[k].n++
			continue
		}
		runs = append(runs, run{i, 1})
	}
	return runs
}

// sampler is one core's share of a Sample.
type sampler struct {
	p           *Policy
	rot         *rotation
	options     *SampleOptions
	requests    []Request
	completions []Completion

	pass         pass
	probs        []float32 // [outputs × V]
	rows         []distribution
	lanes        []*lane // at work
	spareLanes   []*lane
	sparePrompts []*prompt
}

// lane is a completion that grows.
type lane struct {
	request int
	window  int
	prompt  *prompt
	seg     segment
	output  int // row of the logits that its next token comes from
}

// prompt is a segment that users lanes have as parent.
type prompt struct {
	seg   segment
	users int
}

// sample advances all lanes by one token a round; a lane that ends makes room for the
// next run, whose prompt joins the round that its lanes start in.
func (s *sampler) sample(ctx context.Context, runs []run, next *atomic.Int64) {
	c := &s.p.config
	held := -1 // a run that did not fit yet
	for ctx.Err() == nil {
		s.pass.begin()
		for _, l := range s.lanes {
			tokens := s.completions[l.request].Tokens
			l.output = s.predict(&l.seg, tokens[len(tokens)-1])
		}
		for {
			if held < 0 {
				held = int(next.Add(1) - 1)
			}
			if held >= len(runs) || len(s.lanes) > 0 && len(s.lanes)+runs[held].n > s.options.Lanes {
				break
			}
			s.admit(runs[held])
			held = -1
		}
		if len(s.lanes) == 0 {
			return
		}

		s.p.weights.forward(c, s.rot, &s.pass)
		n := len(s.pass.outputs)
		s.probs = grow(s.probs, n*c.Vocabulary)
		s.rows = slices.Grow(s.rows[:0], n)[:n]
		for i := range s.rows {
			at := i * c.Vocabulary
			s.rows[i] = softmax(s.probs[at:][:c.Vocabulary], s.pass.logits[at:][:c.Vocabulary])
		}
		s.lanes = slices.DeleteFunc(s.lanes, s.draw)
	}
	for _, l := range s.lanes { // cancelled
		s.release(l)
	}
	s.lanes = s.lanes[:0]
}

// predict adds one token to a segment and to the round, and returns the row of logits
// that it will have.
func (s *sampler) predict(seg *segment, tokens ...int32) int {
	s.pass.add(&s.p.config, seg, -1, 1, tokens...)
	return len(s.pass.outputs) - 1
}

// admit starts the lanes of a run.
func (s *sampler) admit(r run) {
	c := &s.p.config
	tokens := s.requests[r.first].Prompt
	pr := take(&s.sparePrompts)
	pr.users = r.n
	pr.seg.reset(c, nil, len(tokens))
	output := s.predict(&pr.seg, tokens...)
	for i := r.first; i < r.first+r.n; i++ {
		l := take(&s.spareLanes)
		l.request, l.prompt, l.output, l.window = i, pr, output, s.requests[i].Window
		if l.window == 0 {
			l.window = c.Positions
		}
		l.seg.reset(c, &pr.seg, l.window-len(tokens))
		s.lanes = append(s.lanes, l)
	}
}

// draw appends a token to l's completion and reports whether that ends it.
func (s *sampler) draw(l *lane) bool {
	v, out := s.p.config.Vocabulary, &s.completions[l.request]
	r := &s.requests[l.request]
	probs := s.probs[l.output*v:][:v]
	var token int
	if r.Greedy {
		token = mostProbable(s.pass.logits[l.output*v:][:v])
	} else {
		token = pick(probs, uniform(r.Seed, len(out.Tokens)))
	}
	d := s.rows[l.output]
	out.Tokens = append(out.Tokens, int32(token))
	out.LogProbs = append(out.LogProbs, d.logProb(s.pass.logits[l.output*v+token]))
	out.Entropies = append(out.Entropies, d.entropy)

	ended := int32(token) == s.p.config.End
	if !ended && len(r.Prompt)+len(out.Tokens) < l.window {
		return false
	}
	out.Truncated = !ended
	if s.options.Each != nil {
		s.options.Each(l.request, out)
	}
	s.release(l)
	return true
}

// release puts a lane back, and its prompt with the last of its lanes.
func (s *sampler) release(l *lane) {
	if l.prompt.users--; l.prompt.users == 0 {
		s.sparePrompts = append(s.sparePrompts, l.prompt)
	}
	l.prompt = nil
	s.spareLanes = append(s.spareLanes, l)
}

// take removes the last of spare, or makes a new one.
func take[T any](spare *[]*T) *T {
	n := len(*spare)
	if n == 0 {
		return new(T)
	}
	x := (*spare)[n-1]
	*spare = (*spare)[:n-1]
	return x
}

// mostProbable is the index of the largest logit, the lowest of equals.
func mostProbable(logits []float32) int {
	best := 0
	for i, z := range logits {
		if z > logits[best] {
			best = i
		}
	}
	return best
}

// pick inverts the cumulated probabilities at u in [0, 1). Where rounding leaves their sum
// below u, the last token that has a probability is taken.
func pick(probs []float32, u float64) int {
	var sum float64
	last := 0
	for i, p := range probs {
		if p > 0 {
			last = i
			if sum += float64(p); sum > u {
				return i
			}
		}
	}
	return last
}

// uniform is the k-th number in [0, 1) of a seed's stream: no state, so the order of
// calls does not matter.
func uniform(seed uint64, k int) float64 {
	hi, lo := bits.Mul64(mix(seed)^uint64(k), 0x9e3779b97f4a7c15)
	return float64(mix(hi^lo)>>11) / (1 << 53)
}

// mix is the finaliser of SplitMix64, a bijection.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
