// Package driver is what the CUDA path asks of a device: memory, streams and
// launches, in the dozen calls that it uses. libcuda, gorgonia.org/cu and the PTX
// interpreter of the tests each implement it.
package driver

import "fmt"

// Ptr is an address in device memory; 0 is none.
type Ptr uint64

// Stream orders work on the device; it is a CUstream. 0 is the default stream.
type Stream uintptr

// Info describes a device.
type Info struct {
	Name           string
	Major, Minor   int   // compute capability
	Processors     int   // streaming multiprocessors
	Memory         int64 // bytes
	Version        int   // of the driver's CUDA, 13000 for 13.0
	Implementation string
}

// A Driver is one device with a current context. Its methods may be called from any
// goroutine. Every error is an *Error or wraps one.
type Driver interface {
	Info() Info

	Alloc(bytes int64) (Ptr, error)
	Free(p Ptr) error
	// Range is the allocation around p: its start and size in bytes.
	Range(p Ptr) (base Ptr, size int64, err error)
	// Upload and Download copy between the host and the device in the order of the
	// stream, and return when the host's slice may be reused or read.
	Upload(dst Ptr, src []byte, s Stream) error
	Download(dst []byte, src Ptr, s Stream) error
	// Fill sets n bytes in the order of the stream.
	Fill(dst Ptr, value byte, n int64, s Stream) error
	// Sync waits for all work on the stream.
	Sync(s Stream) error

	// Load compiles the text of a PTX module for the device.
	Load(ptx []byte) (Module, error)
	Close() error
}

// A Module is a loaded PTX file.
type Module interface {
	Kernel(name string) (Kernel, error)
	Unload() error
}

// A Kernel is an entry of a module. Every parameter of every kernel here is 8 bytes
// wide: an address, a long long or the bits of a double.
type Kernel interface {
	// Launch starts grid blocks of block threads, both one-dimensional, and returns
	// without waiting.
	Launch(grid, block int, s Stream, args ...uint64) error
}

// Error is a call that the device refused.
type Error struct {
	Call string // the driver's call, as "cuMemAlloc"
	Code int    // its CUresult
	Name string // the code's name, as "CUDA_ERROR_OUT_OF_MEMORY"
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%d)", e.Call, e.Name, e.Code) }

// Is makes errors.Is compare codes alone.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Call == "" && other.Code == e.Code
}

// OutOfMemory is what too little memory on the device is, by errors.Is.
var OutOfMemory = &Error{Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY"}

// Lost says that a code leaves the process without a working context: a fault of a
// kernel or of the hardware, a context that is gone.
func Lost(code int) bool {
	switch code {
	case 4, 214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719:
		return true
	}
	return false
}

// A MissingError says what a machine lacks to run on a GPU.
type MissingError struct {
	What   string // "driver" or "device"
	Reason string
	Err    error // may be nil
}

func (e *MissingError) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

// Unwrap is what the driver or the loader said.
func (e *MissingError) Unwrap() error { return e.Err }
