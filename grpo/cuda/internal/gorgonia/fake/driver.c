/* A stand-in for libcuda.so.1, for tests of drivers on machines without a GPU: one
 * device whose memory is the host's. It insists on what a real one does: a current
 * context for every call that needs one, addresses inside allocations, PTX with the
 * kernel that is asked for. A launch of slots(out, a, b, c) does what that kernel of
 * package drivertest does; no other kernel can be launched.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int result;
enum { OK, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_CONTEXT = 201, INVALID_PTX = 218, INVALID_HANDLE = 400, NOT_FOUND = 500 };

#define LOCK() while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
#define UNLOCK(r) do { result u = (r); __atomic_store_n(&locked, 0, __ATOMIC_RELEASE); return u; } while (0)
#define CONTEXT() do { if (depth == 0) return INVALID_CONTEXT; } while (0)
static int locked;

/* contexts: a stack on each thread; the primary one is held by count */
static __thread void *stack[64];
static __thread int depth;
static int primary, retained, created;

result cuInit(unsigned flags) { return flags ? INVALID_VALUE : OK; }
result cuDriverGetVersion(int *v) { *v = 13000; return OK; }
result cuGetErrorName(result r, const char **name) {
	switch (r) {
	case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
	case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
	case INVALID_CONTEXT: *name = "CUDA_ERROR_INVALID_CONTEXT"; break;
	case INVALID_PTX: *name = "CUDA_ERROR_INVALID_PTX"; break;
	case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
	default: *name = 0; return INVALID_VALUE;
	}
	return OK;
}
result cuDeviceGetCount(int *n) { *n = 1; return OK; }
result cuDeviceGet(int *device, int ordinal) { *device = 0; return ordinal ? INVALID_DEVICE : OK; }
result cuDeviceGetName(char *name, int size, int device) { strncpy(name, "stand-in", size); return OK; }
result cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 1 << 30; return OK; }
result cuDeviceGetAttribute(int *v, int attribute, int device) {
	*v = attribute == 16 ? 2 : attribute == 75 ? 8 : 0; /* processors, major; minor */
	return OK;
}
result cuDevicePrimaryCtxRetain(void **context, int device) { LOCK(); retained++; *context = &primary; UNLOCK(OK); }
result cuDevicePrimaryCtxRelease_v2(int device) { LOCK(); UNLOCK(--retained < 0 ? INVALID_CONTEXT : OK); }
result cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = 0; *active = retained; return OK; }
result cuCtxCreate_v2(void **context, unsigned flags, int device) {
	LOCK();
	created++;
	*context = stack[depth++] = malloc(1);
	UNLOCK(OK);
}
result cuCtxDestroy_v2(void *context) {
	LOCK();
	created--;
	if (depth && stack[depth - 1] == context) depth--;
	free(context);
	UNLOCK(OK);
}
result cuCtxGetCurrent(void **context) { *context = depth ? stack[depth - 1] : 0; return OK; }
result cuCtxSetCurrent(void *context) { if (depth) depth--; if (context) stack[depth++] = context; return OK; }
result cuCtxGetDevice(int *device) { CONTEXT(); *device = 0; return OK; }
result cuCtxPushCurrent_v2(void *context) { if (!context) return INVALID_CONTEXT; stack[depth++] = context; return OK; }
result cuCtxPopCurrent_v2(void **context) { CONTEXT(); depth--; if (context) *context = stack[depth]; return OK; }
result cuCtxSynchronize(void) { CONTEXT(); return OK; }

/* memory */
static struct { char *at; size_t size; } blocks[1 << 12];
static int count;

static int inside(uint64_t p, size_t n) {
	for (int i = 0; i < count; i++)
		if (p >= (uint64_t)blocks[i].at && p - (uint64_t)blocks[i].at < blocks[i].size)
			return n <= blocks[i].size - (p - (uint64_t)blocks[i].at) ? i : -1;
	return -1;
}
result cuMemAlloc_v2(uint64_t *p, size_t n) {
	CONTEXT();
	if (n == 0) return INVALID_VALUE;
	if (n > 1 << 30) return OUT_OF_MEMORY;
	LOCK();
	if (count == 1 << 12) UNLOCK(OUT_OF_MEMORY);
	blocks[count].at = aligned_alloc(256, (n + 255) / 256 * 256);
	blocks[count].size = n;
	*p = (uint64_t)blocks[count++].at;
	UNLOCK(OK);
}
result cuMemFree_v2(uint64_t p) {
	CONTEXT();
	LOCK();
	int i = inside(p, 1);
	if (i < 0 || (uint64_t)blocks[i].at != p) UNLOCK(INVALID_VALUE);
	free(blocks[i].at);
	blocks[i] = blocks[--count];
	UNLOCK(OK);
}
result cuMemGetAddressRange_v2(uint64_t *base, size_t *size, uint64_t p) {
	CONTEXT();
	LOCK();
	int i = inside(p, 1);
	if (i < 0) UNLOCK(NOT_FOUND);
	*base = (uint64_t)blocks[i].at;
	*size = blocks[i].size;
	UNLOCK(OK);
}
result cuMemcpyHtoDAsync_v2(uint64_t dst, const void *src, size_t n, void *stream) {
	CONTEXT();
	LOCK();
	if (inside(dst, n) < 0) UNLOCK(INVALID_VALUE);
	memcpy((void *)dst, src, n);
	UNLOCK(OK);
}
result cuMemcpyDtoHAsync_v2(void *dst, uint64_t src, size_t n, void *stream) {
	CONTEXT();
	LOCK();
	if (inside(src, n) < 0) UNLOCK(INVALID_VALUE);
	memcpy(dst, (void *)src, n);
	UNLOCK(OK);
}
result cuMemsetD8Async(uint64_t dst, unsigned char v, size_t n, void *stream) {
	CONTEXT();
	LOCK();
	if (inside(dst, n) < 0) UNLOCK(INVALID_VALUE);
	memset((void *)dst, v, n);
	UNLOCK(OK);
}

/* streams: numbers from 100 on */
static uintptr_t streams = 100;
result cuStreamCreate(void **stream, unsigned flags) { CONTEXT(); LOCK(); *stream = (void *)++streams; UNLOCK(OK); }
result cuStreamDestroy_v2(void *stream) { CONTEXT(); return OK; }
result cuStreamSynchronize(void *stream) { CONTEXT(); return (uintptr_t)stream > streams ? INVALID_HANDLE : OK; }

/* modules: the text itself; functions: a place in it */
result cuModuleLoadDataEx(void **module, const char *image, unsigned n, const int *options, void **values) {
	CONTEXT();
	if (!strstr(image, ".version") || !strstr(image, ".target")) {
		for (unsigned i = 0; i < n; i++)
			if (options[i] == 5) strcpy(values[i], "line 1: no .version");
		return INVALID_PTX;
	}
	*module = strdup(image);
	return OK;
}
result cuModuleUnload(void *module) { CONTEXT(); free(module); return OK; }
result cuModuleGetFunction(void **function, void *module, const char *name) {
	CONTEXT();
	const char *at = module;
	size_t n = strlen(name);
	while ((at = strstr(at, ".entry ")))
		if (at += 7, !strncmp(at, name, n) && at[n] == '(') {
			*function = (void *)at;
			return OK;
		}
	return NOT_FOUND;
}
result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **params, void **extra) {
	CONTEXT();
	if (gx < 1 || bx < 1 || bx > 1024 || gy != 1 || gz != 1 || by != 1 || bz != 1 || shared || extra) return INVALID_VALUE;
	if (strncmp(function, "slots(", 6)) return NOT_FOUND;
	uint64_t v[4], *out;
	for (int i = 0; i < 4; i++) v[i] = *(uint64_t *)params[i];
	LOCK();
	if (inside(v[0], 40) < 0) UNLOCK(700);
	out = (uint64_t *)v[0];
	memcpy(out, v + 1, 24);
	out[3] = gx;
	out[4] = bx;
	UNLOCK(OK);
}
