package cuda

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// Info describes a device: its name, compute capability, processors, memory and driver.
type Info = driver.Info

// A Device is one GPU with a context. Its methods may be called from any goroutine.
type Device struct {
	drv  driver.Driver
	info Info
	lost atomic.Pointer[lostError] // or closed

	lock    sync.Mutex
	modules []driver.Module
	kernels map[string]driver.Kernel
}

// over is a device over a driver, which Close then closes.
func over(drv driver.Driver) *Device {
	return &Device{drv: drv, info: drv.Info(), kernels: map[string]driver.Kernel{}}
}

// Info describes the device.
func (d *Device) Info() Info { return d.info }

// Close unloads the kernels and gives back the context, if Open took it. Streams are
// closed before. The memory that the caller allocated is the caller's.
func (d *Device) Close() error {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.lost.Load() == &closed {
		return nil
	}
	var err error
	for _, m := range d.modules {
		err = errors.Join(err, d.see(m.Unload()))
	}
	d.modules, d.kernels = nil, map[string]driver.Kernel{}
	err = errors.Join(err, d.see(d.drv.Close()))
	d.lost.Store(&closed)
	return err
}

// closed is why a device is lost that has been closed.
var closed = lostError{errors.New("it has been closed")}

// Alloc is bytes of device memory, for callers without an allocator of their own.
func (d *Device) Alloc(bytes int64) (Ptr, error) {
	if bytes < 1 {
		return 0, &logprob.ShapeError{Field: "Alloc", Reason: fmt.Sprintf("of %d bytes", bytes)}
	}
	if err := d.alive(); err != nil {
		return 0, err
	}
	p, err := d.drv.Alloc(bytes)
	return p, d.see(err)
}

// Free gives memory of Alloc back. 0 is nothing.
func (d *Device) Free(p Ptr) error {
	if p == 0 {
		return nil
	}
	return d.see(d.drv.Free(p))
}

// lostError is the error that the device was lost by.
type lostError struct{ err error }

func (e *lostError) Error() string   { return fmt.Sprintf("%v: %v", ErrLost, e.err) }
func (e *lostError) Unwrap() []error { return []error{ErrLost, e.err} }

// see notes an error after which nothing more can be started.
func (d *Device) see(err error) error {
	if err == nil {
		return nil
	}
	var e *driver.Error
	if errors.As(err, &e) && driver.Lost(e.Code) {
		lost := &lostError{err}
		d.lost.CompareAndSwap(nil, lost)
		return lost
	}
	return err
}

// alive is nil unless the device is lost.
func (d *Device) alive() error {
	if lost := d.lost.Load(); lost != nil {
		return lost
	}
	return nil
}

// kernel is an entry of a PTX file, which is loaded when one of its kernels is first
// wanted: that takes up to a second, once, and the driver keeps what it compiled.
func (d *Device) kernel(ptx []byte, entries []string, name string) (driver.Kernel, error) {
	if err := d.alive(); err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	if k, ok := d.kernels[name]; ok {
		return k, nil
	}
	m, err := d.drv.Load(ptx)
	if err != nil {
		return nil, d.see(err)
	}
	found := make([]driver.Kernel, len(entries))
	for i, entry := range entries {
		if found[i], err = m.Kernel(entry); err != nil {
			return nil, errors.Join(d.see(err), m.Unload())
		}
	}
	d.modules = append(d.modules, m)
	for i, entry := range entries {
		d.kernels[entry] = found[i]
	}
	k, ok := d.kernels[name]
	if !ok {
		return nil, fmt.Errorf("cuda: there is no kernel %s", name)
	}
	return k, nil
}

// check is a *PointerError unless bytes of memory begin at p, a multiple of align.
func (d *Device) check(field string, p Ptr, bytes, align int64) error {
	refuse := func(reason string) error { return &PointerError{field, p, bytes, reason} }
	if err := d.alive(); err != nil {
		return err
	}
	switch {
	case bytes == 0:
		return nil
	case p == 0:
		return refuse("no address is given")
	case uint64(p)%uint64(align) != 0:
		return refuse(fmt.Sprintf("is not at a multiple of %d bytes", align))
	case uint64(p) > math.MaxUint64-uint64(bytes):
		return refuse("reaches beyond all addresses")
	}
	// An allocator may have mapped neighbouring pieces; each is a range of its own.
	for at, end := p, p+Ptr(bytes); at < end; {
		base, size, err := d.drv.Range(at)
		if err != nil {
			if err = d.see(err); errors.Is(err, ErrLost) {
				return err
			}
			if at == p {
				return refuse("is not in memory of this device, or in memory that has been freed")
			}
			return refuse(fmt.Sprintf("the memory there ends after %d bytes", at-p))
		}
		at = base + Ptr(size)
	}
	return nil
}

// checkVector is check for n elements of size bytes.
func (d *Device) checkVector(field string, p Ptr, n, size int64) error {
	if n > math.MaxInt64/size {
		return &PointerError{field, p, math.MaxInt64, "is longer than there are addresses"}
	}
	return d.check(field, p, n*size, size)
}
