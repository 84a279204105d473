//go:build cu

package gorgonia

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/cuda/internal/driver/drivertest"
)

func active(t *testing.T) int {
	d, err := cu.GetDevice(0)
	require.NoError(t, err)
	_, n, err := d.PrimaryCtxState()
	require.NoError(t, err)
	return n
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.Driver {
		d, err := Open(0)
		require.NoError(t, err)
		return d
	})
	_, err := Open(99)
	var missing *driver.MissingError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "there is no device 99 of ")
}

// With a current context the device is that context's: the primary one is not touched,
// and the thread's context is as before after every call.
func TestCurrentContext(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := active(t)
	ordinal, err := cu.GetDevice(0)
	require.NoError(t, err)
	own, err := ordinal.MakeContext(cu.SchedAuto)
	require.NoError(t, err)
	d, err := Open(0)
	require.NoError(t, err)
	require.Equal(t, before, active(t))
	p, err := cu.MemAlloc(64)
	require.NoError(t, err)
	require.NoError(t, d.Upload(driver.Ptr(p), make([]byte, 64), 0))
	base, size, err := d.Range(driver.Ptr(p) + 63)
	require.NoError(t, err)
	require.Equal(t, driver.Ptr(p), base)
	require.EqualValues(t, 64, size)

	other := make(chan error) // another thread, without a context
	go func() { other <- d.Fill(driver.Ptr(p), 1, 64, 0) }()
	require.NoError(t, <-other)
	current, err := cu.CurrentContext()
	require.NoError(t, err)
	require.Equal(t, own, current)
	require.NoError(t, cu.MemFree(p))
	require.NoError(t, d.Close())
	require.Equal(t, before, active(t))
	_, err = cu.PopCurrentCtx()
	require.NoError(t, err)
}

func TestPrimaryContext(t *testing.T) {
	before := active(t)
	d, err := Open(0)
	require.NoError(t, err)
	require.NotZero(t, active(t))
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	require.Equal(t, before, active(t))
}

func TestStreamHandle(t *testing.T) {
	require.Zero(t, Handle(cu.NoStream))
	d, err := Open(0)
	require.NoError(t, err)
	var s cu.Stream
	require.NoError(t, d.(*device).within("cuStreamCreate", func() (err error) {
		s, err = cu.MakeStream(cu.NonBlocking)
		return err
	}))
	require.NotZero(t, Handle(s))
	require.Equal(t, s, stream(Handle(s)))
	require.NoError(t, d.Sync(Handle(s)))
	require.NoError(t, d.(*device).within("cuStreamDestroy", s.Destroy))
	require.NoError(t, d.Close())
}

// What the driver's compiler says is in the error.
func TestCompilerLog(t *testing.T) {
	d, err := Open(0)
	require.NoError(t, err)
	_, err = d.Load([]byte(".nothing"))
	require.ErrorContains(t, err, "CUDA_ERROR_INVALID_PTX (218)")
	require.ErrorContains(t, err, "line 1")
	_, err = d.Load([]byte(drivertest.Slots + "\x00"))
	require.Error(t, err)
	require.NoError(t, d.Close())
}
