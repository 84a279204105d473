//go:build cu

package gorgonia

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// device implements driver.Driver.
type device struct {
	context  cu.CUContext
	ordinal  cu.Device
	retained bool // the context is the primary one, held by this device
	info     driver.Info
}

// Open is the device of the calling thread's current context, or where it has none the
// primary context of the device with this ordinal, retained until Close.
func Open(ordinal int) (driver.Driver, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d := &device{}
	if err := d.find(ordinal); err != nil {
		return nil, err
	}
	if err := d.describe(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// find settles the context. The calling thread is locked.
func (d *device) find(ordinal int) error {
	current, err := cu.CurrentContext()
	if err != nil {
		return result("cuCtxGetCurrent", err)
	}
	if current != (cu.CUContext{}) {
		d.context = current
		d.ordinal, err = cu.CurrentDevice()
		return result("cuCtxGetDevice", err)
	}
	count, err := cu.NumDevices()
	if err != nil {
		return result("cuDeviceGetCount", err)
	}
	if ordinal < 0 || ordinal >= count {
		return &driver.MissingError{What: "device", Reason: fmt.Sprintf("there is no device %d of %d", ordinal, count)}
	}
	if d.ordinal, err = cu.GetDevice(ordinal); err != nil {
		return result("cuDeviceGet", err)
	}
	d.context, err = d.ordinal.RetainPrimaryCtx()
	d.retained = err == nil
	return result("cuDevicePrimaryCtxRetain", err)
}

// describe fills in the device's info.
func (d *device) describe() (err error) {
	i := &d.info
	if i.Name, err = d.ordinal.Name(); err != nil {
		return result("cuDeviceGetName", err)
	}
	if i.Memory, err = d.ordinal.TotalMem(); err != nil {
		return result("cuDeviceTotalMem", err)
	}
	if i.Major, i.Minor, err = d.ordinal.ComputeCapability(); err != nil {
		return result("cuDeviceGetAttribute", err)
	}
	if i.Processors, err = d.ordinal.Attribute(cu.MultiprocessorCount); err != nil {
		return result("cuDeviceGetAttribute", err)
	}
	i.Version, i.Implementation = cu.Version(), "gorgonia.org/cu"
	return nil
}

func (d *device) Info() driver.Info { return d.info }

// Close gives the primary context back, if it was retained.
func (d *device) Close() error {
	if !d.retained {
		return nil
	}
	d.retained = false
	return result("cuDevicePrimaryCtxRelease", d.ordinal.ReleasePrimaryCtx())
}

// within makes a call in the device's context: contexts are current on threads, and
// goroutines move between those.
func (d *device) within(name string, call func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	current, err := cu.CurrentContext()
	if err != nil {
		return result("cuCtxGetCurrent", err)
	}
	if current != d.context {
		if err := cu.PushCurrentCtx(d.context); err != nil {
			return result("cuCtxPushCurrent", err)
		}
		defer cu.PopCurrentCtx()
	}
	return result(name, call())
}

func (d *device) Alloc(n int64) (p driver.Ptr, err error) {
	if n < 1 {
		return 0, invalid("cuMemAlloc")
	}
	var at cu.DevicePtr
	err = d.within("cuMemAlloc", func() (err error) {
		at, err = cu.MemAlloc(n)
		return err
	})
	return driver.Ptr(at), err
}

func (d *device) Free(p driver.Ptr) error {
	return d.within("cuMemFree", func() error { return cu.MemFree(cu.DevicePtr(p)) })
}

func (d *device) Range(p driver.Ptr) (base driver.Ptr, size int64, err error) {
	err = d.within("cuMemGetAddressRange", func() error {
		n, at, err := cu.DevicePtr(p).AddressRange()
		base, size = driver.Ptr(at), n
		return err
	})
	return base, size, err
}

// Upload waits for the copy, because what it reads is the caller's to change afterwards.
func (d *device) Upload(dst driver.Ptr, src []byte, s driver.Stream) error {
	if len(src) == 0 {
		return nil
	}
	err := d.within("cuMemcpyHtoDAsync", func() error {
		return cu.MemcpyHtoDAsync(cu.DevicePtr(dst), unsafe.Pointer(unsafe.SliceData(src)), int64(len(src)), stream(s))
	})
	if err == nil {
		err = d.Sync(s)
	}
	runtime.KeepAlive(src)
	return err
}

func (d *device) Download(dst []byte, src driver.Ptr, s driver.Stream) error {
	if len(dst) == 0 {
		return nil
	}
	err := d.within("cuMemcpyDtoHAsync", func() error {
		return cu.MemcpyDtoHAsync(unsafe.Pointer(unsafe.SliceData(dst)), cu.DevicePtr(src), int64(len(dst)), stream(s))
	})
	if err == nil {
		err = d.Sync(s)
	}
	runtime.KeepAlive(dst)
	return err
}

func (d *device) Fill(dst driver.Ptr, value byte, n int64, s driver.Stream) error {
	if n == 0 {
		return nil
	}
	return d.within("cuMemsetD8Async", func() error { return cu.MemsetD8Async(cu.DevicePtr(dst), value, n, stream(s)) })
}

func (d *device) Sync(s driver.Stream) error {
	return d.within("cuStreamSynchronize", func() error { return stream(s).Synchronize() })
}

// A cu.Stream is a CUstream and nothing else, in a field without an exported name.
var _ [unsafe.Sizeof(cu.Stream{})]byte = [unsafe.Sizeof(driver.Stream(0))]byte{}

func stream(s driver.Stream) cu.Stream { return *(*cu.Stream)(unsafe.Pointer(&s)) }

// Handle is the CUstream of a stream.
func Handle(s cu.Stream) driver.Stream { return *(*driver.Stream)(unsafe.Pointer(&s)) }

// module implements driver.Module.
type module struct {
	d *device
	m cu.Module
}

// Load has the driver compile PTX; what its compiler says against it is in the error.
func (d *device) Load(ptx []byte) (driver.Module, error) {
	if bytes.IndexByte(ptx, 0) >= 0 {
		return nil, invalid("cuModuleLoadDataEx")
	}
	log := &cu.JITErrorLogBuffer{Buffer: make([]byte, 8192)}
	m := &module{d: d}
	err := d.within("cuModuleLoadDataEx", func() (err error) {
		m.m, err = cu.LoadDataEx(string(ptx), log)
		return err
	})
	runtime.KeepAlive(log)
	if err != nil {
		if said, _, _ := bytes.Cut(log.Buffer, []byte{0}); len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, err
	}
	return m, nil
}

func (m *module) Kernel(name string) (driver.Kernel, error) {
	k := &kernel{d: m.d}
	err := m.d.within("cuModuleGetFunction", func() (err error) {
		k.f, err = m.m.Function(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	return k, nil
}

func (m *module) Unload() error { return m.d.within("cuModuleUnload", m.m.Unload) }

// kernel implements driver.Kernel.
type kernel struct {
	d *device
	f cu.Function
}

const maxArguments = 40

// Launch gives each argument a slot of 8 bytes, because that is what gorgonia.org/cu
// copies whatever a parameter's type.
func (k *kernel) Launch(grid, block int, s driver.Stream, args ...uint64) error {
	if grid < 1 || block < 1 || len(args) > maxArguments {
		return invalid("cuLaunchKernel")
	}
	var slots [maxArguments]uint64
	var addresses [maxArguments]unsafe.Pointer
	copy(slots[:], args)
	for i := range args {
		addresses[i] = unsafe.Pointer(&slots[i])
	}
	return k.d.within("cuLaunchKernel", func() error {
		return k.f.Launch(grid, 1, 1, block, 1, 1, 0, stream(s), addresses[:len(args)])
	})
}
