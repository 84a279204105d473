package grpo

import (
	"math"

	"github.com/grouprl/grouprl/grpo/internal/pass"
)

// scratch is the working memory of one worker. Its slices hold one block: counted
// tokens of one response, in float64.
type scratch[F Float] struct {
	r      Response
	tokens []int  // index into [T] of each counted token of the response, if they are not consecutive
	skip   []bool // [response's tokens] dropped by NonFinite; nil: none yet
	from   int    // first token of the response
	length int    // its counted tokens, with those that NonFinite dropped
	lo     int    // counted token that the block begins with
	bad    []int  // counted tokens that the last error was about

	memory                           []float64
	advantage, d, ratio, loss, dloss []float64
	x, klValue, klSlope, tmp         []float64
	lp, old, rollout, ref, entropy   []float64
	q, logRatio, weight, grad        []float64

	lps, anchors, others []F          // the block's LogProbs, the ratio's anchor, the KL term's other policy
	columns              [columns][]F // its tokens of a batch field, where they are not consecutive
	out                  []F          // its rows of a gradient, likewise
	inside, still        []bool
	bounded              bool // Clamp or Cap: inside is in use
	sums                 tally
}

// Batch fields [T] of log-probabilities and entropies.
const (
	columnLogProbs = iota
	columnOld
	columnRollout
	columnRef
	columnEntropies
	columns
)

// tally is what is added up over the blocks of one response.
type tally struct {
	pass.RatioSums
	losses  pass.Pair // token losses, and their derivatives
	kl      pass.Pair // the KL term's estimates, and their derivatives
	entropy pass.Lanes
	held    pass.HeldCounts
}

func (t *tally) reset() {
	*t = tally{}
	t.RatioSums.Reset()
}

const scratchSlices = 18

// Slices of a power of two would lie on the same lines of a cache; multiples of 8
// begin with one.
const stagger = 24

// resize sets the length of every slice, with contents undefined.
func (s *scratch[F]) resize(n int) {
	if len(s.d) == n {
		return
	}
	if cap(s.d) < n {
		n := (n + n/8 + 7) &^ 7
		stride := n + stagger
		s.memory = make([]float64, scratchSlices*stride)
		for i, p := range s.floats() {
			*p = s.memory[i*stride : i*stride+n : i*stride+n]
		}
		for i := range s.columns {
			s.columns[i] = make([]F, n)
		}
		s.out = make([]F, n)
		s.inside = make([]bool, n)
		s.still = make([]bool, n)
	}
	for _, p := range s.floats() {
		*p = (*p)[:n]
	}
	s.inside, s.still = s.inside[:n], s.still[:n]
}

func (s *scratch[F]) floats() [scratchSlices]*[]float64 {
	return [...]*[]float64{
		&s.advantage, &s.d, &s.ratio, &s.loss, &s.dloss, &s.x, &s.klValue, &s.klSlope, &s.tmp,
		&s.lp, &s.old, &s.rollout, &s.ref, &s.entropy, &s.q, &s.logRatio, &s.weight, &s.grad,
	}
}

// at returns the index into [T] of token t of the block.
func (s *scratch[F]) at(t int) int {
	if len(s.tokens) > 0 {
		return s.tokens[s.lo+t]
	}
	return s.from + s.lo + t
}

// choose finds the counted tokens of response i and returns their number: all but
// those that are masked or that NonFinite has dropped, of which s.length still counts.
func (rd *reading[F]) choose(s *scratch[F], i int) (n int) {
	mask := rd.b.Mask
	from, to := rd.b.Offsets[i], rd.b.Offsets[i+1]
	s.from, s.length, s.tokens = from, to-from, s.tokens[:0]
	if len(mask) == 0 && s.skip == nil {
		return s.length
	}
	if cap(s.tokens) < to-from {
		s.tokens = make([]int, 0, to-from+(to-from)/8)
	}
	s.length = 0
	for t := from; t < to; t++ {
		if len(mask) > 0 && !mask[t] {
			continue
		}
		s.length++
		if s.skip == nil || !s.skip[t-from] {
			s.tokens = append(s.tokens, t)
		}
	}
	n = len(s.tokens)
	if n == to-from {
		s.tokens = s.tokens[:0] // consecutive after all
	}
	return n
}

// column returns the block's tokens of a batch field [T], nil for an empty one.
func (s *scratch[F]) column(k int, src []F) []F {
	n := len(s.d)
	if len(src) == 0 {
		return nil
	}
	if len(s.tokens) == 0 {
		return src[s.from+s.lo:][:n]
	}
	dst := s.columns[k][:n]
	for t, token := range s.tokens[s.lo:][:n] {
		dst[t] = src[token]
	}
	return dst
}

// advantages fills s.advantage and reports whether it is finite.
func (s *scratch[F]) advantages(b *Batch[F], i int) bool {
	dst := s.advantage
	if len(b.TokenAdvantages) == 0 {
		a := b.Advantages[i]
		if s.lo > 0 { // as in the block before
			return finite(a)
		}
		pass.Fill(dst, a)
		return finite(a)
	}
	if len(s.tokens) == 0 {
		return pass.Widen(dst, b.TokenAdvantages[s.from+s.lo:][:len(dst)])
	}
	bad := 0.0
	for t, token := range s.tokens[s.lo:][:len(dst)] {
		dst[t] = b.TokenAdvantages[token]
		bad += dst[t] - dst[t]
	}
	return bad == 0
}

// badToken returns a *ValueError for the first token t of the block for which
// isBad(t), with x[t] as its value, and lists all such tokens in s.bad.
func (s *scratch[F]) badToken(field string, i int, x []float64, isBad func(t int) bool) error {
	s.bad = s.bad[:0]
	for t := range x {
		if isBad(t) {
			s.bad = append(s.bad, t)
		}
	}
	if len(s.bad) == 0 { // each is finite but their sum is not
		return &ValueError{field, i, -1, pass.Sum(x)}
	}
	return &ValueError{field, i, s.at(s.bad[0]), x[s.bad[0]]}
}

// finite is not x - x == 0, into which the product that x may be could be fused.
func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }
