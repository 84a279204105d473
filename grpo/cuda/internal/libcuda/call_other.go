//go:build !linux || !(amd64 || arm64)

package libcuda

import (
	"runtime"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// load says that there is nothing to load.
func load(string) (*library, error) {
	return nil, &driver.MissingError{What: "driver", Reason: "GPUs are used on Linux on amd64 and arm64, and this is " + runtime.GOOS + " on " + runtime.GOARCH}
}

// call is never reached, because there is no library to call into.
//
//go:uintptrescapes
func (l *library) call(uintptr, ...uintptr) uintptr { return 999 }
