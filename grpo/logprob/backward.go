package logprob

import (
	"fmt"
	"math"
)

// Backward writes dL/dlogits of each row to dst, which may be x itself:
//
//	dst_j = (g (1[j = target] - p_j) - e p_j (log p_j + H)) / T
//
// rows is what Forward made of the same logits: LSE is read, and Entropies where an e
// is not 0. Where p does not sum to about 1 with that LSE (more than a tenth off), it
// is not of these logits, which is a *RowError.
//
// With a shard of the vocabulary (Options.First, Total), rows is of the whole.
func Backward[E Element, F Float](dst, x Logits[E], targets []int32, rows Rows[F], g Gradient[F], o Options) error {
	p := newPass[E, F]()
	p.dst, p.x, p.targets, p.rows, p.g, p.o = dst, x, targets, rows, g, o
	p.backward = true
	err := p.check()
	if err == nil && rows.LSE == nil {
		err = &ShapeError{"Rows.LSE", "is not given, and Backward reads it; ForwardBackward does not"}
	}
	if err == nil && g.Entropies != nil && rows.Entropies == nil {
		err = &ShapeError{"Rows.Entropies", "is not given, and the gradient has Entropies"}
	}
	return p.do(err)
}

// ForwardBackward is Forward, then Backward, row by row, so that each row is read from
// memory once: for a g and e that are known beforehand. rows receives what is wanted
// of it, which may be nothing; it is what Forward gives, to the last bit. The gradient
// is Backward's to the stated accuracy.
func ForwardBackward[E Element, F Float](rows Rows[F], dst, x Logits[E], targets []int32, g Gradient[F], o Options) error {
	p := newPass[E, F]()
	p.dst, p.x, p.targets, p.rows, p.g, p.o = dst, x, targets, rows, g, o
	p.forward, p.backward = true, true
	err := p.check()
	if err == nil && o.total(x.Vocab) != x.Vocab {
		err = &ShapeError{"Total", fmt.Sprintf("is %d for %d columns: ForwardBackward takes whole rows", o.Total, x.Vocab)}
	}
	return p.do(err)
}

// largest is the largest finite number of E.
func largest[E Element]() float64 {
	switch any(E(0)).(type) {
	case Float16:
		return 65504
	case BFloat16:
		return 0x1.fep127
	}
	return math.MaxFloat32
}

// gradient writes row r of dst.
func (p *pass[E, F]) gradient(s *scan, r int64, lse, entropy float64) *RowError {
	dst, x := p.dst.Row(r), p.x.Row(r)
	g, e := p.g.at(r)
	switch {
	case math.IsNaN(g) || math.IsInf(g, 0):
		return &RowError{r, "Gradient", -1, g, "dL/dlogp is not finite"}
	case math.IsNaN(e) || math.IsInf(e, 0):
		return &RowError{r, "Gradient", -1, e, "dL/dH is not finite"}
	case g == 0 && e == 0:
		clear(dst)
		return nil
	case math.IsNaN(lse) || math.IsInf(lse, 0):
		return &RowError{r, "LSE", -1, lse, "is not finite"}
	case e == 0:
		entropy = 0
	case math.IsNaN(entropy) || math.IsInf(entropy, 0):
		return &RowError{r, "Entropies", -1, entropy, "is not finite"}
	}
	t := s.temperature
	if bound := (math.Abs(g) + math.Abs(e)*(1+math.Abs(entropy))) / t; bound >= largest[E]() {
		return &RowError{r, "Gradient", -1, bound, "the gradient of the logits may overflow their type"}
	}

	// The target's own element, in float64, before x is overwritten.
	var own float64
	if p.targets == nil && g != 0 {
		return &RowError{r, "Gradient", -1, g, "dL/dlogp without targets"}
	}
	column, bad := p.column(r)
	if bad != nil {
		return bad
	}
	if p.o.Support != nil {
		column = within(p.o.Support.Row(r), column)
	}
	if column >= 0 {
		if logProb := float64(decode(x[column]))/t - lse; !math.IsInf(logProb, -1) { // masked: not a variable
			own = (float64(-g*math.Expm1(logProb)) - float64(e*math.Exp(logProb)*(logProb+entropy))) / t
		}
	}

	// p_j = exp(d/T) exp(-rest) with d = x_j - reference, and the rest is small.
	k := &s.backward
	k.shift, k.reference = k.shiftTo(lse * t)
	rest := lse - k.reference.at/t
	scale := math.Exp(-rest)
	k.constant = float32(-scale * (g + float64(e*(entropy-rest))) / t)
	k.slope = float32(-scale * e / t / t / float64(k.scale[0]))

	total := 0.0
	if p.o.Support == nil {
		total = multiply(s, dst, x, p.forward)
	} else {
		var err *RowError
		if total, err = p.scatter(s, r, dst, x); err != nil {
			return err
		}
	}
	total *= scale
	whole := p.o.total(p.x.Vocab) == p.x.Vocab
	if !p.forward && (!(total < 1.1) || whole && total < 0.9) {
		if math.IsNaN(total) {
			return &RowError{r, "Logits", -1, total, "a logit is NaN or +Inf"}
		}
		return &RowError{r, "LSE", -1, lse, fmt.Sprintf("is not of these logits and this temperature: probabilities sum to %.3g", total)}
	}
	if column >= 0 {
		dst[column] = encode[E](float32(own))
	}
	return nil
}

// multiply runs the kernel over a row and returns the sum of its powers; of its own row
// (see backwardKernel) that is not looked at.
func multiply[E Element](s *scan, dst, x []E, own bool) (total float64) {
	k := &s.backward
	var buffer [pad]E
	for done := 0; done < len(x); {
		n := min(len(x)-done, callElements)
		if n >= pad {
			n &^= pad - 1
			backwardKernel(tier, dst[done:done+n], x[done:done+n], own, k)
		} else { // the end of the row
			copy(buffer[:], x[done:])
			for i := n; i < pad; i++ {
				buffer[i] = negativeInfinity[E]()
			}
			backwardKernel(tier, buffer[:], buffer[:], own, k)
			copy(dst[done:], buffer[:n])
		}
		done += n
		for _, v := range k.total {
			total += float64(v)
		}
	}
	return total
}

// scatter is multiply over a support; ids between its ids get 0. What lies before an
// id has been read by the time it is overwritten, because ids increase.
func (p *pass[E, F]) scatter(s *scan, r int64, dst, x []E) (total float64, err *RowError) {
	if err := p.o.Support.checkRow(r, p.x.Vocab); err != nil {
		return 0, err
	}
	ids := p.o.Support.Row(r)
	var buffer [goBlock]float32
	cleared := 0
	for at := 0; at < len(ids); at += goBlock {
		n := gather(buffer[:], x, ids[at:])
		total += multiply(s, buffer[:n], buffer[:n], false)
		for i, id := range ids[at : at+n] {
			clear(dst[cleared:id])
			dst[id] = encode[E](buffer[i])
			cleared = int(id) + 1
		}
	}
	clear(dst[cleared:])
	return total, nil
}
