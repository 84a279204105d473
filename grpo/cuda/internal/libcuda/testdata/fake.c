// A libcuda.so.1 for tests: the calls that the package uses, on memory of the host. It
// writes down every call with its arguments, keeps to the rules about current contexts,
// and fails where it is told to.
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef uint64_t CUdeviceptr;
typedef void *CUcontext;
enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101, INVALID_PTX = 218, INVALID_CONTEXT = 201, NOT_FOUND = 500 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of everything below
static char record[1 << 16];
static size_t used;
static char failing[64];
static int failing_code, failing_nth;
static int ready, retained, devices = 1;
static __thread CUcontext stack[16];
static __thread int depth;
static char context_of_primary, context_of_other;
static struct piece {
	char *at;
	size_t size;
} pieces[64];

// begin writes a call down, and is the code with which it is to fail.
static CUresult begin(const char *name, const char *format, ...) {
	va_list args;
	CUresult code = 0;
	pthread_mutex_lock(&lock);
	if (used < sizeof record - 512) { // else nobody reads it
		va_start(args, format);
		used += snprintf(record + used, 64, "%s(", name);
		used += vsnprintf(record + used, 400, format, args);
		used += snprintf(record + used, 8, ")\n");
		va_end(args);
	}
	if (!strcmp(name, failing) && failing_nth-- == 0)
		code = failing_code;
	else if (!ready && strcmp(name, "cuInit") && strcmp(name, "cuDriverGetVersion"))
		code = NOT_INITIALIZED;
	pthread_mutex_unlock(&lock);
	return code;
}
#define BEGIN(name, ...)                                    \
	do {                                                    \
		CUresult code = begin(name, __VA_ARGS__);           \
		if (code) return code;                              \
	} while (0)
#define CURRENT(name, ...)                                  \
	do {                                                    \
		BEGIN(name, __VA_ARGS__);                           \
		if (!depth || !stack[depth - 1]) return INVALID_CONTEXT; \
	} while (0)

// For the tests.
const char *fake_record(void) { return record; }
void fake_reset_record(void) { used = 0, record[0] = 0; }
void fake_fail(const char *name, int code, int nth) { snprintf(failing, sizeof failing, "%s", name), failing_code = code, failing_nth = nth; }
void fake_devices(int n) { devices = n; }
int fake_retained(void) { return retained; }
int fake_depth(void) { return depth; }
void fake_enter(void) { stack[depth++] = &context_of_other; }
void fake_leave(void) { depth--; }

CUresult cuInit(unsigned flags) {
	BEGIN("cuInit", "%u", flags);
	ready = 1;
	return 0;
}
CUresult cuDriverGetVersion(int *version) {
	BEGIN("cuDriverGetVersion", "");
	*version = 13000;
	return 0;
}
CUresult cuGetErrorName(CUresult code, const char **name) {
	switch (code) {
	case 1: *name = "CUDA_ERROR_INVALID_VALUE"; return 0;
	case 2: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;
	case 100: *name = "CUDA_ERROR_NO_DEVICE"; return 0;
	case 201: *name = "CUDA_ERROR_INVALID_CONTEXT"; return 0;
	case 218: *name = "CUDA_ERROR_INVALID_PTX"; return 0;
	case 500: *name = "CUDA_ERROR_NOT_FOUND"; return 0;
	case 719: *name = "CUDA_ERROR_LAUNCH_FAILED"; return 0;
	}
	*name = 0;
	return INVALID_VALUE;
}
CUresult cuDeviceGetCount(int *n) {
	BEGIN("cuDeviceGetCount", "");
	*n = devices;
	return 0;
}
CUresult cuDeviceGet(int *device, int ordinal) {
	BEGIN("cuDeviceGet", "%d", ordinal);
	if (ordinal < 0 || ordinal >= devices) return INVALID_DEVICE;
	*device = 40 + ordinal;
	return 0;
}
CUresult cuDeviceGetName(char *name, int size, int device) {
	BEGIN("cuDeviceGetName", "%d, %d", size, device);
	snprintf(name, size, "Fake %d", device);
	return 0;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) {
	BEGIN("cuDeviceTotalMem_v2", "%d", device);
	*bytes = (size_t)80 << 30;
	return 0;
}
CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
	BEGIN("cuDeviceGetAttribute", "%d, %d", attribute, device);
	*value = attribute == 16 ? 132 : attribute == 75 ? 9 : attribute == 76 ? 0 : -1;
	return 0;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, int device) {
	BEGIN("cuDevicePrimaryCtxRetain", "%d", device);
	retained++;
	*context = &context_of_primary;
	return 0;
}
CUresult cuDevicePrimaryCtxRelease_v2(int device) {
	BEGIN("cuDevicePrimaryCtxRelease_v2", "%d", device);
	retained--;
	return 0;
}
CUresult cuCtxGetCurrent(CUcontext *context) {
	BEGIN("cuCtxGetCurrent", "");
	*context = depth ? stack[depth - 1] : 0;
	return 0;
}
CUresult cuCtxGetDevice(int *device) {
	CURRENT("cuCtxGetDevice", "");
	*device = 47;
	return 0;
}
CUresult cuCtxPushCurrent_v2(CUcontext context) {
	BEGIN("cuCtxPushCurrent_v2", "%s", context == &context_of_primary ? "primary" : "other");
	stack[depth++] = context;
	return 0;
}
CUresult cuCtxPopCurrent_v2(CUcontext *context) {
	BEGIN("cuCtxPopCurrent_v2", "");
	*context = stack[--depth];
	return 0;
}
CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t bytes) {
	CURRENT("cuMemAlloc_v2", "%zu", bytes);
	if (bytes > (size_t)1 << 32) return OUT_OF_MEMORY;
	CUresult code = OUT_OF_MEMORY;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 64 && code; i++) {
		if (pieces[i].at) continue;
		pieces[i].at = aligned_alloc(256, (bytes + 255) / 256 * 256), pieces[i].size = bytes;
		*p = (CUdeviceptr)(uintptr_t)pieces[i].at;
		code = 0;
	}
	pthread_mutex_unlock(&lock);
	return code;
}
static struct piece *find(CUdeviceptr p) {
	for (int i = 0; i < 64; i++)
		if (pieces[i].at && (char *)(uintptr_t)p >= pieces[i].at && (char *)(uintptr_t)p < pieces[i].at + pieces[i].size) return &pieces[i];
	return 0;
}
CUresult cuMemFree_v2(CUdeviceptr p) {
	CURRENT("cuMemFree_v2", "");
	CUresult code = INVALID_VALUE;
	pthread_mutex_lock(&lock);
	struct piece *of = find(p);
	if (of && (CUdeviceptr)(uintptr_t)of->at == p) free(of->at), of->at = 0, code = 0;
	pthread_mutex_unlock(&lock);
	return code;
}
CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr p) {
	CURRENT("cuMemGetAddressRange_v2", "");
	CUresult code = NOT_FOUND;
	pthread_mutex_lock(&lock);
	struct piece *of = find(p);
	if (of) *base = (CUdeviceptr)(uintptr_t)of->at, *size = of->size, code = 0;
	pthread_mutex_unlock(&lock);
	return code;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void *src, size_t bytes, void *stream) {
	CURRENT("cuMemcpyHtoDAsync_v2", "%zu, %p", bytes, stream);
	memcpy((void *)(uintptr_t)dst, src, bytes);
	return 0;
}
CUresult cuMemcpyDtoHAsync_v2(void *dst, CUdeviceptr src, size_t bytes, void *stream) {
	CURRENT("cuMemcpyDtoHAsync_v2", "%zu, %p", bytes, stream);
	memcpy(dst, (void *)(uintptr_t)src, bytes);
	return 0;
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dst, CUdeviceptr src, size_t bytes, void *stream) {
	CURRENT("cuMemcpyDtoDAsync_v2", "%zu, %p", bytes, stream);
	memcpy((void *)(uintptr_t)dst, (void *)(uintptr_t)src, bytes);
	return 0;
}
CUresult cuMemsetD8Async(CUdeviceptr dst, unsigned char value, size_t bytes, void *stream) {
	CURRENT("cuMemsetD8Async", "%u, %zu, %p", value, bytes, stream);
	memset((void *)(uintptr_t)dst, value, bytes);
	return 0;
}
CUresult cuStreamSynchronize(void *stream) {
	CURRENT("cuStreamSynchronize", "%p", stream);
	return 0;
}
CUresult cuModuleLoadDataEx(void **module, const void *image, unsigned n, int *options, void **values) {
	CURRENT("cuModuleLoadDataEx", "%zu bytes, %u options %d %d", strlen(image), n, options[0], options[1]);
	if (strstr(image, "wrong") || strstr(image, "no PTX")) {
		snprintf(values[0], (size_t)values[1], "line 1: wrong");
		return INVALID_PTX;
	}
	*module = (void *)0x100000001234;
	return 0;
}
CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
	CURRENT("cuModuleGetFunction", "%p, %s", module, name);
	if (strcmp(name, "name") && strcmp(name, "slots")) return NOT_FOUND;
	*function = !strcmp(name, "slots") ? (void *)&context_of_other : (void *)0x200000005678;
	return 0;
}
CUresult cuModuleUnload(void *module) {
	CURRENT("cuModuleUnload", "%p", module);
	return 0;
}
// A launch reads three parameters of 8 bytes; that of package drivertest's kernel does
// what it does.
CUresult cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
						void *stream, void **params, void **extra) {
	if (function == &context_of_other) {
		CURRENT("cuLaunchKernel", "slots");
		uint64_t *out = (uint64_t *)(uintptr_t)*(uint64_t *)params[0];
		for (int i = 0; i < 3; i++) out[i] = *(uint64_t *)params[1 + i];
		out[3] = gx, out[4] = bx;
		return 0;
	}
	CURRENT("cuLaunchKernel", "%p, %u %u %u, %u %u %u, %u, %p, %#llx %#llx %#llx, %p", function, gx, gy, gz, bx, by, bz, shared, stream,
			(unsigned long long)*(uint64_t *)params[0], (unsigned long long)*(uint64_t *)params[1], (unsigned long long)*(uint64_t *)params[2], (void *)extra);
	return 0;
}
