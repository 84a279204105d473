package libcuda

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Values of cuda.h.
const (
	attributeProcessors = 16 // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
	attributeMajor      = 75 // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
	attributeMinor      = 76
	jitErrorLog         = 5 // CU_JIT_ERROR_LOG_BUFFER
	jitErrorLogSize     = 6 // CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
	codeNoDevice        = 100
	codeInvalidDevice   = 101
	codeInvalidValue    = 1
)

// device implements driver.Driver.
type device struct {
	l        *library
	context  uintptr
	ordinal  uintptr // CUdevice
	retained bool    // the context is the primary one, held by this device
	info     driver.Info
}

// Open is the device of the calling thread's current context, or where it has none the
// primary context of the device with this ordinal, retained until Close. It returns a
// *driver.MissingError where there is no driver or no device.
func Open(ordinal int) (driver.Driver, error) { return open(Name, ordinal) }

func open(path string, ordinal int) (driver.Driver, error) {
	l, err := load(path)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := l.result("cuInit", l.call(l.init, 0)); err != nil {
		var e *driver.Error
		if errors.As(err, &e); e.Code == codeNoDevice {
			return nil, &driver.MissingError{What: "device", Reason: "the driver finds no GPU", Err: err}
		}
		return nil, &driver.MissingError{What: "driver", Reason: "the NVIDIA driver does not start", Err: err}
	}
	d := &device{l: l}
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
	l := d.l
	var context uintptr
	if err := l.result("cuCtxGetCurrent", l.call(l.ctxGetCurrent, uintptr(unsafe.Pointer(&context)))); err != nil {
		return err
	}
	var dev int32
	if context != 0 {
		if err := l.result("cuCtxGetDevice", l.call(l.ctxGetDevice, uintptr(unsafe.Pointer(&dev)))); err != nil {
			return err
		}
		d.context, d.ordinal = context, uintptr(dev)
		return nil
	}
	var count int32
	if err := l.result("cuDeviceGetCount", l.call(l.deviceGetCount, uintptr(unsafe.Pointer(&count)))); err != nil {
		return err
	}
	if count == 0 {
		return &driver.MissingError{What: "device", Reason: "the driver finds no GPU"}
	}
	if ordinal < 0 || ordinal >= int(count) {
		return &driver.MissingError{What: "device", Reason: fmt.Sprintf("there is no device %d of %d", ordinal, count)}
	}
	if err := l.result("cuDeviceGet", l.call(l.deviceGet, uintptr(unsafe.Pointer(&dev)), uintptr(ordinal))); err != nil {
		return err
	}
	if err := l.result("cuDevicePrimaryCtxRetain", l.call(l.devicePrimaryCtxRetain, uintptr(unsafe.Pointer(&context)), uintptr(dev))); err != nil {
		return err
	}
	d.context, d.ordinal, d.retained = context, uintptr(dev), true
	return nil
}

// describe fills in the device's info.
func (d *device) describe() error {
	l := d.l
	name := new([256]byte)
	if err := l.result("cuDeviceGetName", l.call(l.deviceGetName, uintptr(unsafe.Pointer(name)), 256, d.ordinal)); err != nil {
		return err
	}
	d.info.Name = text(name[:])
	var memory uint64
	if err := l.result("cuDeviceTotalMem", l.call(l.deviceTotalMem, uintptr(unsafe.Pointer(&memory)), d.ordinal)); err != nil {
		return err
	}
	d.info.Memory = int64(memory)
	for _, a := range []struct {
		number uintptr
		to     *int
	}{{attributeProcessors, &d.info.Processors}, {attributeMajor, &d.info.Major}, {attributeMinor, &d.info.Minor}} {
		var value int32
		if err := l.result("cuDeviceGetAttribute", l.call(l.deviceGetAttribute, uintptr(unsafe.Pointer(&value)), a.number, d.ordinal)); err != nil {
			return err
		}
		*a.to = int(value)
	}
	var version int32
	if err := l.result("cuDriverGetVersion", l.call(l.driverGetVersion, uintptr(unsafe.Pointer(&version)))); err != nil {
		return err
	}
	d.info.Version, d.info.Implementation = int(version), Name
	return nil
}

func (d *device) Info() driver.Info { return d.info }

// Close gives the primary context back, if it was retained.
func (d *device) Close() error {
	if !d.retained {
		return nil
	}
	d.retained = false
	return d.l.result("cuDevicePrimaryCtxRelease", d.l.call(d.l.devicePrimaryCtxRelease, d.ordinal))
}

// enter makes the device's context the current one of this thread, if it is not, until
// leave: contexts are current on threads, and goroutines move between those.
func (d *device) enter() (pushed bool, err error) {
	runtime.LockOSThread()
	l := d.l
	var current uintptr
	err = l.result("cuCtxGetCurrent", l.call(l.ctxGetCurrent, uintptr(unsafe.Pointer(&current))))
	if err == nil && current != d.context {
		pushed = true
		err = l.result("cuCtxPushCurrent", l.call(l.ctxPushCurrent, d.context))
	}
	if err != nil {
		runtime.UnlockOSThread()
	}
	return pushed, err
}

func (d *device) leave(pushed bool) {
	if pushed {
		var popped uintptr
		d.l.call(d.l.ctxPopCurrent, uintptr(unsafe.Pointer(&popped)))
	}
	runtime.UnlockOSThread()
}

// within is a call in the device's context. As in library.call, variables whose
// addresses are converted in the argument list stay where they are.
//
//go:uintptrescapes
func (d *device) within(name string, function uintptr, args ...uintptr) error {
	pushed, err := d.enter()
	if err != nil {
		return err
	}
	defer d.leave(pushed)
	return d.l.result(name, d.l.call(function, args...))
}

func (d *device) Alloc(bytes int64) (p driver.Ptr, err error) {
	if bytes < 1 {
		return 0, &driver.Error{Call: "cuMemAlloc", Code: codeInvalidValue, Name: "CUDA_ERROR_INVALID_VALUE"}
	}
	var at uint64
	err = d.within("cuMemAlloc", d.l.memAlloc, uintptr(unsafe.Pointer(&at)), uintptr(bytes))
	return driver.Ptr(at), err
}

func (d *device) Free(p driver.Ptr) error { return d.within("cuMemFree", d.l.memFree, uintptr(p)) }

func (d *device) Range(p driver.Ptr) (driver.Ptr, int64, error) {
	var base, size uint64
	err := d.within("cuMemGetAddressRange", d.l.memGetAddressRange, uintptr(unsafe.Pointer(&base)), uintptr(unsafe.Pointer(&size)), uintptr(p))
	return driver.Ptr(base), int64(size), err
}

// Upload waits for the copy, because what it reads is the caller's to change afterwards.
func (d *device) Upload(dst driver.Ptr, src []byte, s driver.Stream) error {
	if len(src) == 0 {
		return nil
	}
	err := d.within("cuMemcpyHtoDAsync", d.l.memcpyHtoDAsync, uintptr(dst), uintptr(unsafe.Pointer(unsafe.SliceData(src))), uintptr(len(src)), uintptr(s))
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
	err := d.within("cuMemcpyDtoHAsync", d.l.memcpyDtoHAsync, uintptr(unsafe.Pointer(unsafe.SliceData(dst))), uintptr(src), uintptr(len(dst)), uintptr(s))
	if err == nil {
		err = d.Sync(s)
	}
	runtime.KeepAlive(dst)
	return err
}

// Copy copies in device memory, in the order of the stream. It is no part of
// driver.Driver: benchmarks measure by it what the memory can do.
func (d *device) Copy(dst, src driver.Ptr, n int64, s driver.Stream) error {
	return d.within("cuMemcpyDtoDAsync", d.l.memcpyDtoDAsync, uintptr(dst), uintptr(src), uintptr(n), uintptr(s))
}

func (d *device) Fill(dst driver.Ptr, value byte, n int64, s driver.Stream) error {
	if n == 0 {
		return nil
	}
	return d.within("cuMemsetD8Async", d.l.memsetD8Async, uintptr(dst), uintptr(value), uintptr(n), uintptr(s))
}

func (d *device) Sync(s driver.Stream) error {
	return d.within("cuStreamSynchronize", d.l.streamSynchronize, uintptr(s))
}
