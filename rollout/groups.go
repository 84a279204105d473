package rollout

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"time"
)

// Options of Groups. The zero value samples whole groups of 8, in input order.
type Options struct {
	Samples int   // completions a problem; 0: 8
	Seed    int64 // handed to the Generator in every Request; differ from step to step
	// Round numbers a drawing of p, in input order; nil: 0, 1, 2, ... as a
	// problem's ID comes up again in this range, which remembers every ID.
	Round func(p *Problem) int

	Generators int   // calls of Generate at a time; 0: 2 * Samples
	Verifiers  int   // calls of Verify at a time; 0: GOMAXPROCS
	InFlight   int   // groups drawn and not yet yielded, at most; 0: 4 * (Generators / Samples + 1) + Verifiers
	Order      Order // InputOrder (0), or ArrivalOrder: a run cannot be repeated, since what is yielded depends on timing
	// Throttle makes the input wait until a group that is begun will not be too old
	// when it is trained on; nil: it never waits.
	Throttle *Throttle

	Retries   int              // attempts after a failed one, of Generate and Verify each; 0: 2, negative: none
	Backoff   time.Duration    // wait before the first of them, doubled for each next, at most a minute; 0: 100 ms, negative: none
	Retryable func(error) bool // whether an error is worth another attempt; nil: every one

	MinGroup int  // fewest completions of a group that is yielded; 0: Samples, so only whole groups
	SkipLost bool // leave lost groups out silently (GroupLost events still tell); false: yield a *GroupError in their place

	Observe func(Event) // sees every event, one at a time, from any goroutine: be quick
}

// ErrUnjudged is what a Verifier's zero verdict without an error amounts to: no
// reward can come of it.
var ErrUnjudged = errors.New("the verifier returned no error and no verdict (status Unjudged)")

// ErrNoCompletion is what a Generator's nil completion without an error amounts to.
var ErrNoCompletion = errors.New("the generator returned no error and no completion")

// ErrNoProblem takes the place of a nil problem in the input.
var ErrNoProblem = errors.New("rollout: the input yielded a nil problem")

// SampleError is a completion that the machinery lost: generation or verification
// failed Attempts times. It is never a reward.
type SampleError struct {
	Sample   int
	Stage    string // "generate" or "verify"
	Attempts int
	Err      error // the last one
}

func (e *SampleError) Error() string {
	return fmt.Sprintf("sample %d: %s failed after %d attempts: %v", e.Sample, e.Stage, e.Attempts, e.Err)
}

func (e *SampleError) Unwrap() error { return e.Err }

// GroupError is a group of which fewer than Options.MinGroup completions are left.
type GroupError struct {
	Problem *Problem
	Round   int
	Left    int // completions that were judged
	Want    int // MinGroup
	Lost    []*SampleError
}

func (e *GroupError) Error() string {
	s := fmt.Sprintf("rollout: problem %q, round %d: %d completions left, want %d", e.Problem.ID, e.Round, e.Left, e.Want)
	if len(e.Lost) > 0 {
		s += ": " + e.Lost[0].Error()
	}
	return s
}

// Unwrap returns the errors of the lost samples.
func (e *GroupError) Unwrap() []error {
	errs := make([]error, len(e.Lost))
	for i, err := range e.Lost {
		errs[i] = err
	}
	return errs
}

// Groups samples Samples completions of every problem of in, has them verified,
// and yields each problem's group, completions in the order of their samples.
//
// Generation and verification have workers of their own and a queue between them
// that holds all there can be: generation never waits for verification, only for
// input, for the loop when InFlight groups are drawn and not yet yielded (which
// also bounds memory), or for the trainer if there is a Throttle. In input order the groups and all that is in them
// are a function of the input, the generator and the verifier, however fast each
// of them was.
//
// An error of Generate or Verify is the machinery's. After Retries further
// attempts the completion leaves its group (Group.Lost says so); it is never a
// reward. A group with fewer than MinGroup completions left is a *GroupError in
// its place, or left out (SkipLost). An error of the input passes through in its
// place. None of these ends the range: the loop decides.
//
// When ctx ends, its cause is the last error yielded. Breaking out of the range
// cancels the context that Generate and Verify see. In either case every
// goroutine has ended when the range does; it waits for a call that does not
// watch its context, and for an input that does not yield, since in is ranged in
// a goroutine of its own. A panic of in, a worker or Observe becomes a panic of
// the range, a *PanicError. Options that cannot be are one *OptionsError.
func Groups(ctx context.Context, in iter.Seq2[*Problem, error], g Generator, v Verifier, o Options) iter.Seq2[*Group, error] {
	return func(yield func(*Group, error) bool) {
		o := o.withDefaults()
		if err := o.check(); err != nil {
			yield(nil, err)
			return
		}
		p := &pipeline{
			Options:   o,
			crew:      newCrew(ctx),
			generator: g,
			verifier:  v,
			line:      newLine[*Group](o.InFlight, o.Order),
			generate:  make(chan *sample, o.InFlight*o.Samples),
			verify:    make(chan *sample, o.InFlight*o.Samples),
			turns:     turns{throttle: o.Throttle},
			monitor:   monitor{observe: o.Observe, start: time.Now(), generate: o.Generators, verify: o.Verifiers},
		}
		p.monitor.last = p.monitor.start
		defer p.turns.end() // when all have gone
		defer p.crew.end()
		p.run(in)
		p.line.yield(p.crew, p.handed, func(g *Group, err error) bool {
			_, lost := err.(*GroupError)
			switch {
			case lost:
				p.turns.giveBack()
			case err == nil:
				p.turns.hand()
			}
			return lost && o.SkipLost || yield(g, err)
		})
	}
}

func (o Options) withDefaults() Options {
	def := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	def(&o.Samples, 8)
	def(&o.Generators, 2*o.Samples)
	def(&o.Verifiers, runtime.GOMAXPROCS(0))
	if o.Samples > 0 {
		def(&o.InFlight, 4*(o.Generators/o.Samples+1)+o.Verifiers)
	}
	def(&o.Retries, 2)
	def(&o.MinGroup, o.Samples)
	if o.Backoff == 0 {
		o.Backoff = 100 * time.Millisecond
	}
	return o
}

func (o *Options) check() error {
	if err := checkCounts(count{"Samples", o.Samples}, count{"Generators", o.Generators}, count{"Verifiers", o.Verifiers},
		count{"InFlight", o.InFlight}, count{"MinGroup", o.MinGroup}); err != nil {
		return err
	}
	switch {
	case int64(o.InFlight)*int64(o.Samples) > most:
		return &OptionsError{"InFlight", o.InFlight, fmt.Sprintf("more than %d samples in flight", most)}
	case o.MinGroup > o.Samples:
		return &OptionsError{"MinGroup", o.MinGroup, fmt.Sprintf("more than the %d samples of a group", o.Samples)}
	case o.Order != InputOrder && o.Order != ArrivalOrder:
		return &OptionsError{"Order", o.Order, "unknown"}
	}
	return nil
}

// A draft is a group being made; its last sample to end hands it over.
type draft struct {
	problem *Problem
	round   int
	place   *place[*Group]
	samples []sample
	left    int // samples that have not ended; under the monitor's lock
}

// A sample passes from the feeder through both queues; one goroutine has it at a
// time.
type sample struct {
	draft      *draft
	index      int
	completion *Completion
	verdict    Verdict
	lost       *SampleError
}

type pipeline struct {
	Options
	*crew
	generator Generator
	verifier  Verifier
	line      *line[*Group]
	generate  chan *sample // as wide as all samples in flight, both of them:
	verify    chan *sample // no send blocks
	turns     turns
	monitor   monitor
}

func (p *pipeline) run(in iter.Seq2[*Problem, error]) {
	p.Go(func() { p.feed(in) })
	for range p.Generators {
		p.Go(p.generateAll)
	}
	for range p.Verifiers {
		p.Go(p.verifyAll)
	}
}

func (p *pipeline) handed() {
	p.monitor.do(nil, func(s *State) { s.Groups--; s.Ready-- })
}

// feed turns problems into samples to generate.
func (p *pipeline) feed(in iter.Seq2[*Problem, error]) {
	defer close(p.generate)
	if p.Round == nil {
		drawn := make(map[string]int)
		p.Round = func(p *Problem) int {
			n := drawn[p.ID]
			drawn[p.ID] = n + 1
			return n
		}
	}
	if !p.room() {
		return
	}
	for problem, err := range in {
		if err == nil && problem == nil {
			err = ErrNoProblem
		}
		if err != nil {
			p.monitor.do(nil, func(s *State) { s.Groups++; s.Ready++ })
			p.line.finish(p.line.take(), nil, err)
			p.turns.giveBack() // an error is no group
		} else {
			p.begin(problem, p.Round(problem))
		}
		if !p.room() {
			return
		}
	}
	p.line.close()
}

// room waits until another problem may be drawn; false: ctx has ended.
func (p *pipeline) room() bool { return p.line.reserve(p.ctx) && p.turns.take(p.ctx) }

// begin puts a problem's samples into the queue of the generators.
func (p *pipeline) begin(problem *Problem, round int) {
	d := &draft{problem: problem, round: round, place: p.line.take(), samples: make([]sample, p.Samples), left: p.Samples}
	p.monitor.do(&Event{Kind: Drawn, Problem: problem, Round: round}, func(s *State) {
		s.Groups++
		s.ToGenerate += p.Samples
	})
	for i := range d.samples {
		d.samples[i] = sample{draft: d, index: i}
		p.generate <- &d.samples[i]
	}
}

func (p *pipeline) generateAll() {
	defer p.monitor.do(nil, func(*State) { p.monitor.generate-- })
	for s := range p.generate {
		if p.ctx.Err() != nil {
			return
		}
		d := s.draft
		request := Request{Problem: d.problem, Sample: s.index, Round: d.round, Seed: p.Seed}
		p.monitor.do(nil, func(st *State) { st.ToGenerate-- })
		ok := p.attempt(s, "generate", Generated, func(st *State) *int { return &st.Generating }, func() error {
			r := request // a generator may write to it
			c, err := p.generator.Generate(p.ctx, &r)
			if err == nil && c == nil {
				err = ErrNoCompletion
			}
			if err == nil {
				own := *c // the generator may hand out one value twice
				own.Sample = s.index
				s.completion = &own
			}
			return err
		})
		if ok {
			p.monitor.do(nil, func(st *State) { st.ToVerify++ })
			p.verify <- s
		}
	}
}

func (p *pipeline) verifyAll() {
	defer p.monitor.do(nil, func(*State) { p.monitor.verify-- })
	for {
		var s *sample
		select {
		case s = <-p.verify:
		case <-p.ctx.Done():
			return
		}
		if p.ctx.Err() != nil {
			return
		}
		p.monitor.do(nil, func(st *State) { st.ToVerify-- })
		ok := p.attempt(s, "verify", Verified, func(st *State) *int { return &st.Verifying }, func() error {
			verdict, err := p.verifier.Verify(p.ctx, s.draft.problem, s.completion)
			switch {
			case err != nil:
			case verdict.Status == Unjudged:
				err = ErrUnjudged
			case math.IsNaN(verdict.Reward) || math.IsInf(verdict.Reward, 0):
				err = fmt.Errorf("the verifier's reward is %v", verdict.Reward)
			}
			s.verdict = verdict
			return err
		})
		if ok {
			p.ended(s)
		}
	}
}

// attempt makes a call until it succeeds, is given up, or ctx ends. busy points to
// the count of calls now running; a call that is given up ends its sample.
func (p *pipeline) attempt(s *sample, stage string, done EventKind, busy func(*State) *int, call func() error) (ok bool) {
	wait := p.Backoff
	for n := 1; ; n++ {
		p.monitor.do(nil, func(st *State) { *busy(st)++ })
		start := time.Now()
		err := call()
		e := &Event{Kind: done, Problem: s.draft.problem, Round: s.draft.round, Sample: s.index, Attempt: n, Took: time.Since(start), Err: err}
		final := n > p.Retries || p.Retryable != nil && err != nil && !p.Retryable(err)
		switch {
		case p.ctx.Err() != nil:
			return false // the range is ending; nothing of this is reported
		case err == nil:
		case final:
			e.Kind = SampleLost
		default:
			e.Kind = Retrying
		}
		p.monitor.do(e, func(st *State) { *busy(st)-- })
		switch e.Kind {
		case done:
			return true
		case SampleLost:
			s.lost = &SampleError{Sample: s.index, Stage: stage, Attempts: n, Err: err}
			p.ended(s)
			return false
		}
		if wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-p.ctx.Done():
				t.Stop()
				return false
			}
			wait = min(2*wait, time.Minute)
		}
	}
}

// ended takes note of a sample's end; the last one of its group makes the group.
func (p *pipeline) ended(s *sample) {
	d := s.draft
	last := false
	p.monitor.do(nil, func(*State) {
		d.left--
		last = d.left == 0
	})
	if !last {
		return
	}
	g := &Group{Problem: d.problem, Round: d.round}
	for i := range d.samples {
		s := &d.samples[i]
		if s.lost != nil {
			g.Lost = append(g.Lost, s.lost)
			continue
		}
		g.Completions = append(g.Completions, s.completion)
		g.Verdicts = append(g.Verdicts, s.verdict)
	}
	e := &Event{Kind: GroupReady, Problem: d.problem, Round: d.round}
	var err error
	if len(g.Completions) < p.MinGroup {
		err = &GroupError{Problem: d.problem, Round: d.round, Left: len(g.Completions), Want: p.MinGroup, Lost: g.Lost}
		e.Kind, e.Err, g = GroupLost, err, nil
	}
	p.monitor.do(e, func(st *State) { st.Ready++ })
	p.line.finish(d.place, g, err)
}
