package ptx

import (
	"fmt"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Upload copies to the device.
func (d *Device) Upload(dst driver.Ptr, src []byte, s driver.Stream) error {
	return d.copy("cuMemcpyHtoDAsync", dst, int64(len(src)), s, write, func(b []byte) { copy(b, src) })
}

// Download copies from the device, and waits for the stream.
func (d *Device) Download(dst []byte, src driver.Ptr, s driver.Stream) error {
	return d.copy("cuMemcpyDtoHAsync", src, int64(len(dst)), s, read, func(b []byte) { copy(dst, b) })
}

// Fill sets bytes.
func (d *Device) Fill(dst driver.Ptr, value byte, n int64, s driver.Stream) error {
	return d.copy("cuMemsetD8Async", dst, n, s, write, func(b []byte) {
		for i := range b {
			b[i] = value
		}
	})
}

func (d *Device) copy(call string, p driver.Ptr, n int64, s driver.Stream, k access, move func(b []byte)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter(call); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	a, at := d.find(uint64(p), int(n))
	if a == nil || at != inside {
		return fmt.Errorf("ptx: %d bytes at %s: %w", n, d.describe(uint64(p)), failure(call, invalidValue))
	}
	gen := d.generation(s)
	off := uint64(p) - a.base
	if err := d.sweep(a, off, uint64(n), k, gen, call); err != nil {
		return err
	}
	move(a.data[off : off+uint64(n)])
	if k == read {
		d.synced[s] = gen
	}
	return nil
}

// generation numbers a launch or a copy.
func (d *Device) generation(s driver.Stream) uint32 {
	d.gens = append(d.gens, s)
	return uint32(len(d.gens) - 1)
}

// done tells whether work of an earlier generation precedes work that stream s gets now.
func (d *Device) done(gen uint32, s driver.Stream) bool {
	return gen == 0 || d.gens[gen] == s || gen <= d.synced[d.gens[gen]]
}

// sweep checks and marks the cells of a copy.
func (d *Device) sweep(a *allocation, off, n uint64, k access, gen uint32, call string) error {
	s := d.gens[gen]
	for n > 0 {
		at := off & (1<<pageShift - 1)
		size := min(n, 1<<pageShift-at)
		p := &a.pages[off>>pageShift]
		whole := at == 0 && (size == 1<<pageShift || off+size == uint64(a.size))
		if p.cells == nil {
			p.split(pageShift)
		}
		if !whole {
			for p.shift > 0 && (at|size)&(1<<p.shift-1) != 0 {
				p.split(p.shift - 1)
			}
		}
		lo, hi := at>>p.shift, (at+size+1<<p.shift-1)>>p.shift
		for i := lo; i < hi; i++ {
			c := &p.cells[i]
			if !d.done(c.gen, s) && (c.wrote || k == write) {
				return &Fault{Kind: StreamRace, call: call, Block: -1, Thread: -1, Detail: fmt.Sprintf("%s on stream %d of %s, in use by stream %d", call, s, d.describe(a.base+off), d.gens[c.gen])}
			}
			if k == read && !c.init {
				return &Fault{Kind: Uninitialised, call: call, Block: -1, Thread: -1, Detail: fmt.Sprintf("%s of %s", call, d.describe(a.base+i<<p.shift+off&^(1<<pageShift-1)))}
			}
			*c = cell{gen: gen, init: true, wrote: k == write}
		}
		if whole && k == write {
			p.cells, p.shift = []cell{{gen: gen, init: true, wrote: true}}, pageShift
		}
		off += size
		n -= size
	}
	return nil
}

// between checks the first access of a launch to a cell against earlier launches and copies.
func (g *launch) between(t *thread, in *instr, c *cell, k access, addr uint64) {
	if !g.d.done(c.gen, g.d.gens[g.gen]) && (c.wrote || k == write || k == update) {
		t.fault(in, StreamRace, "%s, in use by stream %d", g.place(addr), g.d.gens[c.gen])
	}
}

// Sync waits for the stream: here, it orders what other streams get after.
func (d *Device) Sync(s driver.Stream) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("cuStreamSynchronize"); err != nil {
		return err
	}
	d.synced[s] = uint32(len(d.gens) - 1)
	return nil
}
