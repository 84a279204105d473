package ptx

// op is a compiled instruction. It panics with a *Fault.
type op func(t *thread)

// codeBlock is a stretch of code that runs from its first instruction to its last.
type codeBlock struct {
	first *instr // to name
	body  []op
	steps int64
	end   func(t *thread) int // the next block, or stop
}

// stop as the next block: the thread waits or has ended; its state says which.
const stop = -1

type threadState uint8

const (
	runnable threadState = iota
	atWarp               // in a shuffle, vote or bar.warp.sync
	atBarrier
	exited
)

type thread struct {
	r       []uint64 // registers, then constants and special registers
	def     []bool   // of the registers that not every path writes
	id      int      // in the block
	lane    int
	warp    *warp
	grid    *launch
	state   threadState
	next    int    // block to go on with
	at      *sync  // where the thread waits
	mask    uint32 // its lanes
	carry   uint64 // of add.cc and kin
	stamp   uint64 // for race detection: block, barriers, warp barriers, thread
	local   []byte
	written []bool // of local
	seen    map[uint64]int
	got     map[uint64]release
	fence   uint64 // stamp at the last fence, 0 before one
}

func (t *thread) fault(in *instr, k Kind, format string, args ...any) {
	panic(t.grid.fault(in, t.id, k, format, args...))
}

// run runs the thread until it waits or ends, or quantum instructions have passed.
func (t *thread) run(blocks []codeBlock, quantum int64) {
	for steps := int64(0); steps < quantum; {
		b := &blocks[t.next]
		steps += b.steps
		t.grid.steps += b.steps
		for _, f := range b.body {
			f(t)
		}
		next := b.end(t)
		if next == stop {
			return
		}
		t.next = next
	}
}
