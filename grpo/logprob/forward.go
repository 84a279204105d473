package logprob

import (
	"fmt"
	"math"
)

// Forward writes what is wanted of each row: LogProbs of targets[r], LSE, Entropies,
// SumSquares. One pass over the logits. targets may be nil if no LogProbs are wanted.
//
// Errors: *ShapeError before anything is written, *RowError for the first row without
// an answer.
func Forward[E Element, F Float](dst Rows[F], x Logits[E], targets []int32, o Options) error {
	p := newPass[E, F]()
	p.rows, p.x, p.targets, p.o = dst, x, targets, o
	p.forward = true
	err := p.check()
	if err == nil && o.total(x.Vocab) != x.Vocab {
		err = &ShapeError{"Total", fmt.Sprintf("is %d for %d columns: Forward takes whole rows; Partials, Merge and Finish take shards", o.Total, x.Vocab)}
	}
	return p.do(err)
}

// Partials writes what each row's logits come to, for a shard of the vocabulary whose
// ids begin at Options.First: Merge the shards' partials row by row, then Finish. A
// shard without a logit above -Inf is the empty Partial, not an error.
func Partials[E Element](dst []Partial, x Logits[E], targets []int32, o Options) error {
	p := newPass[E, float64]()
	p.partials, p.x, p.targets, p.o = dst, x, targets, o
	p.forward = true
	err := p.check()
	if err == nil && int64(len(dst)) != x.Rows {
		err = &ShapeError{"Partials", fmt.Sprintf("has %d elements for %d rows", len(dst), x.Rows)}
	}
	return p.do(err)
}

// callElements is how much one call of a kernel takes, about 5 us: assembly cannot be
// preempted.
const callElements = 32 << 10

// scan is the state of one worker.
type scan struct {
	temperature float64
	forward     forwardState
	backward    backwardState
	segments    segments
}

func (s *scan) begin(temperature float64) {
	s.temperature = temperature
	s.forward.power = newPower(temperature)
	s.backward.power = s.forward.power
}

// begins sets the reference to the largest of the first few logits that are not masked.
func begins[E Element](k *forwardState, temperature float64, x []E) {
	first := float32(math.Inf(-1))
	k.masked = false
	for len(x) > 0 && math.IsInf(float64(first), -1) {
		n := min(len(x), 16)
		first, x = largestGo(x[:n]), x[n:]
	}
	if math.IsInf(float64(first), -1) { // none
		first, k.masked = 0, true
	}
	k.setReference(first, temperature)
}

// sum adds the logits x to p.
func sum[E Element](s *scan, p *Partial, x []E, squares bool) {
	k := &s.forward
	var buffer [pad]E
	for done := 0; done < len(x) && !k.spoilt; {
		n := min(len(x)-done, callElements)
		block := x[done : done+n]
		if n >= pad {
			block = block[:n&^(pad-1)]
		} else { // the end of the row
			k.masked = true
			for i := copy(buffer[:], block); i < pad; i++ {
				buffer[i] = negativeInfinity[E]()
			}
			block = buffer[:]
		}
		counted := forwardKernel(tier, block, k, squares)
		done += counted
		p.Merge(k.total(s.temperature, squares))
		if counted < len(block) {
			goOn(k, s.temperature, block[counted:])
		}
	}
	if k.spoilt {
		p.Sum = math.NaN()
	}
}

// total adds the lanes, in pairs.
func (k *forwardState) total(temperature float64, squares bool) Partial {
	tree := func(v *[8]float64) float64 {
		return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
	}
	p := Partial{Max: k.reference.at / temperature, Sum: tree(&k.sum)}
	if p.Sum == 0 { // masked ids alone, or as good as that
		return Partial{}
	}
	p.Weighted = tree(&k.weighted) / float64(k.scale[0]) / temperature
	if squares {
		p.Squares = tree(&k.squares)
	}
	return p
}

// column is where the target of row r stands; -1: nowhere, or in another shard.
func (p *pass[E, F]) column(r int64) (int64, *RowError) {
	if p.targets == nil {
		return -1, nil
	}
	id := int64(p.targets[r])
	if total := p.o.total(p.x.Vocab); id < 0 || id >= total {
		return -1, &RowError{r, "Targets", id, float64(id), fmt.Sprintf("the vocabulary is [0, %d)", total)}
	}
	if id -= p.o.First; id < 0 || id >= p.x.Vocab {
		return -1, nil
	}
	return id, nil
}

// row is the Partial of row r, and where it has none, why.
func (p *pass[E, F]) row(s *scan, r int64) (sums Partial, err *RowError) {
	x := p.x.Row(r)
	target, err := p.column(r)
	if err != nil {
		return sums, err
	}
	squares := p.rows.SumSquares != nil || p.partials != nil
	if p.o.Support == nil {
		begins(&s.forward, s.temperature, x)
		sum(s, &sums, x, squares)
	} else {
		if err := p.o.Support.checkRow(r, p.x.Vocab); err != nil {
			return sums, err
		}
		ids := p.o.Support.Row(r)
		target = within(ids, target)
		var buffer [goBlock]float32
		for at := 0; at < len(ids); at += goBlock {
			n := gather(buffer[:], x, ids[at:])
			if sums.Sum == 0 {
				begins(&s.forward, s.temperature, buffer[:n])
			}
			sum(s, &sums, buffer[:n], squares)
		}
	}
	if target >= 0 {
		sums.Target, sums.Found = float64(decode(x[target]))/s.temperature, true
	}
	return sums, p.judge(r, &sums)
}

// judge says why row r has no answer, if it has none.
func (p *pass[E, F]) judge(r int64, sums *Partial) *RowError {
	if math.IsNaN(sums.Sum) || math.IsNaN(sums.Weighted) {
		return p.nonFinite(r)
	}
	if sums.Sum == 0 && p.partials == nil {
		return &RowError{r, "Logits", -1, math.Inf(-1), "every id is masked"}
	}
	return nil
}

// nonFinite finds the logit that spoils row r. A NaN stays where it was even if powers
// have been kept over logits.
func (p *pass[E, F]) nonFinite(r int64) *RowError {
	x := p.x.Row(r)
	bad := func(id int64) *RowError {
		v := float64(decode(x[id]))
		if math.IsNaN(v) || math.IsInf(v, 1) {
			return &RowError{r, "Logits", id + p.o.First, v, "a logit is a number or, masked, -Inf"}
		}
		return nil
	}
	if p.o.Support != nil {
		for _, id := range p.o.Support.Row(r) {
			if err := bad(int64(id)); err != nil {
				return err
			}
		}
	} else {
		for id := range x {
			if err := bad(int64(id)); err != nil {
				return err
			}
		}
	}
	return &RowError{r, "Logits", -1, math.NaN(), "the logits changed while they were read"}
}

// gather copies logits of the ids that fit into dst.
func gather[E Element](dst []float32, x []E, ids []int32) int {
	n := min(len(dst), len(ids))
	for i, id := range ids[:n] {
		dst[i] = decode(x[id])
	}
	return n
}

// within is id if it is among the sorted ids, else -1.
func within(ids []int32, id int64) int64 {
	low, high := 0, len(ids)
	for low < high {
		if middle := (low + high) / 2; int64(ids[middle]) < id {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(ids) || int64(ids[low]) != id {
		return -1
	}
	return id
}
