package logprob

import "math"

// A segment is elements of a row whose powers were kept relative to one reference.
type segment struct {
	end       int
	reference float64
}

// segments are those of a row. Few rows have more than three: each begins where a
// logit is far above all before it.
type segments struct {
	list  [16]segment
	count int
}

// add ends a segment; where the list is full, it brings the row so far to the latest
// reference and makes it one segment.
func (s *segments) add(dst []float32, end int, reference, temperature float64) {
	if s.count > 0 && s.list[s.count-1].end == end || end == 0 {
		return
	}
	s.list[s.count] = segment{end, reference}
	if s.count++; s.count == len(s.list) {
		s.scale(dst, reference/temperature, temperature, 1)
		s.list[0], s.count = segment{end, reference}, 1
	}
}

// scale multiplies dst by factor exp((reference - lse)/T): with lse that of the row,
// what is kept becomes factor p.
func (s *segments) scale(dst []float32, lse, temperature, factor float64) {
	from := 0
	for _, g := range s.list[:s.count] {
		scale := float32(factor * math.Exp(g.reference/temperature-lse))
		for from < g.end {
			to := min(from+callElements, g.end)
			scaleKernel(tier, dst[from:to], scale)
			from = to
		}
	}
}

// sumKeep is sum over the whole of x that keeps the powers in dst, which may be x.
func sumKeep(s *scan, p *Partial, dst, x []float32) {
	k := &s.forward
	s.segments.count = 0
	var buffer [pad]float32
	for done := 0; done < len(x) && !k.spoilt; {
		n := min(len(x)-done, callElements)
		from, to := x[done:done+n], dst[done:done+n]
		if n >= pad {
			from, to = from[:n&^(pad-1)], to[:n&^(pad-1)]
		} else { // the end of the row
			k.masked = true
			for i := copy(buffer[:], from); i < pad; i++ {
				buffer[i] = float32(math.Inf(-1))
			}
			from, to = buffer[:], buffer[:]
		}
		counted := keepKernel(tier, to, from, k)
		p.Merge(k.total(s.temperature, false))
		if counted < len(from) {
			done += counted
			s.segments.add(dst, done, k.reference.at, s.temperature)
			goOn(k, s.temperature, from[counted:])
			continue
		}
		if n < pad {
			copy(dst[done:], buffer[:n])
			counted = n
		}
		done += counted
	}
	if k.spoilt {
		p.Sum = math.NaN()
		return
	}
	s.segments.add(dst, len(x), k.reference.at, s.temperature)
}

// both is the forward and backward pass of row r in the usual case: float32 logits, no
// gradient of the entropy. The forward pass leaves the powers in dst and the backward
// pass scales them. usual is false where it is not that case, and nothing is done.
func (p *pass[E, F]) both(s *scan, r int64) (sums Partial, err *RowError, usual bool) {
	g, e := p.g.at(r)
	dst, ok := any(p.dst.Row(r)).([]float32)
	if !ok || !keeps(tier) || e != 0 || g == 0 || p.targets == nil || p.o.Support != nil || p.rows.SumSquares != nil ||
		!(math.Abs(g)/s.temperature < math.MaxFloat32) {
		return sums, nil, false
	}
	x := any(p.x.Row(r)).([]float32)
	target, err := p.column(r)
	if err != nil {
		return sums, err, true
	}
	sums.Target, sums.Found = float64(x[target])/s.temperature, true // before x is overwritten
	begins(&s.forward, s.temperature, x)
	sumKeep(s, &sums, dst, x)
	if err := p.judge(r, &sums); err != nil {
		return sums, err, true
	}
	s.segments.scale(dst, sums.LSE(), s.temperature, -g/s.temperature)
	if logProb := sums.LogProb(); !math.IsInf(logProb, -1) { // else masked: not a variable
		dst[target] = float32(-g * math.Expm1(logProb) / s.temperature)
	}
	return sums, nil, true
}
