package ptx

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

const (
	warpSize        = 32
	quantum         = 1 << 14 // instructions a thread may run before another gets its turn
	maxInstructions = 1 << 16
)

// launch is one grid on its way through the machine.
type launch struct {
	d       *Device
	p       *program
	args    []uint64
	grid    int
	threads int
	gen     uint32 // of global memory's shadow
	steps   int64
	limit   int64
	rng     *rand.Rand
	block   int           // that runs
	last    []*allocation // of the module
}

func (g *launch) fault(in *instr, thread int, k Kind, format string, args ...any) *Fault {
	f := &Fault{Kind: k, Kernel: g.p.name, Block: g.block, Thread: thread, Detail: fmt.Sprintf(format, args...)}
	if in != nil {
		f.Line, f.Text = in.line, in.text
	}
	return f
}

// block is a running block of threads.
type block struct {
	g       *launch
	threads []thread
	warps   []warp
	shared  region
	gen     uint32 // of shared memory's shadow: one a block
	barrier int    // barriers passed
	waiting int    // threads at the barrier
	at      *sync
	exited  int
	queue   []*thread
	got     map[uint64]release
}

// warp is 32 threads of a block.
type warp struct {
	b       *block
	threads []thread
	epoch   uint64 // bar.warp.sync passed since the last barrier
	live    uint32
	groups  []group
}

// group is the threads that wait together at one warp instruction.
type group struct {
	at      *sync
	mask    uint32
	arrived uint32
}

// run runs every block, in an order of the seed's.
func (g *launch) run() (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*Fault)
			if !ok {
				panic(r)
			}
			err = f
		}
	}()
	order := make([]int, g.grid)
	for i := range order {
		order[i] = i
	}
	if g.d.Seed != 0 {
		g.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	b := g.d.blockOf(g)
	for _, i := range order {
		g.block = i
		b.start(i)
		b.run()
	}
	return nil
}

// blockOf is a block for the launch: the one that the program ran in before, if it was
// of as many threads. Registers keep what they held, which is as good as junk.
func (d *Device) blockOf(g *launch) *block {
	b := d.blocks[g.p]
	if b == nil || len(b.threads) != g.threads {
		b = newBlock(g)
		if d.blocks == nil {
			d.blocks = map[*program]*block{}
		}
		d.blocks[g.p] = b
	}
	b.g = g
	for i := range b.threads {
		b.threads[i].grid = g
	}
	return b
}

func newBlock(g *launch) *block {
	p := g.p
	b := &block{threads: make([]thread, g.threads)}
	b.shared.init(make([]byte, p.shared))
	slots := len(p.template)
	regs := make([]uint64, slots*g.threads)
	var defs []bool
	if p.tracked {
		defs = make([]bool, slots*g.threads)
	}
	locals, written := make([]byte, p.local*g.threads), make([]bool, p.local*g.threads)
	for lo := 0; lo < g.threads; lo += warpSize {
		b.warps = append(b.warps, warp{b: b, threads: b.threads[lo:min(lo+warpSize, g.threads)]})
	}
	for i := range b.threads {
		t := &b.threads[i]
		t.id, t.lane, t.warp = i, i%warpSize, &b.warps[i/warpSize]
		t.r = regs[i*slots : (i+1)*slots]
		copy(t.r, p.template)
		if defs != nil {
			t.def = defs[i*slots : (i+1)*slots]
		}
		t.local, t.written = locals[i*p.local:(i+1)*p.local], written[i*p.local:(i+1)*p.local]
	}
	return b
}

// start readies the block for another round, with junk in shared memory.
func (b *block) start(id int) {
	g, p := b.g, b.g.p
	b.gen++
	b.barrier, b.waiting, b.at, b.exited, b.got = 0, 0, nil, 0, nil
	b.queue = b.queue[:0]
	for i, junk := 0, g.rng.Uint64(); i < len(b.shared.data); i++ {
		b.shared.data[i] = byte(junk >> (i % 8 * 8))
	}
	for i := range b.warps {
		w := &b.warps[i]
		w.epoch, w.groups = 0, w.groups[:0]
		w.live = uint32(1<<len(w.threads) - 1)
	}
	for i := range b.threads {
		t := &b.threads[i]
		clear(t.def)
		clear(t.written)
		for _, s := range p.special {
			t.r[s.slot] = special(s.name, t, g, id)
		}
		for j, s := range p.paramSlot {
			t.r[s] = g.args[j]
		}
		t.state, t.next, t.at = runnable, 0, nil
		t.seen, t.got, t.fence, t.carry = nil, nil, 0, 0
		t.restamp()
		b.queue = append(b.queue, t)
	}
	b.shuffle(b.queue)
}

func (b *block) shuffle(list []*thread) {
	if b.g.d.Seed != 0 {
		b.g.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
}

// run runs the block's threads in turn until all have ended.
func (b *block) run() {
	g := b.g
	for head := 0; head < len(b.queue); {
		t := b.queue[head]
		head++
		if head > 4096 && head > len(b.queue)/2 {
			b.queue = append(b.queue[:0], b.queue[head:]...)
			head = 0
		}
		t.run(g.p.blocks, quantum)
		if g.steps > g.limit {
			t.fault(g.p.blocks[t.next].first, StepLimit, "%d instructions", g.limit)
		}
		switch t.state {
		case runnable:
			b.queue = append(b.queue, t)
		case exited:
			b.exit(t)
		case atBarrier:
			b.wait(t)
		case atWarp:
			t.warp.wait(t)
		}
	}
	if b.exited < len(b.threads) {
		b.deadlock()
	}
}

func (b *block) wake(list []*thread) {
	from := len(b.queue)
	for _, t := range list {
		t.state = runnable
		b.queue = append(b.queue, t)
	}
	b.shuffle(b.queue[from:])
}

func (b *block) wait(t *thread) {
	if b.waiting > 0 && b.at != t.at {
		t.fault(t.at.in, Divergence, "other threads of the block wait at line %d %q", b.at.in.line, b.at.in.text)
	}
	b.at = t.at
	b.waiting++
	if b.exited > 0 {
		t.fault(t.at.in, Divergence, "%d threads of the block have ended without this barrier", b.exited)
	}
	if b.waiting < len(b.threads) {
		return
	}
	list := make([]*thread, len(b.threads))
	for i := range b.threads {
		list[i] = &b.threads[i]
	}
	b.barrier++
	if b.barrier >= maxBarriers {
		t.fault(t.at.in, Unsupported, "more than %d barriers in a block", maxBarriers)
	}
	b.acquire()
	for i := range b.warps {
		b.warps[i].epoch = 0
	}
	for _, t := range list {
		t.restamp()
	}
	b.at.done(list, b)
	b.at, b.waiting = nil, 0
	b.wake(list)
}

func (b *block) exit(t *thread) {
	b.exited++
	if b.waiting > 0 {
		t.fault(b.at.in, Divergence, "thread %d has ended while %d threads wait at the barrier", t.id, b.waiting)
	}
	w := t.warp
	w.live &^= 1 << t.lane
	for i := 0; i < len(w.groups); i++ {
		if w.complete(i) {
			i = -1
		}
	}
}

func (w *warp) wait(t *thread) {
	for i := range w.groups {
		g := &w.groups[i]
		if g.at == t.at && g.mask == t.mask {
			g.arrived |= 1 << t.lane
			w.complete(i)
			return
		}
		if g.mask&t.mask != 0 {
			t.fault(t.at.in, Divergence, "lanes %#x wait at line %d %q with mask %#x, this thread has mask %#x",
				g.arrived, g.at.in.line, g.at.in.text, g.mask, t.mask)
		}
	}
	w.groups = append(w.groups, group{t.at, t.mask, 1 << t.lane})
	w.complete(len(w.groups) - 1)
}

// complete finishes group i when every living thread of its mask is there.
func (w *warp) complete(i int) bool {
	g := w.groups[i]
	if g.mask&w.live != g.arrived {
		return false
	}
	w.groups = append(w.groups[:i], w.groups[i+1:]...)
	var space [warpSize]*thread
	list := space[:0]
	for m := g.arrived; m != 0; m &= m - 1 {
		list = append(list, &w.threads[bits.TrailingZeros32(m)])
	}
	g.at.done(list, w.b)
	w.b.wake(list)
	return true
}

// deadlock reports a block in which every thread waits: some in a warp instruction for
// lanes that wait elsewhere.
func (b *block) deadlock() {
	for i := range b.threads {
		t := &b.threads[i]
		if t.state != atWarp {
			continue
		}
		missing := t.mask & t.warp.live &^ t.warp.arrived(t)
		other := t.warp.threads[bits.TrailingZeros32(missing)].at.in
		t.fault(t.at.in, Deadlock, "lanes %#x of mask %#x never come: they wait at line %d %q", missing, t.mask, other.line, other.text)
	}
	b.threads[0].fault(nil, Deadlock, "%d of %d threads have ended", b.exited, len(b.threads))
}

func (w *warp) arrived(t *thread) uint32 {
	for _, g := range w.groups {
		if g.at == t.at && g.mask == t.mask {
			return g.arrived
		}
	}
	return 0
}
