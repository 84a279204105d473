package eval

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/grouprl/grouprl/rollout"
)

// Evaluation draws a protocol's samples of every problem from a Generator, has a
// Verifier judge them, and keeps both in a folder: a run that was killed, at any
// moment, goes on with what is missing. Generator and Verifier are required, the zero
// value of the rest is useful.
//
//	e := eval.Evaluation{Protocol: eval.NousCoder(), Generator: g, Verifier: v, Dir: "runs/step-480", Name: "step-480"}
//	outcome, err := e.Run(ctx, problems)
//	report, err := outcome.Report(eval.Options{})
//	fmt.Print(report)
//
// Temperature, TopP, TopK and Budget are the Generator's to keep; set it up from the
// same Protocol.
type Evaluation struct {
	Protocol  Protocol
	Generator rollout.Generator // if it is Counted, cost is as it says, else the number of token ids
	Verifier  rollout.Verifier

	Dir     string                          // of the run's journal; "": nothing is kept
	Name    string                          // what the protocol does not say: model, prompt, problem set. A folder is resumed under the same name and protocol only
	Cluster func(p *rollout.Problem) string // see Result.Cluster; nil: every problem is its own

	Generators int              // calls of Generate at a time; 0: 64
	Verifiers  int              // calls of Verify at a time; 0: GOMAXPROCS
	Waiting    int              // completions that may wait for a verifier before generation does; 0: 1,024
	Retries    int              // attempts after a failed one, of Generate and Verify each; 0: 2, negative: none
	Backoff    time.Duration    // wait before the first of them, doubled for each next, at most a minute; 0: 100 ms
	Retryable  func(error) bool // whether an error is worth another attempt; nil: every one
	MaxLost    int              // samples lost in a row that end the run; 0: 32

	Progress func(Progress) // sees every sample that ends, one at a time, and the beginning
}

// Counted is a Generator that knows what a completion cost, as package openai's does:
// tokens of the prompt and of the completion.
type Counted interface {
	rollout.Generator
	GenerateCounted(ctx context.Context, r *rollout.Request) (c *rollout.Completion, prompt, completion int, err error)
}

// Cost is in tokens. A prompt counts once a sample, though servers keep its prefix.
type Cost struct {
	Prompt     int64 `json:"prompt"`
	Completion int64 `json:"completion"`
}

// Progress is how far a run is.
type Progress struct {
	Total   int // samples of all problems
	Done    int // judged, in this process or before
	Resumed int // of these: before
	Lost    int // in this process
	Correct int
	Cost    Cost
}

// Sample is one judged completion.
type Sample struct {
	Problem    string         `json:"problem"`
	Sample     int            `json:"sample"`
	Status     rollout.Status `json:"status"`
	Truncated  bool           `json:"truncated,omitempty"`
	Prompt     int            `json:"prompt_tokens"`
	Completion int            `json:"completion_tokens"`
}

// LostError is a sample that the machinery lost: it is neither right nor wrong, and
// a resumed run tries it again.
type LostError struct {
	Problem string
	rollout.SampleError
}

func (e *LostError) Error() string {
	return fmt.Sprintf("eval: problem %q, %v", e.Problem, &e.SampleError)
}

// Unwrap returns the last attempt's error.
func (e *LostError) Unwrap() error { return e.Err }

// StoppedError ends a run that loses every sample: MaxLost in a row.
type StoppedError struct{ Last *LostError }

func (e *StoppedError) Error() string {
	return "eval: stopped, since sample after sample is lost; the last: " + e.Last.Error()
}

// Unwrap returns the last loss.
func (e *StoppedError) Unwrap() error { return e.Last }

// TwiceError is a problem that a set has twice: its samples could not be told apart.
type TwiceError struct{ Problem string }

func (e *TwiceError) Error() string {
	return fmt.Sprintf("eval: problem %q is in the set twice", e.Problem)
}

// Outcome is what a run came to, or how far it came.
type Outcome struct {
	Protocol Protocol
	Progress
	Results []Result     // of problems with a judged sample, in the order of the set
	Samples []Sample     // in the same order, each problem's by number
	Losses  []*LostError // of this process
}

// Complete reports whether every sample has been judged.
func (o *Outcome) Complete() bool { return o.Done == o.Total }

// Report computes the figures. Problems without a judged sample are in none of them.
func (o *Outcome) Report(options Options) (Report, error) {
	return NewReport(o.Protocol, o.Results, options)
}

// Run evaluates problems. It returns an Outcome also with an error, once the problems
// have been read: ctx's cause, a *StoppedError, or a failure of the journal. What was
// judged until then is kept, and Run may be called again.
//
// Every sample that the generator returns is durable before it is judged, and its
// verdict before it counts. So nothing that was paid for is drawn again, and no
// sample counts twice: a resumed run comes to the samples and the figures of one that
// was never interrupted, given a generator and a verifier that repeat themselves.
//
// Errors before that: of the protocol and the problems' source, *TwiceError,
// ErrNoResults for a set without problems, *RunError, and those of journal.OpenLog.
func (e *Evaluation) Run(ctx context.Context, problems iter.Seq2[*rollout.Problem, error]) (*Outcome, error) {
	r, err := e.begin(problems)
	if err != nil {
		return nil, err
	}
	err = r.run(ctx)
	if closing := r.log.close(); err == nil {
		err = closing
	}
	return r.outcome(), err
}

// run is an evaluation under way.
type run struct {
	*Evaluation
	problems []*rollout.Problem
	samples  int
	log      *runLog
	losses   []*LostError
	lost     map[string]int // by problem
	progress Progress
}

func (e *Evaluation) begin(problems iter.Seq2[*rollout.Problem, error]) (*run, error) {
	if err := e.Protocol.Validate(); err != nil {
		return nil, err
	}
	switch {
	case e.Protocol.Unknown:
		return nil, &OptionsError{"Protocol", e.Protocol, "an unknown one cannot be run"}
	case e.Generator == nil:
		return nil, &OptionsError{"Generator", nil, "missing"}
	case e.Verifier == nil:
		return nil, &OptionsError{"Verifier", nil, "missing"}
	}
	for _, o := range []struct {
		field string
		value int
	}{{"Generators", e.Generators}, {"Verifiers", e.Verifiers}, {"Waiting", e.Waiting}, {"MaxLost", e.MaxLost}, {"Backoff", int(e.Backoff)}} {
		if o.value < 0 {
			return nil, &OptionsError{o.field, o.value, "negative"}
		}
	}
	r := &run{Evaluation: e, samples: e.Protocol.withDefaults().Samples, lost: map[string]int{}}
	seen := map[string]bool{}
	for p, err := range problems {
		switch {
		case err != nil:
			return nil, err
		case p == nil:
			return nil, rollout.ErrNoProblem
		case seen[p.ID]:
			return nil, &TwiceError{p.ID}
		}
		seen[p.ID] = true
		r.problems = append(r.problems, p)
	}
	if len(r.problems) == 0 {
		return nil, ErrNoResults
	}
	var err error
	if r.log, err = openRunLog(e.Dir, RunHead{e.Name, e.Protocol}); err != nil {
		return nil, err
	}
	return r, nil
}

// task is a sample that has not been judged.
type task struct {
	problem *rollout.Problem
	key     sampleKey
	drawn   *drawn     // nil: not drawn yet
	judged  *Sample    // nil: not judged yet
	lost    *LostError // nil: it is not
}

func (r *run) run(ctx context.Context) error {
	or := func(value, def int) int {
		if value == 0 {
			return def
		}
		return value
	}
	r.progress.Total = len(r.problems) * r.samples
	for s := range r.judgedSamples() {
		r.progress.add(s)
		r.progress.Resumed++
	}
	r.tell()
	generators, verifiers := or(r.Generators, 64), or(r.Verifiers, runtime.GOMAXPROCS(0))
	drawn := rollout.Map(ctx, r.tasks(), r.draw, rollout.MapOptions{Workers: generators, InFlight: generators + or(r.Waiting, 1024), Order: rollout.ArrivalOrder})
	judged := rollout.Map(ctx, drawn, r.judge, rollout.MapOptions{Workers: verifiers, InFlight: 2 * verifiers, Order: rollout.ArrivalOrder})
	row := 0
	for t, err := range judged {
		if err != nil {
			return err
		}
		if t.lost != nil {
			r.losses = append(r.losses, t.lost)
			r.lost[t.key.problem]++
			r.progress.Lost++
			row++
		} else {
			r.progress.add(t.judged)
			row = 0
		}
		r.tell()
		if row >= or(r.MaxLost, 32) {
			return &StoppedError{t.lost}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (r *run) tell() {
	if r.Progress != nil {
		r.Progress(r.progress)
	}
}

// tasks yields what is missing, problem by problem: a prompt's samples together, so
// that servers read it once.
func (r *run) tasks() iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		for _, p := range r.problems {
			for sample := range r.samples {
				key := sampleKey{p.ID, sample}
				if r.log.judged(key) != nil {
					continue
				}
				if !yield(task{problem: p, key: key}, nil) {
					return
				}
			}
		}
	}
}

// draw has a sample drawn, or reads it where one was before.
func (r *run) draw(ctx context.Context, t task) (task, error) {
	d, err := r.log.drawn(t.key)
	if err != nil || d != nil {
		t.drawn = d
		return t, err
	}
	t.lost = r.attempt(ctx, t.key, "generate", func() error {
		q := rollout.Request{Problem: t.problem, Sample: t.key.sample, Seed: r.Protocol.Seed}
		c, prompt, completion, err := r.generate(ctx, &q)
		if err == nil {
			text := string([]rune(c.Text)) // what is no UTF-8 becomes U+FFFD now, as it would on the way through the journal
			t.drawn = &drawn{t.key.problem, t.key.sample, text, c.Truncated(), prompt, completion}
		}
		return err
	})
	if ctx.Err() != nil && t.drawn == nil {
		return t, context.Cause(ctx)
	}
	if t.lost != nil {
		return t, nil
	}
	return t, r.log.append(record{Drawn: t.drawn})
}

func (r *run) generate(ctx context.Context, q *rollout.Request) (c *rollout.Completion, prompt, completion int, err error) {
	if g, ok := r.Generator.(Counted); ok {
		c, prompt, completion, err = g.GenerateCounted(ctx, q)
	} else if c, err = r.Generator.Generate(ctx, q); c != nil {
		prompt, completion = len(c.Prompt), len(c.Tokens)
	}
	if err == nil && c == nil {
		err = rollout.ErrNoCompletion
	}
	return c, prompt, completion, err
}

// judge has a completion judged.
func (r *run) judge(ctx context.Context, t task) (task, error) {
	if t.lost != nil {
		return t, nil
	}
	c := &rollout.Completion{Sample: t.key.sample, Text: t.drawn.Text}
	if t.drawn.Truncated {
		c.Finish = rollout.Length
	}
	var verdict rollout.Verdict
	t.lost = r.attempt(ctx, t.key, "verify", func() (err error) {
		verdict, err = r.Verifier.Verify(ctx, t.problem, c)
		if err == nil && verdict.Status == rollout.Unjudged {
			err = rollout.ErrUnjudged
		}
		return err
	})
	switch {
	case t.lost != nil && ctx.Err() != nil:
		return t, context.Cause(ctx)
	case t.lost != nil:
		return t, nil
	}
	d := t.drawn
	t.drawn = nil // the text may be long
	t.judged = &Sample{d.Problem, d.Sample, verdict.Status, d.Truncated, d.Prompt, d.Completion}
	return t, r.log.append(record{Judged: t.judged})
}

// attempt makes a call until it succeeds or is given up.
func (r *run) attempt(ctx context.Context, key sampleKey, stage string, call func() error) *LostError {
	retries, wait := r.Retries, r.Backoff
	if retries == 0 {
		retries = 2
	}
	if wait == 0 {
		wait = 100 * time.Millisecond
	}
	for n := 1; ; n++ {
		err := call()
		switch {
		case err == nil:
			return nil
		case n > retries, ctx.Err() != nil, r.Retryable != nil && !r.Retryable(err):
			return &LostError{key.problem, rollout.SampleError{Sample: key.sample, Stage: stage, Attempts: n, Err: err}}
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
		wait = min(2*wait, time.Minute)
	}
}

// add counts a sample.
func (p *Progress) add(s *Sample) {
	p.Done++
	if s.Status == rollout.Accepted {
		p.Correct++
	}
	p.Cost.Prompt += int64(s.Prompt)
	p.Cost.Completion += int64(s.Completion)
}

// judgedSamples yields what has been judged, in the order of the set.
func (r *run) judgedSamples() iter.Seq[*Sample] {
	return func(yield func(*Sample) bool) {
		for _, p := range r.problems {
			for sample := range r.samples {
				if s := r.log.judged(sampleKey{p.ID, sample}); s != nil && !yield(s) {
					return
				}
			}
		}
	}
}

// outcome counts what the log has: where a run was called off, more may have been
// judged than its loop has seen.
func (r *run) outcome() *Outcome {
	o := &Outcome{Protocol: r.Protocol, Losses: r.losses}
	o.Total, o.Resumed, o.Lost = r.progress.Total, r.progress.Resumed, r.progress.Lost
	results := make(map[string]*Result, len(r.problems))
	for _, p := range r.problems {
		result := &Result{Problem: p.ID, Difficulty: p.Difficulty, Lost: r.lost[p.ID]}
		if r.Cluster != nil {
			result.Cluster = r.Cluster(p)
		}
		results[p.ID] = result
	}
	for s := range r.judgedSamples() {
		o.Samples = append(o.Samples, *s)
		o.Progress.add(s)
		results[s.Problem].add(s)
	}
	for _, p := range r.problems {
		if result := results[p.ID]; result.Samples > 0 {
			o.Results = append(o.Results, *result)
		}
	}
	return o
}

// add counts a sample.
func (r *Result) add(s *Sample) {
	r.Samples++
	if s.Status == rollout.Accepted {
		r.Correct++
	}
	if s.Truncated {
		r.Overlong++
	}
	r.Tokens += int64(s.Completion)
	r.Prompt += int64(s.Prompt)
}
