package logprob

import (
	"fmt"
	"math"
)

// Rows is where Forward writes and Backward reads: one number a row. Any slice may be
// nil, which means not wanted. Chunks of one batch are reslices of the same memory.
type Rows[F Float] struct {
	LogProbs   []F       // log p of the target
	LSE        []float64 // log sum exp(x/T); float64, since every p is made from it
	Entropies  []F       // -sum p log p, nats
	SumSquares []F       // sum p^2, the probability that two draws are equal
}

// Slice is rows from:to, sharing memory.
func (r Rows[F]) Slice(from, to int64) Rows[F] {
	return Rows[F]{slice(r.LogProbs, from, to), slice(r.LSE, from, to), slice(r.Entropies, from, to), slice(r.SumSquares, from, to)}
}

func slice[T any](s []T, from, to int64) []T {
	if s == nil {
		return nil
	}
	return s[from:to]
}

func (r *Rows[F]) check(rows int64) error {
	for _, f := range [...]struct {
		name    string
		given   bool
		present int
	}{
		{"LogProbs", r.LogProbs != nil, len(r.LogProbs)}, {"LSE", r.LSE != nil, len(r.LSE)},
		{"Entropies", r.Entropies != nil, len(r.Entropies)}, {"SumSquares", r.SumSquares != nil, len(r.SumSquares)},
	} {
		if f.given && int64(f.present) != rows {
			return &ShapeError{"Rows." + f.name, fmt.Sprintf("has %d elements for %d rows", f.present, rows)}
		}
	}
	return nil
}

// set writes row r.
func (r *Rows[F]) set(row int64, p *Partial) *RowError {
	var err *RowError
	logProb, lse, entropy, squares := p.LogProb(), p.LSE(), p.Entropy(), p.SumSquares()
	switch {
	case p.Sum == 0:
		err = &RowError{row, "Logits", -1, math.Inf(-1), "every id is masked"}
	case math.IsNaN(lse) || math.IsInf(lse, 1):
		err = &RowError{row, "Logits", -1, lse, "a logit is NaN or +Inf"}
	}
	if err != nil {
		logProb, lse, entropy, squares = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	}
	if r.LogProbs != nil {
		r.LogProbs[row] = F(logProb)
	}
	if r.LSE != nil {
		r.LSE[row] = lse
	}
	if r.Entropies != nil {
		r.Entropies[row] = F(entropy)
	}
	if r.SumSquares != nil {
		r.SumSquares[row] = F(squares)
	}
	return err
}

// Gradient is what an objective gives back: one number a row, as grpo.Gradient has them.
type Gradient[F Float] struct {
	LogProbs  []F // g = dL/dlogp
	Entropies []F // e = dL/dH; nil: 0
}

// Slice is rows from:to, sharing memory.
func (g Gradient[F]) Slice(from, to int64) Gradient[F] {
	return Gradient[F]{slice(g.LogProbs, from, to), slice(g.Entropies, from, to)}
}

// at is g and e of a row.
func (g *Gradient[F]) at(r int64) (logProb, entropy float64) {
	if g.Entropies != nil {
		entropy = float64(g.Entropies[r])
	}
	if g.LogProbs != nil {
		logProb = float64(g.LogProbs[r])
	}
	return logProb, entropy
}

func (g *Gradient[F]) check(rows int64) error {
	if g.LogProbs == nil && g.Entropies == nil {
		return &ShapeError{"Gradient", "has neither LogProbs nor Entropies"}
	}
	if g.LogProbs != nil && int64(len(g.LogProbs)) != rows {
		return &ShapeError{"Gradient.LogProbs", fmt.Sprintf("has %d elements for %d rows", len(g.LogProbs), rows)}
	}
	if g.Entropies != nil && int64(len(g.Entropies)) != rows {
		return &ShapeError{"Gradient.Entropies", fmt.Sprintf("has %d elements for %d rows", len(g.Entropies), rows)}
	}
	return nil
}
