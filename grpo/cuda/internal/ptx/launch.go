package ptx

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

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

// Load parses and compiles a module.
func (d *Device) Load(ptx []byte) (driver.Module, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("cuModuleLoadDataEx"); err != nil {
		return nil, err
	}
	l := &loaded{d: d}
	var err error
	if l.text, err = load(string(ptx), l.place); err != nil {
		return nil, err
	}
	l.last = make([]*allocation, len(l.m.code))
	d.modules++
	return l, nil
}

type loaded struct {
	*text
	d    *Device
	vars []*allocation
	last []*allocation // where each instruction last found its address
	gone bool
}

// place allocates a module's variable.
func (l *loaded) place(v *variable) uint64 {
	data := make([]byte, max(v.size, 1))
	copy(data, v.init)
	a := l.d.place(data)
	a.constant = v.space == "const"
	for i := range a.pages {
		a.pages[i] = page{shift: pageShift, cells: []cell{{init: true}}}
	}
	l.vars = append(l.vars, a)
	return a.base
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
	g := &launch{d: d, p: p, last: k.l.last, args: args, grid: grid, threads: block, gen: d.generation(s), limit: d.Steps}
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
