//go:build cu

package cuda

import (
	"gorgonia.org/cu"

	"github.com/grouprl/grouprl/grpo/cuda/internal/gorgonia"
)

// OpenCu is Open over gorgonia.org/cu v0.9.6, for programs that hold that package's
// contexts, pointers and streams. It is built with the tag cu; see check.sh of
// internal/gorgonia for what that needs. Importing gorgonia.org/cu ends a process that
// starts without a driver, so a program that also runs without a GPU uses Open.
//
// The device is that of the calling thread's current context (cu.CUContext.Lock), or
// the primary context of Config.Device.
func OpenCu(c Config) (*Device, error) {
	return opened(gorgonia.Open(c.Device))
}

// CuPtr is an address that gorgonia.org/cu allocated, for a Matrix or any other buffer.
// The memory stays that of whoever allocated it.
func CuPtr(p cu.DevicePtr) Ptr { return Ptr(p) }

// CuStream is Device.Stream for a stream of gorgonia.org/cu; cu.NoStream is the default
// stream. It works with a device of Open too, in the same context.
func (d *Device) CuStream(s cu.Stream) (*Stream, error) { return d.Stream(uintptr(gorgonia.Handle(s))) }
