//go:build cu

package cuda

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"
)

// A program that holds a context, memory and a stream of gorgonia.org/cu hands them
// over as they are.
func TestCu(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ordinal, err := cu.GetDevice(0)
	require.NoError(t, err)
	own, err := ordinal.MakeContext(cu.SchedAuto)
	require.NoError(t, err)
	d, err := OpenCu(Config{})
	require.NoError(t, err)
	require.Equal(t, "gorgonia.org/cu", d.Info().Implementation)

	handle, err := cu.MakeStream(cu.NonBlocking)
	require.NoError(t, err)
	s, err := d.CuStream(handle)
	require.NoError(t, err)
	p, err := cu.MemAlloc(16)
	require.NoError(t, err)
	require.NoError(t, Upload(s, CuPtr(p), []float32{1, 2, 3, 4}))
	got := make([]float32, 3)
	require.NoError(t, Download(s, got, CuPtr(p)+4))
	require.Equal(t, []float32{2, 3, 4}, got)
	var bad *PointerError
	require.ErrorAs(t, Upload(s, CuPtr(p), make([]float32, 5)), &bad)

	require.NoError(t, s.Close())
	require.NoError(t, d.Close())
	require.NoError(t, handle.Destroy())
	require.NoError(t, cu.MemFree(p))
	current, err := cu.CurrentContext()
	require.NoError(t, err)
	require.Equal(t, own, current)

	_, err = OpenCu(Config{Device: 7}) // the current context wins over the ordinal
	require.NoError(t, err)
	_, err = cu.PopCurrentCtx()
	require.NoError(t, err)
	_, err = OpenCu(Config{Device: 7})
	require.True(t, errors.Is(err, ErrUnavailable), "%v", err)
	var open *OpenError
	require.ErrorAs(t, err, &open)
	require.Equal(t, "device", open.Missing)
}
