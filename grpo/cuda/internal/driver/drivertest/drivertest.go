// Package drivertest checks what every driver.Driver must do, whether it is the
// interpreter, a stand-in for libcuda or a GPU.
package drivertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// Slots is a PTX module with one kernel, slots(out, a, b, c): thread 0 of block 0 writes
// a, b, c, the blocks of the grid and the threads of a block to out, 8 bytes each.
const Slots = `.version 7.0
.target sm_80
.address_size 64

.visible .entry slots(.param .u64 out, .param .u64 a, .param .u64 b, .param .u64 c)
{
	.reg .pred %p<2>;
	.reg .b32 %r<8>;
	.reg .b64 %rd<8>;
	mov.u32 %r1, %tid.x;
	mov.u32 %r2, %ctaid.x;
	or.b32 %r3, %r1, %r2;
	setp.ne.b32 %p1, %r3, 0;
	@%p1 bra $end;
	ld.param.b64 %rd1, [out];
	cvta.to.global.u64 %rd1, %rd1;
	ld.param.b64 %rd2, [a];
	ld.param.b64 %rd3, [b];
	ld.param.b64 %rd4, [c];
	mov.u32 %r4, %nctaid.x;
	mov.u32 %r5, %ntid.x;
	cvt.u64.u32 %rd5, %r4;
	cvt.u64.u32 %rd6, %r5;
	st.global.b64 [%rd1], %rd2;
	st.global.b64 [%rd1+8], %rd3;
	st.global.b64 [%rd1+16], %rd4;
	st.global.b64 [%rd1+24], %rd5;
	st.global.b64 [%rd1+32], %rd6;
$end:
	ret;
}
`

// Run checks a driver from open, which is called once for each check.
func Run(t *testing.T, open func(t *testing.T) driver.Driver) {
	t.Run("info", func(t *testing.T) {
		i := open(t).Info()
		require.NotEmpty(t, i.Name)
		require.NotEmpty(t, i.Implementation)
		require.GreaterOrEqual(t, i.Major, 8)
		require.Positive(t, i.Processors)
		require.Positive(t, i.Memory)
		require.GreaterOrEqual(t, i.Version, 11000)
	})
	t.Run("memory", func(t *testing.T) { memory(t, open(t)) })
	t.Run("copies", func(t *testing.T) { copies(t, open(t)) })
	t.Run("launch", func(t *testing.T) { launch(t, open(t)) })
	t.Run("modules", func(t *testing.T) { modules(t, open(t)) })
	t.Run("goroutines", func(t *testing.T) { goroutines(t, open(t)) })
}

// refused requires a *driver.Error of this code; 0: of any.
func refused(t *testing.T, err error, code int) {
	t.Helper()
	var e *driver.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Call)
	require.NotEmpty(t, e.Name)
	if code != 0 {
		require.Equal(t, code, e.Code, "%v", err)
	}
}

func memory(t *testing.T, d driver.Driver) {
	p, err := d.Alloc(1000)
	require.NoError(t, err)
	require.NotZero(t, p)
	require.Zero(t, p%256)
	for _, at := range []driver.Ptr{p, p + 1, p + 999} {
		base, size, err := d.Range(at)
		require.NoError(t, err)
		require.Equal(t, p, base)
		require.EqualValues(t, 1000, size)
	}
	q, err := d.Alloc(1)
	require.NoError(t, err)
	require.NotEqual(t, p, q)
	require.NoError(t, d.Free(q))
	require.NoError(t, d.Free(p))
	refused(t, d.Free(p), 1)
	_, _, err = d.Range(p)
	refused(t, err, 0)
	for _, n := range []int64{0, -1} {
		_, err = d.Alloc(n)
		refused(t, err, 1)
	}
	_, err = d.Alloc(1 << 50)
	refused(t, err, 2)
	require.ErrorIs(t, err, driver.OutOfMemory)
	require.NoError(t, d.Close())
}

func copies(t *testing.T, d driver.Driver) {
	const n = 1000
	p, err := d.Alloc(n)
	require.NoError(t, err)
	src, out := make([]byte, n), make([]byte, n)
	for i := range src {
		src[i] = byte(i*31 + 7)
	}
	require.NoError(t, d.Upload(p, src, 0))
	require.NoError(t, d.Fill(p+100, 0xab, 50, 0))
	require.NoError(t, d.Upload(p+300, src[:10], 0))
	want := bytes.Clone(src)
	copy(want[100:150], bytes.Repeat([]byte{0xab}, 50))
	copy(want[300:310], src[:10])
	clear(src) // the copy has been made
	require.NoError(t, d.Download(out, p, 0))
	require.True(t, bytes.Equal(want, out))
	part := make([]byte, 3)
	require.NoError(t, d.Download(part, p+997, 0))
	require.Equal(t, want[997:], part)
	require.NoError(t, d.Sync(0))
	require.NoError(t, d.Upload(p, nil, 0))
	require.NoError(t, d.Download(nil, p, 0))
	require.NoError(t, d.Fill(p, 0, 0, 0))
	require.NoError(t, d.Free(p))
	require.NoError(t, d.Close())
}

// slots launches the kernel and returns what it wrote.
func slots(d driver.Driver, k driver.Kernel, grid, block int, a, b, c uint64) (out [5]uint64, err error) {
	p, err := d.Alloc(40)
	if err != nil {
		return out, err
	}
	err = k.Launch(grid, block, 0, uint64(p), a, b, c)
	raw := make([]byte, 40)
	if err == nil {
		err = d.Download(raw, p, 0)
	}
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return out, errors.Join(err, d.Free(p))
}

func launch(t *testing.T, d driver.Driver) {
	m, err := d.Load([]byte(Slots))
	require.NoError(t, err)
	k, err := m.Kernel("slots")
	require.NoError(t, err)
	const a, b, c = 0x0123456789abcdef, 0xfedcba9876543210, 1 << 63
	out, err := slots(d, k, 3, 64, a, b, c)
	require.NoError(t, err)
	require.Equal(t, [5]uint64{a, b, c, 3, 64}, out)
	refused(t, k.Launch(0, 64, 0, 0, 0, 0, 0), 1)
	refused(t, k.Launch(1, 0, 0, 0, 0, 0, 0), 1)
	require.NoError(t, m.Unload())
	require.NoError(t, d.Close())
}

func modules(t *testing.T, d driver.Driver) {
	m, err := d.Load([]byte(Slots))
	require.NoError(t, err)
	_, err = m.Kernel("holes")
	refused(t, err, 500)
	require.ErrorContains(t, err, "holes")
	require.NoError(t, m.Unload())
	_, err = d.Load([]byte("this is no PTX"))
	refused(t, err, 0)
	require.NoError(t, d.Close())
}

// goroutines move between threads, and contexts do not.
func goroutines(t *testing.T, d driver.Driver) {
	m, err := d.Load([]byte(Slots))
	require.NoError(t, err)
	k, err := m.Kernel("slots")
	require.NoError(t, err)
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Go(func() {
			for j := range uint64(8) {
				out, err := slots(d, k, 1, 32, uint64(i), j, 0)
				if err == nil && out != [5]uint64{uint64(i), j, 0, 1, 32} {
					err = fmt.Errorf("goroutine %d launch %d: %v", i, j, out)
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, m.Unload())
	require.NoError(t, d.Close())
}
