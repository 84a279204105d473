//go:build !linux || !(amd64 || arm64)

package libcuda

import "runtime"

// load says that there is nothing to load.
func load(string) (*library, error) {
	return nil, &MissingError{"driver", "GPUs are used on Linux on amd64 and arm64, and this is " + runtime.GOOS + " on " + runtime.GOARCH, nil}
}

// call is never reached, because there is no library to call into.
//
//go:uintptrescapes
func (l *library) call(uintptr, ...uintptr) uintptr { return 999 }
