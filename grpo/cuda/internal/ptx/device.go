package ptx

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	gosync "sync"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Device is a driver.Driver whose kernels run in this process. The zero value is
// ready. Set the fields before the first call.
type Device struct {
	// Seed orders blocks and threads, fills registers, shared and fresh global memory
	// with junk, and picks the error of the .approx instructions. 0 runs blocks and
	// threads in their natural order.
	Seed uint64
	// Memory is the capacity in bytes; 0: 4 GiB.
	Memory int64
	// Steps bounds the instructions of one launch; 0: 1<<33.
	Steps int64
	// Fail, if not nil, sees every call before it is made: its name as "cuMemAlloc" and
	// which of its name it is, from 1. A CUresult other than 0 becomes the call's
	// error. Errors of the device itself (700 and above, except 701) leave it lost:
	// every later call fails with the same code.
	Fail func(call string, n int) (code int)

	mu       gosync.Mutex
	calls    map[string]int
	lost     int
	list     []*allocation // by address, freed ones too
	top      uint64
	used     int64
	gens     []driver.Stream // stream of each launch and copy, from 1
	synced   map[driver.Stream]uint32
	released map[uint64][]releasedBy
	rng      *rand.Rand
	modules  int
	launches int
	steps    int64
}

// allocation is a stretch of global memory; where it is freed its address stays taken.
type allocation struct {
	region
	base     uint64
	size     int64
	n        int // of the cuMemAlloc, 0 for a module's variable
	freed    bool
	constant bool
}

type where int

const (
	inside where = iota
	outside
	freed
)

const (
	addressAlign = 256     // of every allocation, as cuMemAlloc
	redZone      = 1 << 20 // unused addresses after each
)

var _ driver.Driver = (*Device)(nil)

// OutOfMemory is a Fail that refuses the nth allocation.
func OutOfMemory(n int) func(string, int) int {
	return func(call string, i int) int {
		if call == "cuMemAlloc" && i == n {
			return outOfMemory
		}
		return 0
	}
}

// Lost is a Fail that loses the device at the nth call of that name, as
// "cuLaunchKernel".
func Lost(call string, n int) func(string, int) int {
	return func(name string, i int) int {
		if name == call && i == n {
			return launchFailed
		}
		return 0
	}
}

// Any is a Fail that fails the nth call of any name with the code; counting from 1.
func Any(n, code int) func(string, int) int {
	total := 0
	return func(string, int) int {
		if total++; total == n {
			return code
		}
		return 0
	}
}

// enter is the start of every call.
func (d *Device) enter(call string) error {
	if d.calls == nil {
		d.calls = map[string]int{}
		d.synced = map[driver.Stream]uint32{}
		d.gens = []driver.Stream{0}
		d.top = globalStart
		d.rng = rand.New(rand.NewPCG(d.Seed, 0x9e3779b97f4a7c15))
	}
	if d.lost != 0 {
		return failure(call, d.lost)
	}
	d.calls[call]++
	if d.Fail == nil {
		return nil
	}
	if code := d.Fail(call, d.calls[call]); code != 0 {
		if driver.Lost(code) {
			d.lost = code
		}
		return failure(call, code)
	}
	return nil
}

func (d *Device) capacity() int64 {
	if d.Memory > 0 {
		return d.Memory
	}
	return 4 << 30
}

// Info describes the device as an sm_80 of one processor.
func (d *Device) Info() driver.Info {
	return driver.Info{Name: "PTX interpreter", Major: 8, Minor: 0, Processors: 2, Memory: d.capacity(), Version: 11000, Implementation: "ptx"}
}

// Calls is how often each call has been made, by its name.
func (d *Device) Calls() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := map[string]int{}
	for k, v := range d.calls {
		m[k] = v
	}
	return m
}

// Instructions is how many instructions all launches have run.
func (d *Device) Instructions() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// Leaks lists what has not been given back: allocations by number and size, modules.
// An empty list means that none is left. A Free of a lost device counts.
func (d *Device) Leaks() (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.list {
		if a.n > 0 && !a.freed {
			list = append(list, fmt.Sprintf("allocation %d of %d bytes", a.n, a.size))
		}
	}
	if d.modules > 0 {
		list = append(list, fmt.Sprintf("%d modules", d.modules))
	}
	return list
}

// Alloc gives memory that holds junk; reading it before it is written is a fault.
func (d *Device) Alloc(n int64) (driver.Ptr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("cuMemAlloc"); err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, failure("cuMemAlloc", invalidValue)
	}
	if n > d.capacity()-d.used {
		return 0, failure("cuMemAlloc", outOfMemory)
	}
	data := make([]byte, n)
	for i := range min(n, 1<<16) {
		data[i] = byte(d.rng.Uint32())
	}
	a := d.place(data)
	a.n = d.calls["cuMemAlloc"]
	d.used += n
	return driver.Ptr(a.base), nil
}

func (d *Device) place(data []byte) *allocation {
	a := &allocation{base: d.top, size: int64(len(data))}
	a.region.init(data)
	d.top += uint64(align(len(data), addressAlign)) + redZone
	d.list = append(d.list, a)
	return a
}

// Free gives memory back. What is not the start of a live allocation is refused.
func (d *Device) Free(p driver.Ptr) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.enter("cuMemFree")
	a, _ := d.find(uint64(p), 1)
	if a == nil || a.base != uint64(p) || a.n == 0 || a.freed {
		if err == nil {
			err = fmt.Errorf("ptx: %s: %w", d.describe(uint64(p)), failure("cuMemFree", invalidValue))
		}
		return err
	}
	a.freed, a.data, a.pages = true, nil, nil
	d.used -= a.size
	return err
}

// Range finds the allocation around p.
func (d *Device) Range(p driver.Ptr) (driver.Ptr, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("cuMemGetAddressRange"); err != nil {
		return 0, 0, err
	}
	a, at := d.find(uint64(p), 1)
	if a == nil || at != inside {
		return 0, 0, fmt.Errorf("ptx: %s: %w", d.describe(uint64(p)), failure("cuMemGetAddressRange", invalidValue))
	}
	return driver.Ptr(a.base), a.size, nil
}

// find is the allocation that holds n bytes at addr, or the nearest below it.
func (d *Device) find(addr uint64, n int) (*allocation, where) {
	i := sort.Search(len(d.list), func(i int) bool { return d.list[i].base > addr }) - 1
	if i < 0 {
		return nil, outside
	}
	a := d.list[i]
	switch {
	case addr-a.base >= uint64(a.size) || uint64(n) > uint64(a.size)-(addr-a.base):
		return a, outside
	case a.freed:
		return a, freed
	}
	return a, inside
}

func (d *Device) describe(addr uint64) string {
	a, at := d.find(addr, 1)
	if a == nil {
		return fmt.Sprintf("address %#x, in no allocation", addr)
	}
	name := fmt.Sprintf("allocation %d", a.n)
	if a.n == 0 {
		name = "a module's variable"
	}
	s := fmt.Sprintf("address %#x, byte %d of the %d of %s", addr, addr-a.base, a.size, name)
	if at == outside {
		s = fmt.Sprintf("address %#x, %d bytes past the end of %s of %d bytes", addr, addr-a.base-uint64(a.size), name, a.size)
	}
	if a.freed {
		s += ", which has been freed"
	}
	return s
}

func (g *launch) place(addr uint64) string {
	switch addr >> 40 {
	case sharedWindow >> 40:
		return fmt.Sprintf("byte %d of shared memory", addr-sharedWindow-sharedStart)
	case localWindow >> 40:
		return fmt.Sprintf("byte %d of local memory", addr-localWindow-localStart)
	}
	return g.d.describe(addr)
}

func (g *launch) who(stamp uint64, pc uint16) string {
	in := g.p.m.code[pc]
	return fmt.Sprintf("block %d thread %d at line %d %q", stampBlock(stamp), stampThread(stamp), in.line, in.text)
}

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

// Close ends the device: every later call fails.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.enter("cuDevicePrimaryCtxRelease")
	d.lost = deinitialized
	return err
}

// Load parses and compiles a module.
func (d *Device) Load(ptx []byte) (driver.Module, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("cuModuleLoadDataEx"); err != nil {
		return nil, err
	}
	m, err := parse(string(ptx))
	if err != nil {
		return nil, err
	}
	l := &loaded{d: d, m: m, kernels: map[string]*program{}}
	globals := map[string]uint64{}
	for _, v := range m.vars {
		if v.space == "shared" {
			continue
		}
		data := make([]byte, max(v.size, 1))
		copy(data, v.init)
		a := d.place(data)
		a.constant = v.space == "const"
		gen := uint32(0)
		for i := range a.pages {
			a.pages[i] = page{shift: pageShift, cells: []cell{{gen: gen, init: true}}}
		}
		globals[v.name] = a.base
		l.vars = append(l.vars, a)
	}
	for _, f := range m.order {
		if !f.entry {
			continue
		}
		p, err := compile(d, m, f, globals, d.rng.Uint64)
		if err != nil {
			return nil, err
		}
		l.kernels[f.name] = p
	}
	d.modules++
	return l, nil
}

type loaded struct {
	d       *Device
	m       *module
	kernels map[string]*program
	vars    []*allocation
	gone    bool
}

// Kernels lists the entries, sorted.
func (l *loaded) Kernels() []string {
	var list []string
	for k := range l.kernels {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func (l *loaded) Kernel(name string) (driver.Kernel, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if err := l.d.enter("cuModuleGetFunction"); err != nil {
		return nil, err
	}
	if l.gone {
		return nil, failure("cuModuleGetFunction", invalidHandle)
	}
	p := l.kernels[name]
	if p == nil {
		return nil, fmt.Errorf("ptx: kernel %q: %w", name, failure("cuModuleGetFunction", notFound))
	}
	return &kernel{l, p}, nil
}

func (l *loaded) Unload() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	err := l.d.enter("cuModuleUnload")
	if l.gone {
		if err == nil {
			err = failure("cuModuleUnload", invalidHandle)
		}
		return err
	}
	l.gone = true
	l.d.modules--
	for _, a := range l.vars {
		a.freed, a.data, a.pages = true, nil, nil
	}
	return err
}

type kernel struct {
	l *loaded
	p *program
}

// Launch runs the grid before it returns. A fault is returned at once and loses the
// device, as the driver's error for it would.
func (k *kernel) Launch(grid, block int, s driver.Stream, args ...uint64) error {
	d, p := k.l.d, k.p
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("cuLaunchKernel"); err != nil {
		return err
	}
	refuse := func(code int, format string, a ...any) error {
		return fmt.Errorf("ptx: %s: %s: %w", p.name, fmt.Sprintf(format, a...), failure("cuLaunchKernel", code))
	}
	switch {
	case k.l.gone:
		return refuse(invalidHandle, "its module has been unloaded")
	case grid < 1 || grid > 1<<31-1 || block < 1 || block > 1024:
		return refuse(invalidValue, "%d blocks of %d threads", grid, block)
	case p.maxThreads > 0 && block > p.maxThreads:
		return refuse(invalidValue, "%d threads, at most %d", block, p.maxThreads)
	case p.shared > 48<<10:
		return refuse(outOfResources, "%d bytes of shared memory", p.shared)
	case len(args) != len(p.params):
		return refuse(invalidValue, "%d arguments for %d parameters", len(args), len(p.params))
	case grid > maxBlocks:
		return refuse(outOfResources, "%d blocks are more than are kept apart here", grid)
	}
	for i, v := range p.params {
		if v.size != 8 {
			return refuse(invalidValue, "parameter %d is %d bytes wide, not 8", i, v.size)
		}
	}
	g := &launch{d: d, p: p, args: args, grid: grid, threads: block, gen: d.generation(s), limit: d.Steps}
	if g.limit <= 0 {
		g.limit = 1 << 33
	}
	d.launches++
	d.released = nil
	g.rng = rand.New(rand.NewPCG(d.Seed, uint64(d.launches)))
	err := g.run()
	d.steps += g.steps
	if err != nil {
		d.lost = err.(*Fault).Unwrap().(*driver.Error).Code
	}
	return err
}
