//go:build amd64 || arm64

package libcuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/cuda/internal/driver/drivertest"
)

// fake is testdata/fake.c as a library, and what its C functions for tests do.
type fake struct {
	path   string
	handle uintptr
}

// newFake compiles the library and sets its state back. Its path must be its own, since
// what is loaded from a path stays.
func newFake(t *testing.T, flags ...string) *fake {
	if _, err := exec.LookPath("gcc"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("GROUPRL_REQUIRE"), ","), "gcc") {
			require.NoError(t, err)
		}
		t.Skip("gcc is not there to compile a library that stands for the driver's")
	}
	dir, err := os.MkdirTemp("", "libcuda") // beyond the test: a loaded library is not unloaded
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fake{path: filepath.Join(dir, Name)}
	out, err := exec.Command("gcc", append([]string{"-shared", "-fPIC", "-pthread", "-O1", "-Wall", "-o", f.path, "testdata/fake.c"}, flags...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	f.handle, err = purego.Dlopen(f.path, purego.RTLD_NOW)
	require.NoError(t, err)
	return f
}

func (f *fake) call(name string, args ...uintptr) uintptr {
	at, err := purego.Dlsym(f.handle, name)
	if err != nil {
		panic(err)
	}
	r, _, _ := purego.SyscallN(at, args...)
	return r
}

func (f *fake) fail(call string, code, nth int) {
	name := append([]byte(call), 0)
	f.call("fake_fail", uintptr(unsafe.Pointer(&name[0])), uintptr(code), uintptr(nth))
	runtime.KeepAlive(name)
}

// record is the calls since the last one.
func (f *fake) record() []string {
	at, _ := purego.Dlsym(f.handle, "fake_record")
	r, _, _ := purego.SyscallN(at)
	all := text(unsafe.Slice(*(**byte)(unsafe.Pointer(&r)), 1<<16))
	f.call("fake_reset_record")
	return strings.Split(strings.TrimSuffix(all, "\n"), "\n")
}

// Without a current context the primary one is retained, made current around each call
// and given back.
func TestPrimaryContext(t *testing.T) {
	f := newFake(t)
	d, err := open(f.path, 0)
	require.NoError(t, err)
	require.Equal(t, []string{
		"cuInit(0)", "cuCtxGetCurrent()", "cuDeviceGetCount()", "cuDeviceGet(0)", "cuDevicePrimaryCtxRetain(40)",
		"cuDeviceGetName(256, 40)", "cuDeviceTotalMem_v2(40)",
		"cuDeviceGetAttribute(16, 40)", "cuDeviceGetAttribute(75, 40)", "cuDeviceGetAttribute(76, 40)", "cuDriverGetVersion()",
	}, f.record())
	require.Equal(t, driver.Info{Name: "Fake 40", Major: 9, Processors: 132, Memory: 80 << 30, Version: 13000, Implementation: "libcuda.so.1"}, d.Info())
	require.EqualValues(t, 1, f.call("fake_retained"))

	done := make(chan error)
	go func() { // on whatever thread
		p, err := d.Alloc(1 << 20)
		if err == nil {
			err = d.Free(p)
		}
		done <- err
	}()
	require.NoError(t, <-done)
	require.Equal(t, []string{
		"cuCtxGetCurrent()", "cuCtxPushCurrent_v2(primary)", "cuMemAlloc_v2(1048576)", "cuCtxPopCurrent_v2()",
		"cuCtxGetCurrent()", "cuCtxPushCurrent_v2(primary)", "cuMemFree_v2()", "cuCtxPopCurrent_v2()",
	}, f.record())

	require.NoError(t, d.Close())
	require.NoError(t, d.Close(), "once")
	require.Equal(t, []string{"cuDevicePrimaryCtxRelease_v2(40)"}, f.record())
	require.Zero(t, f.call("fake_retained"))
}

// A current context is used, and none is created, retained or released.
func TestCurrentContext(t *testing.T) {
	f := newFake(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f.call("fake_enter")
	d, err := open(f.path, 3)
	require.NoError(t, err)
	require.Equal(t, "Fake 47", d.Info().Name)
	require.NoError(t, d.Sync(7))
	record := f.record()
	require.Equal(t, []string{"cuCtxGetCurrent()", "cuStreamSynchronize(0x7)"}, record[len(record)-2:], "it is current here")
	for _, call := range record {
		require.NotContains(t, call, "Primary")
		require.NotContains(t, call, "PushCurrent")
	}
	done := make(chan error)
	go func() { done <- d.Sync(7) }() // on another thread, where it is not
	require.NoError(t, <-done)
	require.Equal(t, []string{"cuCtxGetCurrent()", "cuCtxPushCurrent_v2(other)", "cuStreamSynchronize(0x7)", "cuCtxPopCurrent_v2()"}, f.record())
	require.EqualValues(t, 1, f.call("fake_depth"))
	f.call("fake_leave")
	require.NoError(t, d.Sync(7))
	require.Zero(t, f.call("fake_depth"), "as it was")
	f.record()
	require.NoError(t, d.Close())
	require.Equal(t, []string{""}, f.record())
}

// Arguments arrive in their order and width.
func TestCalls(t *testing.T) {
	f := newFake(t)
	d, err := open(f.path, 0)
	require.NoError(t, err)
	calls := func() (list []string) {
		for _, c := range f.record() {
			if !strings.HasPrefix(c, "cuCtx") {
				list = append(list, c)
			}
		}
		return list
	}
	calls()
	p, err := d.Alloc(100)
	require.NoError(t, err)
	const stream = 0x123456789abc
	require.NoError(t, d.Fill(p, 0xfe, 100, stream))
	require.NoError(t, d.Upload(p+10, []byte("hello"), stream))
	back := make([]byte, 7)
	require.NoError(t, d.Download(back, p+9, stream))
	require.Equal(t, "\xfehello\xfe", string(back))
	require.NoError(t, d.(*device).Copy(p+20, p+10, 5, stream))
	require.NoError(t, d.Download(back[:5], p+20, 0))
	require.Equal(t, "hello", string(back[:5]))
	require.NoError(t, d.Upload(p, nil, stream))
	require.NoError(t, d.Download(nil, p, stream))
	require.NoError(t, d.Fill(p, 0, 0, stream))
	require.Equal(t, []string{
		"cuMemAlloc_v2(100)", "cuMemsetD8Async(254, 100, 0x123456789abc)",
		"cuMemcpyHtoDAsync_v2(5, 0x123456789abc)", "cuStreamSynchronize(0x123456789abc)",
		"cuMemcpyDtoHAsync_v2(7, 0x123456789abc)", "cuStreamSynchronize(0x123456789abc)",
		"cuMemcpyDtoDAsync_v2(5, 0x123456789abc)", "cuMemcpyDtoHAsync_v2(5, (nil))", "cuStreamSynchronize((nil))",
	}, calls())
	base, size, err := d.Range(p + 99)
	require.NoError(t, err)
	require.Equal(t, []any{p, int64(100)}, []any{base, size})
	_, _, err = d.Range(p + 100)
	require.Equal(t, &driver.Error{Call: "cuMemGetAddressRange", Code: 500, Name: "CUDA_ERROR_NOT_FOUND"}, err)
	_, err = d.Alloc(1 << 40)
	require.ErrorIs(t, err, driver.OutOfMemory)
	require.Contains(t, calls(), "cuMemAlloc_v2(1099511627776)", "a size beyond 32 bits")
	_, err = d.Alloc(0)
	require.Error(t, err)
	_, err = d.Alloc(-5)
	require.Error(t, err)
	require.NoError(t, d.Free(p))
	require.Error(t, d.Free(p))
	calls()

	m, err := d.Load([]byte("a module"))
	require.NoError(t, err)
	k, err := m.Kernel("name")
	require.NoError(t, err)
	require.NoError(t, k.Launch(1<<31-1, 512, stream, 1<<63|5, 0xffffffffffffffff, 7))
	require.NoError(t, m.Unload())
	require.Equal(t, []string{
		"cuModuleLoadDataEx(8 bytes, 2 options 5 6)", "cuModuleGetFunction(0x100000001234, name)",
		"cuLaunchKernel(0x200000005678, 2147483647 1 1, 512 1 1, 0, 0x123456789abc, 0x8000000000000005 0xffffffffffffffff 0x7, (nil))",
		"cuModuleUnload(0x100000001234)",
	}, calls())
	for _, shape := range [][2]int{{0, 1}, {1, 0}, {-1, 1}} {
		require.Error(t, k.Launch(shape[0], shape[1], 0, 1, 2, 3))
	}
	require.Error(t, k.Launch(1, 1, 0, make([]uint64, maxArguments+1)...))

	_, err = d.Load([]byte("something wrong"))
	var e *driver.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "CUDA_ERROR_INVALID_PTX", e.Name)
	require.ErrorContains(t, err, "line 1: wrong")
	_, err = m.Kernel("missing")
	require.ErrorContains(t, err, "missing")
	require.ErrorAs(t, err, &e)
	require.NoError(t, d.Close())
}

// What every driver must do, many goroutines at once included.
func TestDriver(t *testing.T) {
	f := newFake(t)
	drivertest.Run(t, func(t *testing.T) driver.Driver {
		d, err := open(f.path, 0)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		return d
	})
	require.Zero(t, f.call("fake_retained"))
}

// Whichever call fails, the error has its name, and Open keeps nothing.
func TestFailures(t *testing.T) {
	f := newFake(t)
	for _, c := range []struct{ symbol, call string }{
		{"cuCtxGetCurrent", "cuCtxGetCurrent"}, {"cuDeviceGetCount", "cuDeviceGetCount"}, {"cuDeviceGet", "cuDeviceGet"},
		{"cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain"}, {"cuDeviceGetName", "cuDeviceGetName"}, {"cuDeviceTotalMem_v2", "cuDeviceTotalMem"},
		{"cuDeviceGetAttribute", "cuDeviceGetAttribute"}, {"cuDriverGetVersion", "cuDriverGetVersion"},
	} {
		f.fail(c.symbol, 719, 0)
		_, err := open(f.path, 0)
		var e *driver.Error
		require.ErrorAs(t, err, &e, c.call)
		require.Equal(t, driver.Error{Call: c.call, Code: 719, Name: "CUDA_ERROR_LAUNCH_FAILED"}, *e)
		require.Zero(t, f.call("fake_retained"), c.call)
	}
	var missing *driver.MissingError
	for code, c := range map[int]struct{ what, why string }{
		100: {"device", "the driver finds no GPU"}, 1: {"driver", "the NVIDIA driver does not start"}, 803: {"driver", "the NVIDIA driver does not start"},
	} {
		f.fail("cuInit", code, 0)
		_, err := open(f.path, 0)
		require.ErrorAs(t, err, &missing)
		require.Equal(t, c.what, missing.What)
		require.ErrorContains(t, err, c.why)
		var e *driver.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, code, e.Code)
	}
	for _, n := range []int{0, 2} {
		f.call("fake_devices", uintptr(n))
		_, err := open(f.path, 2)
		require.ErrorAs(t, err, &missing)
		require.Equal(t, "device", missing.What)
		_, err = open(f.path, -1)
		require.ErrorAs(t, err, &missing)
	}
	d, err := open(f.path, 1)
	require.NoError(t, err)
	require.Equal(t, "Fake 41", d.Info().Name)
	for _, symbol := range []string{"cuCtxGetCurrent", "cuCtxPushCurrent_v2", "cuMemAlloc_v2"} {
		f.fail(symbol, 4242, 0)
		_, err = d.Alloc(10)
		require.EqualError(t, err, strings.TrimSuffix(symbol, "_v2")+": unknown CUresult (4242)")
		require.Zero(t, f.call("fake_depth"))
	}
	require.NoError(t, d.Close())
}

// A machine without the driver, and one whose driver lacks a call.
func TestMissing(t *testing.T) {
	_, err := open(filepath.Join(t.TempDir(), Name), 0)
	var missing *driver.MissingError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "driver", missing.What)
	require.ErrorContains(t, err, Name)
	f := newFake(t, "-DcuMemGetAddressRange_v2=cuMemGetAddressRange")
	_, err = open(f.path, 0)
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "too old")
	require.ErrorContains(t, err, "cuMemGetAddressRange_v2")
}

// Open finds the library by its name, as the loader does.
func TestOpenByName(t *testing.T) {
	if os.Getenv("GROUPRL_FAKE_LIBCUDA") != "" {
		d, err := Open(0)
		require.NoError(t, err)
		require.Equal(t, "Fake 40", d.Info().Name)
		require.NoError(t, d.Close())
		return
	}
	f := newFake(t)
	command := exec.Command(os.Args[0], "-test.run=^TestOpenByName$", "-test.v")
	command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Dir(f.path), "GROUPRL_FAKE_LIBCUDA=1")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestOpenByName")
}
