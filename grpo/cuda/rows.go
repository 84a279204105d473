package cuda

import "github.com/grouprl/grouprl/grpo/logprob"

// Rows is where Forward writes and Backward reads, in device memory: one number a row.
// 0 means not wanted. LogProbs and Entropies are what grpo's objectives read.
type Rows struct {
	LogProbs   Ptr // [Rows] float32, log p of the target
	LSE        Ptr // [Rows] float64, log sum exp(x/T), since every p is made from it
	Entropies  Ptr // [Rows] float32, -sum p log p in nats
	SumSquares Ptr // [Rows] float32, sum p^2
}

// Slice is the rows from index from on.
func (r Rows) Slice(from int64) Rows {
	return Rows{offset(r.LogProbs, 4*from), offset(r.LSE, 8*from), offset(r.Entropies, 4*from), offset(r.SumSquares, 4*from)}
}

// offset moves an address, if it is one.
func offset(p Ptr, bytes int64) Ptr {
	if p == 0 {
		return 0
	}
	return p + Ptr(bytes)
}

func (r *Rows) check(d *Device, rows int64) error {
	for _, f := range [...]struct {
		name string
		p    Ptr
		size int64
	}{{"Rows.LogProbs", r.LogProbs, 4}, {"Rows.LSE", r.LSE, 8}, {"Rows.Entropies", r.Entropies, 4}, {"Rows.SumSquares", r.SumSquares, 4}} {
		if f.p == 0 {
			continue
		}
		if err := d.checkVector(f.name, f.p, rows, f.size); err != nil {
			return err
		}
	}
	return nil
}

// Gradient is what an objective gives back, in device memory: one number a row.
type Gradient struct {
	LogProbs  Ptr // [Rows] float32, g = dL/dlogp; 0: 0
	Entropies Ptr // [Rows] float32, e = dL/dH; 0: 0
	Losses    Ptr // [Rows] float32, token losses before aggregation, all terms; 0: not wanted. Backward does not read them
}

// Slice is the rows from index from on.
func (g Gradient) Slice(from int64) Gradient {
	return Gradient{offset(g.LogProbs, 4*from), offset(g.Entropies, 4*from), offset(g.Losses, 4*from)}
}

func (g *Gradient) check(d *Device, rows int64) error {
	if g.LogProbs == 0 && g.Entropies == 0 {
		return &logprob.ShapeError{Field: "Gradient", Reason: "has neither LogProbs nor Entropies"}
	}
	if g.LogProbs != 0 {
		if err := d.checkVector("Gradient.LogProbs", g.LogProbs, rows, 4); err != nil {
			return err
		}
	}
	if g.Entropies != 0 {
		return d.checkVector("Gradient.Entropies", g.Entropies, rows, 4)
	}
	return nil
}
