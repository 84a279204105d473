package ptx

// Order between blocks comes from one pattern alone: a fence, then an atomic in the
// one; an atomic on the same address that sees it, then a fence, in the other.

// release is what a thread's fence puts before its later atomics: everything its
// block did before the barrier that the thread has passed, and all it did itself.
type release struct {
	barrier uint64 // accesses of the block with fewer barriers behind them
	thread  uint64
}

// fence is membar.gl or fence: it releases what came before it, and acquires what
// atomics before it have seen.
func (t *thread) fenced() {
	t.release()
	t.acquire()
}

func (t *thread) release() { t.fence = t.stamp }

func (t *thread) acquire() {
	for addr, n := range t.seen {
		for _, r := range t.grid.d.released[addr][:n] {
			if t.got == nil {
				t.got = map[uint64]release{}
			}
			t.got[r.block] = r.release
		}
	}
}

type releasedBy struct {
	block uint64
	release
}

// publish makes an atomic carry what the thread's last fence released.
func (t *thread) publish(addr uint64, blockOnly bool) {
	if t.fence == 0 || blockOnly {
		return
	}
	d := t.grid.d
	if d.released == nil {
		d.released = map[uint64][]releasedBy{}
	}
	d.released[addr] = append(d.released[addr], releasedBy{t.fence >> blockShift,
		release{t.fence >> epochShift & (maxBarriers - 1), stampThread(t.fence)}})
}

// observe notes what the thread would acquire with its next fence.
func (t *thread) observe(addr uint64, blockOnly bool) {
	n := len(t.grid.d.released[addr])
	if n == 0 || blockOnly {
		return
	}
	if t.seen == nil {
		t.seen = map[uint64]int{}
	}
	t.seen[addr] = n
}

// acquired tells whether an access of another block is ordered before t.
func (t *thread) acquired(s uint64) bool {
	ordered := func(m map[uint64]release) bool {
		r, ok := m[s>>blockShift]
		e := s >> epochShift & (maxBarriers - 1)
		return ok && (e < r.barrier || e == r.barrier && stampThread(s) == r.thread)
	}
	return ordered(t.got) || ordered(t.warp.b.got)
}

// acquire, at a barrier, gives every thread of the block what one of them acquired.
func (b *block) acquire() {
	for i := range b.threads {
		for k, r := range b.threads[i].got {
			if b.got == nil {
				b.got = map[uint64]release{}
			}
			b.got[k] = r
		}
	}
}
