// Package libcuda is the driver over libcuda.so.1, opened at run time: no cgo, no
// toolkit, no link to the library. Where there is none, Open says so.
package libcuda

import (
	"unsafe"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Name is the library, as the NVIDIA driver installs it.
const Name = "libcuda.so.1"

// library is the addresses of the calls that are used here. Each comment is the call's
// C prototype; every argument travels in a register of 8 bytes.
type library struct {
	init                    uintptr // (unsigned flags)
	driverGetVersion        uintptr // (int *)
	getErrorName            uintptr // (CUresult, const char **)
	deviceGetCount          uintptr // (int *)
	deviceGet               uintptr // (CUdevice *, int ordinal)
	deviceGetName           uintptr // (char *, int size, CUdevice)
	deviceTotalMem          uintptr // (size_t *, CUdevice)
	deviceGetAttribute      uintptr // (int *, CUdevice_attribute, CUdevice)
	devicePrimaryCtxRetain  uintptr // (CUcontext *, CUdevice)
	devicePrimaryCtxRelease uintptr // (CUdevice)
	ctxGetCurrent           uintptr // (CUcontext *)
	ctxGetDevice            uintptr // (CUdevice *)
	ctxPushCurrent          uintptr // (CUcontext)
	ctxPopCurrent           uintptr // (CUcontext *)
	memAlloc                uintptr // (CUdeviceptr *, size_t)
	memFree                 uintptr // (CUdeviceptr)
	memGetAddressRange      uintptr // (CUdeviceptr *base, size_t *size, CUdeviceptr)
	memcpyHtoDAsync         uintptr // (CUdeviceptr, const void *, size_t, CUstream)
	memcpyDtoHAsync         uintptr // (void *, CUdeviceptr, size_t, CUstream)
	memcpyDtoDAsync         uintptr // (CUdeviceptr, CUdeviceptr, size_t, CUstream)
	memsetD8Async           uintptr // (CUdeviceptr, unsigned char, size_t, CUstream)
	streamSynchronize       uintptr // (CUstream)
	moduleLoadDataEx        uintptr // (CUmodule *, const void *image, unsigned, CUjit_option *, void **)
	moduleGetFunction       uintptr // (CUfunction *, CUmodule, const char *)
	moduleUnload            uintptr // (CUmodule)
	launchKernel            uintptr // (CUfunction, unsigned grid[3], unsigned block[3], unsigned shared, CUstream, void **params, void **extra)
}

// symbols are the names in the library. Where a call has grown a second version, the
// plain name is the old one, with sizes of 32 bits.
func (l *library) symbols() map[string]*uintptr {
	return map[string]*uintptr{
		"cuInit":                       &l.init,
		"cuDriverGetVersion":           &l.driverGetVersion,
		"cuGetErrorName":               &l.getErrorName,
		"cuDeviceGetCount":             &l.deviceGetCount,
		"cuDeviceGet":                  &l.deviceGet,
		"cuDeviceGetName":              &l.deviceGetName,
		"cuDeviceTotalMem_v2":          &l.deviceTotalMem,
		"cuDeviceGetAttribute":         &l.deviceGetAttribute,
		"cuDevicePrimaryCtxRetain":     &l.devicePrimaryCtxRetain,
		"cuDevicePrimaryCtxRelease_v2": &l.devicePrimaryCtxRelease,
		"cuCtxGetCurrent":              &l.ctxGetCurrent,
		"cuCtxGetDevice":               &l.ctxGetDevice,
		"cuCtxPushCurrent_v2":          &l.ctxPushCurrent,
		"cuCtxPopCurrent_v2":           &l.ctxPopCurrent,
		"cuMemAlloc_v2":                &l.memAlloc,
		"cuMemFree_v2":                 &l.memFree,
		"cuMemGetAddressRange_v2":      &l.memGetAddressRange,
		"cuMemcpyHtoDAsync_v2":         &l.memcpyHtoDAsync,
		"cuMemcpyDtoHAsync_v2":         &l.memcpyDtoHAsync,
		"cuMemcpyDtoDAsync_v2":         &l.memcpyDtoDAsync,
		"cuMemsetD8Async":              &l.memsetD8Async,
		"cuStreamSynchronize":          &l.streamSynchronize,
		"cuModuleLoadDataEx":           &l.moduleLoadDataEx,
		"cuModuleGetFunction":          &l.moduleGetFunction,
		"cuModuleUnload":               &l.moduleUnload,
		"cuLaunchKernel":               &l.launchKernel,
	}
}

// result is a CUresult as an error; nil for 0.
func (l *library) result(call string, code uintptr) error {
	if code &= 0xffffffff; code == 0 {
		return nil
	}
	var name *byte
	if l.call(l.getErrorName, code, uintptr(unsafe.Pointer(&name))) != 0 || name == nil {
		return &driver.Error{Call: call, Code: int(code), Name: "unknown CUresult"}
	}
	return &driver.Error{Call: call, Code: int(code), Name: text(unsafe.Slice(name, 128))}
}

// text is a C string, of which no byte after its end is read.
func text(b []byte) string {
	n := 0
	for n < len(b) && b[n] != 0 {
		n++
	}
	return string(b[:n])
}
