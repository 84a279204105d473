//go:build amd64 || arm64

package libcuda

import (
	"sync"

	"github.com/ebitengine/purego"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

var loaded sync.Map // path -> *library, once complete

// load opens the library at path, for the life of the process: a driver is not unloaded.
func load(path string) (*library, error) {
	if l, ok := loaded.Load(path); ok {
		return l.(*library), nil
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, &driver.MissingError{What: "driver", Reason: "the NVIDIA driver's library cannot be opened", Err: err}
	}
	l := new(library)
	for name, at := range l.symbols() {
		if *at, err = purego.Dlsym(handle, name); err != nil {
			return nil, &driver.MissingError{What: "driver", Reason: "the NVIDIA driver is too old", Err: err}
		}
	}
	loaded.Store(path, l)
	return l, nil
}

// call calls into the library. Variables whose addresses are converted in the argument
// list stay where they are until it returns.
//
//go:uintptrescapes
func (l *library) call(function uintptr, args ...uintptr) uintptr {
	result, _, _ := purego.SyscallN(function, args...)
	return result
}
