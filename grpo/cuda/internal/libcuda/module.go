package libcuda

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// module implements driver.Module.
type module struct {
	d      *device
	handle uintptr
}

// Load has the driver compile PTX; what its compiler says against it is in the error.
func (d *device) Load(ptx []byte) (driver.Module, error) {
	source := append(append(make([]byte, 0, len(ptx)+1), ptx...), 0)
	log := new([8192]byte)
	var pinner runtime.Pinner // the driver finds log through an address in values
	pinner.Pin(log)
	defer pinner.Unpin()
	options := &[2]int32{jitErrorLog, jitErrorLogSize}
	values := &[2]uintptr{uintptr(unsafe.Pointer(log)), uintptr(len(log))} // a size travels as a pointer
	m := &module{d: d}
	err := d.within("cuModuleLoadDataEx", d.l.moduleLoadDataEx, uintptr(unsafe.Pointer(&m.handle)), uintptr(unsafe.Pointer(unsafe.SliceData(source))),
		2, uintptr(unsafe.Pointer(options)), uintptr(unsafe.Pointer(values)))
	if err != nil {
		if said := text(log[:]); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, err
	}
	return m, nil
}

func (m *module) Kernel(name string) (driver.Kernel, error) {
	text := append([]byte(name), 0)
	k := &kernel{d: m.d}
	err := m.d.within("cuModuleGetFunction", m.d.l.moduleGetFunction, uintptr(unsafe.Pointer(&k.handle)), m.handle, uintptr(unsafe.Pointer(unsafe.SliceData(text))))
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	return k, nil
}

func (m *module) Unload() error { return m.d.within("cuModuleUnload", m.d.l.moduleUnload, m.handle) }

// kernel implements driver.Kernel.
type kernel struct {
	d      *device
	handle uintptr
}

// parameters is what a launch reads: an address for each argument. It is on the heap,
// where nothing moves, and lives until the launch has copied what it needs.
type parameters struct {
	slots     [maxArguments]uint64
	addresses [maxArguments]unsafe.Pointer
}

const maxArguments = 40

var idle = sync.Pool{New: func() any {
	p := new(parameters)
	for i := range p.slots {
		p.addresses[i] = unsafe.Pointer(&p.slots[i])
	}
	return p
}}

func (k *kernel) Launch(grid, block int, s driver.Stream, args ...uint64) error {
	if grid < 1 || block < 1 || len(args) > maxArguments {
		return &driver.Error{Call: "cuLaunchKernel", Code: codeInvalidValue, Name: "CUDA_ERROR_INVALID_VALUE"}
	}
	p := idle.Get().(*parameters)
	copy(p.slots[:], args)
	err := k.d.within("cuLaunchKernel", k.d.l.launchKernel, k.handle, uintptr(grid), 1, 1, uintptr(block), 1, 1, 0, uintptr(s),
		uintptr(unsafe.Pointer(&p.addresses)), 0)
	runtime.KeepAlive(p)
	idle.Put(p)
	return err
}
