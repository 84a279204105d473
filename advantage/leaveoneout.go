package advantage

import (
	"math"
	"slices"
)

// divideByOthers divides the advantages of group p by the standard deviation of the
// other rewards of the group, and applies ZeroSpread where those agree.
//
// The others' squares are merged from those below and those above in sorted order,
// so nothing cancels: the textbook E[x^2] - E[x]^2 leaves residues that give
// advantages in the thousands.
func (o *GroupRelative) divideByOthers(dst []float64, g *workspace, p int, in *Input) {
	values, sorted := g.group(p)
	copy(sorted, values)
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return // all left out
	}
	low := sorted[0]
	unit := unit(sorted[n-1] - low)
	g.below = grow(g.below, n)
	var m moments
	for k, v := range sorted {
		g.below[k] = m
		m.add((v - low) * unit)
	}
	// below[k] turns into the moments of all but k; of equal rewards the first one's serves.
	m = moments{}
	for k := n - 1; k >= 0; k-- {
		g.below[k].merge(m)
		m.add((sorted[k] - low) * unit)
	}
	for k, v := range values {
		i := g.member[g.start[p]+k]
		if in.silent(i) {
			continue
		}
		at, _ := slices.BinarySearch(sorted, v)
		first, last := sorted[0], sorted[n-1]
		if at == 0 {
			first = sorted[1]
		}
		if at == n-1 {
			last = sorted[n-2]
		}
		if last-first <= o.Tolerance {
			if o.ZeroSpread == ZeroSpreadZero {
				dst[i] = 0
			}
			continue
		}
		std := math.Sqrt(g.below[at].squares/float64(n-1-o.DDof)) / unit
		dst[i] /= divisor(std, o.Epsilon, o.EpsilonPlace)
	}
}

// moments are count, mean and sum of squared deviations of numbers, by Welford's
// update and Chan's merge: sums of squares only, so nothing cancels.
type moments struct{ n, mean, squares float64 }

func (m *moments) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.squares += float64(d * (x - m.mean))
}

func (m *moments) merge(o moments) {
	n := m.n + o.n
	if n == 0 {
		return
	}
	d := o.mean - m.mean
	m.squares += o.squares + float64(float64(d*d)*(m.n*o.n/n))
	m.mean += float64(d * (o.n / n))
	m.n = n
}
