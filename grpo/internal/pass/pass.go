// Package pass holds the loops over tokens of package grpo: one function for each
// pass, that says in plain Go what it computes (its twin), and the same in AVX-512 and
// AVX2, with the same bits for any length.
//
// The assembly goes over whole vectors of eight numbers and the twin over the up to
// seven that are left, so no kernel has an end of its own, and every test of one is a
// test of the twin too.
//
// Sums run in eight Lanes: number t of a response is added to lane t mod 8, and the
// lanes are added up once, in a fixed tree. So a sum over a response is the same, to
// the last bit, in one call and in blocks whose lengths are multiples of 8.
package pass

//go:generate env GOWORK=off go run -C _generate . -out ../pass_amd64.s -stubs ../pass_amd64.go -pkg pass

// Float is the type of a trainer's numbers.
type Float interface{ float32 | float64 }

// Lanes is a sum that is being made.
type Lanes [8]float64

// Sum adds the lanes up.
func (l *Lanes) Sum() float64 {
	return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
}

// Add adds x.
func (l *Lanes) Add(x []float64) {
	s := Pair{*l}
	s.Add(x, x)
	*l = s[0]
}

// Pair is two sums that are made together.
type Pair [2]Lanes

// Add adds x to one and y to the other.
func (p *Pair) Add(x, y []float64) {
	y = y[:len(x)]
	n := add(p, x, y)
	addTwin(p, x[n:], y[n:])
}

func addTwin(p *Pair, x, y []float64) {
	for t, v := range x {
		p[0][t&7] += v
		p[1][t&7] += y[t]
	}
}

// Finite reports whether both sums are.
func (p *Pair) Finite() bool {
	x, y := p[0].Sum(), p[1].Sum()
	return x-x == 0 && y-y == 0
}

// Sum returns the sum of x.
func Sum(x []float64) float64 {
	var l Lanes
	l.Add(x)
	return l.Sum()
}
