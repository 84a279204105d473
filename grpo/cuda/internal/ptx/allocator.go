package ptx

import (
	"fmt"
	"sort"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

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
