package ptx

import "math/bits"

// A stamp says who touched a cell and when: block+1, barriers passed by the block,
// bar.warp.sync passed by the warp since, thread.
const (
	threadBits  = 10
	warpBits    = 14
	epochBits   = 18
	maxBarriers = 1 << epochBits
	maxWarpSync = 1 << warpBits
	maxBlocks   = 1<<(64-threadBits-warpBits-epochBits) - 2

	warpShift  = threadBits
	epochShift = warpShift + warpBits
	blockShift = epochShift + epochBits
)

func (t *thread) restamp() {
	b := t.warp.b
	t.stamp = uint64(t.grid.block+1)<<blockShift | uint64(b.barrier)<<epochShift | t.warp.epoch<<warpShift | uint64(t.id)
}

func stampThread(s uint64) uint64 { return s & (1<<threadBits - 1) }
func stampBlock(s uint64) int     { return int(s>>blockShift) - 1 }

// before tells whether an earlier access is ordered before whatever t does now.
func (t *thread) before(s uint64) bool {
	now := t.stamp
	if s>>blockShift != now>>blockShift {
		return t.acquired(s)
	}
	if (s^now)&(1<<threadBits-1) == 0 || s>>epochShift < now>>epochShift {
		return true
	}
	sameWarp := (s^now)&(1<<threadBits-1)>>5 == 0
	return sameWarp && s>>warpShift < now>>warpShift
}

// cell is what is known of one granule of memory.
type cell struct {
	gen      uint32 // launch, or block for shared memory, that w, r1, r2 and other belong to
	init     bool   // has been written, ever
	atomic   bool   // w is an atomic's
	constant bool   // has been read by ld.global.nc
	wrote    bool   // the launch gen has written
	wpc, rpc uint16 // instructions of w and of r1
	w        uint64 // last writer
	v        uint64 // an earlier writer that w does not follow; both are atomics
	r1, r2   uint64 // two readers of the last block that read, of different threads
	other    uint64 // a reader of another block
}

// page is 256 bytes of shadow in granules of 1<<shift bytes, as fine as the finest
// access so far has needed.
type page struct {
	shift uint8
	cells []cell
}

const pageShift = 8

// region is memory with its shadow.
type region struct {
	data  []byte
	pages []page
}

func (r *region) init(data []byte) {
	r.data = data
	r.pages = make([]page, (len(data)+1<<pageShift-1)>>pageShift)
	for i := range r.pages {
		r.pages[i].shift = pageShift
	}
}

func (p *page) split(shift uint8) {
	if p.cells == nil {
		p.cells = make([]cell, 1<<(pageShift-shift))
		p.shift = shift
		return
	}
	cells := make([]cell, 1<<(pageShift-shift))
	d := p.shift - shift
	for i := range cells {
		cells[i] = p.cells[i>>d]
	}
	p.cells, p.shift = cells, shift
}

// cells are those of an aligned access of a power of two bytes.
func (r *region) cells(off uint64, size int) []cell {
	p := &r.pages[off>>pageShift]
	need := uint8(bits.TrailingZeros32(uint32(size)))
	if p.shift > need || p.cells == nil {
		p.split(need)
	}
	lo := off & (1<<pageShift - 1) >> p.shift
	return p.cells[lo : lo+uint64(size)>>p.shift]
}

type access uint8

const (
	read access = iota
	write
	update   // atomic
	constant // ld.global.nc
)

// checks are what touch needs to know of a region.
type checks struct {
	race Kind
	gen  uint32
	keep bool // contents outlive the generation
}

// touch checks an access against what went before and records it.
func (t *thread) touch(in *instr, c *cell, k access, m *checks, addr uint64) {
	if c.gen != m.gen {
		if m.keep {
			t.grid.between(t, in, c, k, addr)
		} else {
			c.init = false
		}
		*c = cell{gen: m.gen, init: c.init}
	}
	now := t.stamp
	switch k {
	case read, constant:
		if c.r1 == now && k == read {
			return
		}
		if !c.init {
			t.fault(in, Uninitialised, "%s", t.grid.place(addr))
		}
		if c.w != 0 {
			if k == constant {
				t.fault(in, NonCoherent, "%s, written by %s", t.grid.place(addr), t.grid.who(c.w, c.wpc))
			}
			for _, w := range [2]uint64{c.w, c.v} {
				if w != 0 && !t.before(w) {
					t.fault(in, m.race, "%s, read after a write by %s", t.grid.place(addr), t.grid.who(w, c.wpc))
				}
			}
		}
		c.constant = c.constant || k == constant
		c.reader(now, t, in)
	case write, update:
		if c.constant {
			t.fault(in, NonCoherent, "%s, written after ld.global.nc by %s", t.grid.place(addr), t.grid.who(c.r1, c.rpc))
		}
		atomics := k == update && c.atomic
		v := uint64(0)
		for _, w := range [2]uint64{c.w, c.v} {
			if w == 0 || w == now || t.before(w) {
				continue
			}
			if v = w; !atomics {
				t.fault(in, m.race, "%s, written after a write by %s", t.grid.place(addr), t.grid.who(w, c.wpc))
			}
		}
		for _, r := range [3]uint64{c.r1, c.r2, c.other} {
			if r != 0 && !t.before(r) {
				t.fault(in, m.race, "%s, written after a read by %s", t.grid.place(addr), t.grid.who(r, c.rpc))
			}
		}
		if k == update && !c.init {
			t.fault(in, Uninitialised, "%s", t.grid.place(addr))
		}
		c.w, c.v, c.wpc, c.atomic, c.init, c.wrote = now, v, in.pc, k == update, true, true
		c.r1, c.r2, c.other = 0, 0, 0
	}
}

// reader records a read so that any later write that it does not precede is seen:
// of one block, two different threads are enough.
func (c *cell) reader(now uint64, t *thread, in *instr) {
	switch {
	case c.r1 == 0:
		c.r1 = now
	case c.r1>>blockShift != now>>blockShift:
		if !t.before(c.r1) {
			c.other = c.r1
		}
		c.r1, c.r2 = now, 0
	case t.before(c.r1):
		c.r1 = now
		if c.r2 != 0 && t.before(c.r2) {
			c.r2 = 0
		}
	case c.r2 == 0 || t.before(c.r2):
		c.r2 = now
		return
	default:
		return
	}
	c.rpc = in.pc
}
