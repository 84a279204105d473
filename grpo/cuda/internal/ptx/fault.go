package ptx

import (
	"fmt"
	"strings"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Kind is what went wrong in a launch.
type Kind int

const (
	OutOfBounds   Kind = iota + 1 // an address outside every allocation
	Misaligned                    // an address that is no multiple of the access's size
	UseAfterFree                  // an address in freed memory
	Uninitialised                 // a register, shared or global memory read before anything wrote it
	SharedRace                    // two unordered accesses to shared memory, one of them a write
	GlobalRace                    // the same in global memory, within one launch
	StreamRace                    // the same between launches or copies on different streams
	NonCoherent                   // ld.global.nc of memory that the launch writes
	ReadOnly                      // a store to constant memory
	Divergence                    // a barrier, shuffle or vote that not all its threads reach together
	Deadlock                      // every thread waits
	StepLimit                     // more instructions than Device.Steps
	Trap                          // the instruction trap
	Unsupported                   // an instruction or a use of one that this package does not model
)

var kinds = [...]string{
	OutOfBounds: "out of bounds", Misaligned: "misaligned", UseAfterFree: "use after free",
	Uninitialised: "read before written", SharedRace: "race in shared memory", GlobalRace: "race in global memory",
	StreamRace: "race between streams", NonCoherent: "non-coherent load of written memory", ReadOnly: "store to read-only memory",
	Divergence: "divergence", Deadlock: "deadlock", StepLimit: "step limit", Trap: "trap", Unsupported: "not supported",
}

func (k Kind) String() string {
	if k <= 0 || int(k) >= len(kinds) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kinds[k]
}

// Fault is an error in a module's text or in a launch of it. It wraps the
// *driver.Error that a driver would have returned for the nearest thing it notices.
type Fault struct {
	Kind          Kind
	Kernel        string
	Line          int    // of the PTX text, from 1
	Text          string // the instruction
	Block, Thread int    // -1 before the launch
	Detail        string
	call          string
}

func (f *Fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ptx: %v", f.Kind)
	if f.Kernel != "" {
		fmt.Fprintf(&b, " in %s", f.Kernel)
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, " line %d", f.Line)
	}
	if f.Text != "" {
		fmt.Fprintf(&b, " %q", f.Text)
	}
	if f.Block >= 0 {
		fmt.Fprintf(&b, " block %d", f.Block)
	}
	if f.Thread >= 0 {
		fmt.Fprintf(&b, " thread %d", f.Thread)
	}
	if f.Detail != "" {
		b.WriteString(": " + f.Detail)
	}
	return b.String()
}

// Unwrap is the driver's error: what a GPU reports of such a launch, or
// CUDA_ERROR_LAUNCH_FAILED where it would report nothing.
func (f *Fault) Unwrap() error {
	code := launchFailed
	switch f.Kind {
	case OutOfBounds, UseAfterFree:
		code = illegalAddress
	case Misaligned:
		code = misalignedAddress
	case Deadlock, StepLimit:
		code = launchTimeout
	case Trap:
		code = illegalInstruction
	case Unsupported:
		code = invalidPTX
	}
	call := f.call
	switch {
	case call != "":
	case f.Block < 0:
		call = "cuModuleLoadDataEx"
	default:
		call = "cuLaunchKernel"
	}
	return failure(call, code)
}

// CUresult codes that the device returns.
const (
	invalidValue       = 1
	outOfMemory        = 2
	deinitialized      = 4
	invalidPTX         = 218
	invalidHandle      = 400
	notFound           = 500
	illegalAddress     = 700
	outOfResources     = 701
	launchTimeout      = 702
	illegalInstruction = 715
	misalignedAddress  = 716
	launchFailed       = 719
)

var codes = map[int]string{
	invalidValue: "CUDA_ERROR_INVALID_VALUE", outOfMemory: "CUDA_ERROR_OUT_OF_MEMORY",
	deinitialized: "CUDA_ERROR_DEINITIALIZED", invalidPTX: "CUDA_ERROR_INVALID_PTX",
	invalidHandle: "CUDA_ERROR_INVALID_HANDLE", notFound: "CUDA_ERROR_NOT_FOUND",
	illegalAddress: "CUDA_ERROR_ILLEGAL_ADDRESS", outOfResources: "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
	launchTimeout: "CUDA_ERROR_LAUNCH_TIMEOUT", illegalInstruction: "CUDA_ERROR_ILLEGAL_INSTRUCTION",
	misalignedAddress: "CUDA_ERROR_MISALIGNED_ADDRESS", launchFailed: "CUDA_ERROR_LAUNCH_FAILED",
}

func failure(call string, code int) *driver.Error {
	name, ok := codes[code]
	if !ok {
		name = fmt.Sprintf("CUresult %d", code)
	}
	return &driver.Error{Call: call, Code: code, Name: name}
}
