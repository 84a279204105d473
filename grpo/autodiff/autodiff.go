// Package autodiff makes a new objective from its value alone: write the loss of a
// token with dual numbers (gonum's num/dual), and its derivative follows.
//
//	clip := autodiff.Surrogate(func(t autodiff.Token) dual.Number {
//		r, a := t.Ratio(), t.Advantage()
//		return autodiff.Max(dual.Scale(-a, r), dual.Scale(-a, autodiff.Clamp(r, 0.8, 1.2)))
//	})
//
// It is for prototypes: five to ten times slower a token than a surrogate with its
// derivative written out. grpotest.Run checks either.
//
// # Kinks
//
// Max, Min and Clamp have one rule, the library's: of two equal values the first is
// taken, and a number on its bound is inside. So the unclipped branch comes first.
//
// # Stop-gradients
//
// Token.Detach is the value without its derivative. Surrogates with it pass
// grpotest's finite differences too, which hold detached values as they were.
package autodiff

import (
	"math"
	"sync"

	"gonum.org/v1/gonum/num/dual"

	"github.com/grouprl/grouprl/grpo"
)

// Token is a cursor on one counted token. Its log-ratio is the variable: numbers of
// type dual.Number carry the derivative with respect to it.
type Token struct {
	r    *grpo.Response
	i    int
	tape *tape
}

// LogRatio returns the log-ratio at the objective's level: derivative 1.
func (t Token) LogRatio() dual.Number { return dual.Number{Real: t.r.LogRatio[t.i], Emag: 1} }

// Ratio returns exp(LogRatio).
func (t Token) Ratio() dual.Number {
	return dual.Number{Real: t.r.Ratio[t.i], Emag: t.r.Ratio[t.i]}
}

// LogProb returns log pi_theta of the token: derivative 1, as it is for every level
// whose derivative goes to the own token. A surrogate that calls it is an
// *grpo.ObjectiveError at SequenceLevel and ProductLevel.
func (t Token) LogProb() dual.Number {
	if t.tape != nil {
		t.tape.logProb = true
	}
	return dual.Number{Real: t.r.LogProb[t.i], Emag: 1}
}

// Advantage returns the token's advantage.
func (t Token) Advantage() float64 { return t.r.Advantage[t.i] }

// Anchor returns the log-probability in the ratio's denominator.
func (t Token) Anchor() float64 { return t.r.Anchor[t.i] }

// Old returns OldLogProbs.
func (t Token) Old() float64 { return t.at(t.r.Old) }

// Rollout returns RolloutLogProbs; NaN where the batch has none.
func (t Token) Rollout() float64 { return t.at(t.r.Rollout) }

// Ref returns RefLogProbs; NaN where the batch has none.
func (t Token) Ref() float64 { return t.at(t.r.Ref) }

// Entropy returns Entropies; NaN where the batch has none.
func (t Token) Entropy() float64 { return t.at(t.r.Entropy) }

// Reward returns the raw reward of the response; NaN where the batch has none.
func (t Token) Reward() float64 { return t.r.Reward }

// Position returns the index among the response's counted tokens.
func (t Token) Position() int { return t.i }

// Response returns the response that the token belongs to.
func (t Token) Response() *grpo.Response { return t.r }

func (t Token) at(x []float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return x[t.i]
}

// Detach returns x under a stop-gradient: its value, and a derivative of 0.
func (t Token) Detach(x dual.Number) dual.Number {
	if t.tape != nil {
		x.Real = t.tape.next(x.Real)
	}
	return dual.Number{Real: x.Real}
}

// Surrogate returns the surrogate whose token loss is f. f is called from several
// goroutines, once a token; it is called twice here, on a made-up token with every
// field, to see whether it reads LogProb.
//
// Like all functions it can't be stored as JSON, and is given every field that the
// batch has.
func Surrogate(f func(t Token) dual.Number) grpo.Surrogate {
	s := &surrogate{f: f}
	if f == nil {
		return (*surrogate)(nil) // a *grpo.ObjectiveError of Validate
	}
	for _, a := range [...]float64{-1, 1} {
		probe := &tape{}
		s.probe(Token{&grpo.Response{
			LogProb: []float64{-1}, Anchor: []float64{-1}, Old: []float64{-1}, Rollout: []float64{-1}, Ref: []float64{-1},
			Entropy: []float64{1}, LogRatio: []float64{0}, Ratio: []float64{1}, Advantage: []float64{a}, Length: 1,
		}, 0, probe})
		s.logProb = s.logProb || probe.logProb
	}
	return s
}

type surrogate struct {
	f       func(t Token) dual.Number
	logProb bool // f reads LogProb
}

// probe calls f where it may panic: on a response that is not a real one.
func (s *surrogate) probe(t Token) {
	defer func() { _ = recover() }()
	s.f(t)
}

// Loss implements grpo.Surrogate.
func (s *surrogate) Loss(loss, dloss []float64, r *grpo.Response) {
	for i := range loss {
		x := s.f(Token{r: r, i: i})
		loss[i], dloss[i] = x.Real, x.Emag
	}
}

// DefinedAt implements grpo.Leveler.
func (s *surrogate) DefinedAt(l grpo.Level) bool { return !s.logProb || !l.Shared() }

// String implements fmt.Stringer.
func (s *surrogate) String() string { return "autodiff" }

// Freeze returns the surrogate with what is under Detach held as at the response at,
// as package grpotest needs it.
func (s *surrogate) Freeze(at *grpo.Response) grpo.Surrogate {
	tapes := make([]tape, at.Len())
	for i := range tapes {
		s.f(Token{at, i, &tapes[i]})
		tapes[i].replay = true
	}
	return &frozen{s: s, tapes: tapes}
}

type frozen struct {
	s     *surrogate
	tapes []tape
	lock  sync.Mutex
}

// Loss implements grpo.Surrogate.
func (f *frozen) Loss(loss, dloss []float64, r *grpo.Response) {
	f.lock.Lock()
	defer f.lock.Unlock()
	for i := range loss {
		f.tapes[i].at = 0
		x := f.s.f(Token{r, i, &f.tapes[i]})
		loss[i], dloss[i] = x.Real, x.Emag
	}
}

// tape holds the detached numbers of one token in the order in which f asked for
// them: written first, read back where replay is set.
type tape struct {
	values  []float64
	at      int
	replay  bool
	logProb bool
}

func (t *tape) next(x float64) float64 {
	if !t.replay {
		t.values = append(t.values, x)
		return x
	}
	if t.at < len(t.values) { // else f took another branch: a kink
		x = t.values[t.at]
		t.at++
	}
	return x
}
