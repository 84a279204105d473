package cuda

import (
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/cuda/internal/libcuda"
)

// Config says which device to open. The zero value is the usual one.
type Config struct {
	// Device is the ordinal of the device whose primary context is used where the
	// calling thread has no current context.
	Device int
}

// Open finds the NVIDIA driver at run time, without cgo or a toolkit, and a device of
// compute capability 8.0 or newer.
//
// Where the calling thread has a current context (runtime.LockOSThread keeps a goroutine
// on its thread), the device is that context's, and nothing is created. Else it is the
// primary context of Config.Device, the one that PyTorch and the CUDA runtime use,
// retained until Close.
//
// Every error is an ErrUnavailable: there is no usable GPU, and the program goes on on
// the CPU. It is an *OpenError, which says what is missing.
func Open(c Config) (*Device, error) {
	return opened(libcuda.Open(c.Device))
}

// opened is the device over a driver that a backend's Open returned, or says what is missing.
func opened(drv driver.Driver, err error) (*Device, error) {
	if err != nil {
		var missing *driver.MissingError
		if errors.As(err, &missing) {
			return nil, &OpenError{Missing: missing.What, Reason: missing.Reason, Err: missing.Err}
		}
		return nil, &OpenError{Missing: "device", Reason: "the driver does not start", Err: err}
	}
	if info := drv.Info(); info.Major < 8 {
		return nil, &OpenError{
			Missing: "capability",
			Reason:  fmt.Sprintf("%s has compute capability %d.%d, and 8.0 is needed", info.Name, info.Major, info.Minor),
			Err:     drv.Close(),
		}
	}
	return over(drv), nil
}
