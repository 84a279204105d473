package cuda

import (
	"errors"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// What does not fit is refused by name before anything is started.
func TestShapes(t *testing.T) {
	b := newBed(t, &ptx.Device{})
	c := randomChunk[float32](4, 50, 60, 3)
	h := hold(b, c, 0)
	shape := func(field string, err error) {
		t.Helper()
		var bad *logprob.ShapeError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, field, bad.Field)
	}
	pointer := func(field string, err error) {
		t.Helper()
		var bad *PointerError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, field, bad.Field)
		require.Contains(t, err.Error(), field)
	}
	with := func(change func(m *Matrix)) Matrix { m := h.m; change(&m); return m }
	both := func(expect func(string, error), field string, m Matrix, o Options) {
		t.Helper()
		expect(field, b.s.Forward(h.rows, m, h.targets, o))
		expect(field, b.s.Backward(m, h.targets, h.rows, h.g, o))
	}
	for _, m := range []Matrix{
		with(func(m *Matrix) { m.DType = 3 }), with(func(m *Matrix) { m.DType = -1 }), with(func(m *Matrix) { m.Rows = -1 }),
		with(func(m *Matrix) { m.Cols = 0 }), with(func(m *Matrix) { m.Cols = 61 }), with(func(m *Matrix) { m.Cols = 1 << 31 }),
		with(func(m *Matrix) { m.Stride = 49 }), with(func(m *Matrix) { m.Stride = -60 }), with(func(m *Matrix) { m.Stride = 1 << 62 }),
		with(func(m *Matrix) { m.Rows = math.MaxInt64 }),
	} {
		both(shape, "Matrix", m, Options{})
	}
	freed, err := b.d.Alloc(4 * 240)
	require.NoError(t, err)
	require.NoError(t, b.d.Free(freed))
	for _, m := range []Matrix{
		with(func(m *Matrix) { m.Ptr = 0 }), with(func(m *Matrix) { m.Ptr += 2 }), with(func(m *Matrix) { m.Ptr = freed }), with(func(m *Matrix) { m.Ptr += 64 }),
		with(func(m *Matrix) { m.Ptr = math.MaxUint64 - 3 }), with(func(m *Matrix) { m.Rows = 5 }), with(func(m *Matrix) { m.Rows = 1 << 40 }),
		with(func(m *Matrix) { m.DType, m.Ptr = Float16, m.Ptr+1 }),
	} {
		both(pointer, "Matrix", m, Options{})
	}
	for _, temperature := range []float64{-1, nan, inf, 1e-30, 1e30} {
		both(shape, "Temperature", h.m, Options{Temperature: temperature})
	}
	shape("First", b.s.Forward(h.rows, h.m, h.targets, Options{First: 1}))
	shape("Total", b.s.Forward(h.rows, h.m, h.targets, Options{Total: 100}))
	for _, o := range []Options{{First: -1, Total: 100}, {First: 51, Total: 100}, {Total: 1 << 40}, {Total: 49}} {
		shape("First", b.s.Partials(h.rows.LSE, h.m, h.targets, o))
		shape("First", b.s.Backward(h.m, h.targets, h.rows, h.g, o))
	}
	both(pointer, "Mask", h.m, Options{Mask: freed})
	both(pointer, "Targets", h.m, Options{LongTargets: true})
	shape("Targets", b.s.Forward(h.rows, h.m, 0, Options{}))
	shape("Targets", b.s.Backward(h.m, 0, h.rows, h.g, Options{}))
	pointer("Targets", b.s.Forward(h.rows, h.m, h.targets+2, Options{}))
	for _, field := range []string{"LogProbs", "LSE", "Entropies", "SumSquares"} {
		for _, p := range []Ptr{freed, h.rows.LSE + 1, h.rows.LSE + 24} {
			rows := h.rows
			*map[string]*Ptr{"LogProbs": &rows.LogProbs, "LSE": &rows.LSE, "Entropies": &rows.Entropies, "SumSquares": &rows.SumSquares}[field] = p
			pointer("Rows."+field, b.s.Forward(rows, h.m, h.targets, Options{}))
			pointer("Rows."+field, b.s.Backward(h.m, h.targets, rows, h.g, Options{}))
			pointer("Rows."+field, b.s.Finish(rows, h.m.Ptr, 1, 4, 0))
		}
	}
	shape("Rows.LSE", b.s.Backward(h.m, h.targets, Rows{}, h.g, Options{}))
	shape("Rows.Entropies", b.s.Backward(h.m, h.targets, Rows{LSE: h.rows.LSE}, h.g, Options{}))
	shape("Gradient", b.s.Backward(h.m, h.targets, h.rows, Gradient{}, Options{}))
	pointer("Gradient.LogProbs", b.s.Backward(h.m, h.targets, h.rows, Gradient{LogProbs: freed}, Options{}))
	pointer("Gradient.Entropies", b.s.Backward(h.m, h.targets, h.rows, Gradient{Entropies: freed}, Options{}))
	pointer("Partials", b.s.Partials(h.rows.LSE, h.m, h.targets, Options{}))
	pointer("Partials", b.s.Partials(0, h.m, h.targets, Options{}))
	pointer("Partials", b.s.Partials(h.m.Ptr+4, h.m, h.targets, Options{}))
	for _, n := range [][2]int64{{0, 1}, {-1, 1}, {1, -1}, {1 << 40, 1 << 40}} {
		shape("Partials", b.s.Finish(h.rows, h.m.Ptr, n[0], n[1], 0))
	}
	pointer("Partials", b.s.Finish(h.rows, h.m.Ptr, 100, 4, 0))
	pointer("Mask", b.s.Finish(h.rows, h.m.Ptr, 1, 4, freed))
	pointer("dst", Upload(b.s, freed, []float32{1}))
	pointer("src", Download(b.s, make([]float32, 241), h.m.Ptr))
	_, err = b.d.Alloc(0)
	shape("Alloc", err)
	require.NoError(t, b.d.Free(0))
	require.Error(t, b.d.Free(freed), "twice")

	require.Zero(t, b.machine.Calls()["cuLaunchKernel"], "nothing has been started")
	require.NoError(t, b.s.Sync())

	// No rows are no work.
	none := with(func(m *Matrix) { m.Rows, m.Ptr = 0, 0 })
	require.NoError(t, b.s.Forward(Rows{}, none, 0, Options{}))
	require.NoError(t, b.s.Backward(none, 0, Rows{LSE: h.rows.LSE}, Gradient{LogProbs: h.g.LogProbs}, Options{}))
	require.NoError(t, b.s.Finish(h.rows, 0, 1, 0, 0))
	require.Zero(t, b.machine.Calls()["cuLaunchKernel"])
}

// Memory that an allocator has put together out of neighbouring pieces is memory.
func TestNeighbouringRanges(t *testing.T) {
	d := over(pieces{})
	require.NoError(t, d.check("x", 1<<20, 4<<20, 16))
	var bad *PointerError
	require.ErrorAs(t, d.check("x", 1<<20, 16<<20, 16), &bad)
	require.Contains(t, bad.Reason, "ends after 7340032 bytes")
	require.ErrorAs(t, d.check("x", 9<<20, 1, 1), &bad)
}

// pieces has ranges of 1 MB below 8 MB.
type pieces struct{ driver.Driver }

func (pieces) Info() driver.Info { return driver.Info{} }
func (pieces) Range(p driver.Ptr) (driver.Ptr, int64, error) {
	if p >= 8<<20 {
		return 0, 0, &driver.Error{Call: "cuMemGetAddressRange", Code: 1, Name: "CUDA_ERROR_INVALID_VALUE"}
	}
	return p &^ (1<<20 - 1), 1 << 20, nil
}

// Whichever call of the driver fails, the error says so, no launch follows it and
// nothing leaks.
func TestEveryFailure(t *testing.T) {
	step := func(d *Device) (err error) {
		s, err := d.Stream(0)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		memory, err := d.Alloc(4096)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Free(memory)) }()
		m := Matrix{Ptr: memory, Rows: 2, Cols: 16}
		rows, targets := Rows{LogProbs: memory + 1024, LSE: memory + 2048, Entropies: memory + 1056}, memory+3000
		if err := errors.Join(Upload(s, m.Ptr, make([]float32, 32)), Upload(s, targets, []int32{3, 4}), Upload(s, memory+512, []float32{1, 1})); err != nil {
			return err
		}
		if err := s.Forward(rows, m, targets, Options{}); err != nil {
			return err
		}
		if err := s.Sync(); err != nil {
			return err
		}
		if err := s.Backward(m, targets, rows, Gradient{LogProbs: memory + 512}, Options{}); err != nil {
			return err
		}
		if err := s.Sync(); err != nil {
			return err
		}
		x := logprob.Logits[float32]{Data: make([]float32, 6), Rows: 2, Vocab: 3}
		return Forward(d, outputs(2), x, []int32{1, 2}, logprob.Options{})
	}
	calls := 0
	for n := 1; ; n++ {
		if testing.Short() && n%7 > 0 && n < 60 {
			continue
		}
		codes := []int{2, 719} // out of memory, launch failed
		if os.Getenv("GROUPRL_LONG") == "" {
			codes = codes[n%2:][:1]
		}
		for _, code := range codes {
			machine := &ptx.Device{Fail: ptx.Any(n, code)}
			d := over(machine)
			err := step(d)
			closed := d.Close()
			if err == nil && closed == nil {
				calls = n - 1
				break
			}
			err = errors.Join(err, closed)
			var e *DriverError
			var p *PointerError
			switch {
			case errors.As(err, &p): // the range of a buffer could not be asked for
				require.NotEqual(t, 719, code)
			case code == 2:
				require.ErrorIs(t, err, ErrOutOfMemory, "call %d", n)
				require.NotErrorIs(t, err, ErrLost)
			default:
				require.ErrorIs(t, err, ErrLost, "call %d", n)
				require.ErrorAs(t, err, &e)
				require.Equal(t, code, e.Code)
			}
			if code == 2 && n > 1 && !errors.As(closed, &e) {
				require.Empty(t, machine.Leaks(), "call %d", n)
			}
		}
		if calls > 0 {
			break
		}
	}
	require.Greater(t, calls, 60)
	t.Logf("each of %d calls has failed once", calls)
}

// A lost device is said to be lost ever after, and nothing is started on it.
func TestLostDevice(t *testing.T) {
	machine := &ptx.Device{Fail: ptx.Lost("cuLaunchKernel", 2)}
	b := newBed(t, machine)
	h := hold(b, randomChunk[float32](2, 20, 20, 1), 0)
	require.NoError(t, b.s.Forward(h.rows, h.m, h.targets, Options{}))
	require.NoError(t, b.s.Sync())
	err := b.s.Backward(h.m, h.targets, h.rows, h.g, Options{})
	require.ErrorIs(t, err, ErrLost)
	before := machine.Calls()["cuLaunchKernel"]
	for range 2 {
		require.ErrorIs(t, b.s.Forward(h.rows, h.m, h.targets, Options{}), ErrLost)
		require.ErrorIs(t, b.s.Finish(h.rows, h.m.Ptr, 1, 1, 0), ErrLost)
		require.ErrorIs(t, b.s.Sync(), ErrLost)
		_, err := b.d.Alloc(10)
		require.ErrorIs(t, err, ErrLost)
		_, err = b.d.Stream(0)
		require.ErrorIs(t, err, ErrLost)
		require.ErrorIs(t, Forward(b.d, outputs(1), logprob.Logits[float32]{Data: make([]float32, 3), Rows: 1, Vocab: 3}, []int32{1}, logprob.Options{}), ErrLost)
	}
	require.Equal(t, before, machine.Calls()["cuLaunchKernel"])
}

func TestClosedDevice(t *testing.T) {
	d := over(&ptx.Device{})
	require.NoError(t, d.Close())
	require.NoError(t, d.Close(), "twice is once")
	_, err := d.Alloc(1)
	require.ErrorIs(t, err, ErrLost)
	require.ErrorContains(t, err, "has been closed")
	_, err = d.Stream(0)
	require.ErrorIs(t, err, ErrLost)
}

func TestOutOfMemory(t *testing.T) {
	b := newBed(t, &ptx.Device{Memory: 1 << 20})
	_, err := b.d.Alloc(1 << 21)
	require.ErrorIs(t, err, ErrOutOfMemory)
	x := logprob.Logits[float32]{Data: make([]float32, 1<<19), Rows: 8, Vocab: 1 << 16}
	require.ErrorIs(t, Forward(b.d, outputs(8), x, make([]int32, 8), logprob.Options{}), ErrOutOfMemory)
	h := hold(b, randomChunk[float32](2, 20, 20, 1), 0) // and the device goes on
	require.NoError(t, b.s.Forward(h.rows, h.m, h.targets, Options{}))
	require.NoError(t, b.s.Sync())
}
