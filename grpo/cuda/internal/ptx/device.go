package ptx

import (
	"fmt"
	"math/rand/v2"
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
	blocks   map[*program]*block // that programs last ran in
	modules  int
	launches int
	steps    int64
}

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

// Info describes the device as an sm_80 of two processors.
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

// Close ends the device: every later call fails.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.enter("cuDevicePrimaryCtxRelease")
	d.lost = deinitialized
	return err
}
