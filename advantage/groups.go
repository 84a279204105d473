package advantage

import (
	"math"
	"math/bits"
	"sync"
)

// index numbers the groups of a step 0, 1, ... in order of first appearance.
type index struct {
	of    []int  // [S] number of each response's group
	count int    // groups
	table []slot // power of two long
	spare []slot
}

type slot struct{ id, next int } // next is the group's number + 1; 0: free

// build fills of and count. One hash lookup for every run of equal ids.
func (x *index) build(ids []int) {
	x.of = grow(x.of, len(ids))
	x.count = 0
	x.table = grow(x.table, 1<<10)
	clear(x.table)
	for i := 0; i < len(ids); {
		id := ids[i]
		n := x.number(id)
		for ; i < len(ids) && ids[i] == id; i++ {
			x.of[i] = n
		}
	}
}

// single makes one group of n responses.
func (x *index) single(n int) {
	x.of = grow(x.of, n)
	clear(x.of)
	x.count = min(n, 1)
}

// number returns the number of a group, a new one if the id is new.
func (x *index) number(id int) int {
	at := x.find(id)
	if at.next == 0 {
		if 2*x.count >= len(x.table) {
			x.rehash()
			at = x.find(id)
		}
		x.count++
		*at = slot{id, x.count}
	}
	return at.next - 1
}

// find returns the slot that holds id, or the free one where it belongs.
func (x *index) find(id int) *slot {
	mask := len(x.table) - 1
	for at := int(mix(uint64(id))) & mask; ; at = (at + 1) & mask {
		if s := &x.table[at]; s.next == 0 || s.id == id {
			return s
		}
	}
}

// rehash makes the table four times as large.
func (x *index) rehash() {
	old := x.table
	x.table, x.spare = grow(x.spare, 4*len(old)), old
	clear(x.table)
	for _, s := range old {
		if s.next != 0 {
			*x.find(s.id) = s
		}
	}
}

// mix spreads the bits of an id over the low ones.
func mix(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// workspace holds the rewards of a step side by side, group by group.
type workspace struct {
	index
	start   []int     // [P+1] group g owns values[start[g]:start[g+1]]
	member  []int     // response of each value
	values  []float64 // rewards that count, those of a group together
	buffer  []float64 // for sums
	lines   []line    // [P] what estimators keep of each group
	below   []moments
	ranges  [][2]float64 // [P] smallest and largest
	weights []int
	scratch []float64
	cursor  []int
	weight  []float64
}

// gather collects the rewards that count; with grouped false the
// batch is one group, with members false member is not filled.
func (g *workspace) gather(in *Input, grouped, members bool, nan NaN, overlong Overlong) error {
	if grouped {
		g.build(in.Groups)
	} else {
		g.single(len(in.Rewards))
	}
	g.start = grow(g.start, g.count+1)
	clear(g.start)
	for i, r := range in.Rewards {
		if math.IsInf(r, 0) || nan == NaNError && math.IsNaN(r) {
			return &ValueError{"Rewards", i, -1, r, "not finite"}
		}
		if in.counts(i, overlong) {
			g.start[g.of[i]+1]++
		}
	}
	for p := range g.count {
		g.start[p+1] += g.start[p]
	}
	n := g.start[g.count]
	g.values, g.buffer = grow(g.values, n), grow(g.buffer, n)
	if members {
		g.member = grow(g.member, n)
	}
	for i, r := range in.Rewards {
		if in.counts(i, overlong) {
			at := &g.start[g.of[i]]
			g.values[*at] = r
			if members {
				g.member[*at] = i
			}
			*at++
		}
	}
	copy(g.start[1:], g.start[:g.count]) // each start has moved to its group's end
	g.start[0] = 0
	return nil
}

// group returns the rewards of group p and scratch of the same length.
func (g *workspace) group(p int) (values, buffer []float64) {
	i, j := g.start[p], g.start[p+1]
	return g.values[i:j], g.buffer[i:j]
}

var pool = sync.Pool{New: func() any { return new(workspace) }}

// grow returns s with length n, in the same memory if it is large enough.
func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
