package cuda

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// Sync tells the first error in the order of calls, then in that of rows, and begins to
// count again; more calls than a stream has slots for change nothing about that.
func TestFirstErrorOfCalls(t *testing.T) {
	eachDevice(t, func(b *bed) {
		c := randomChunk[float32](2, 3, 3, 1)
		h := hold(b, c, 0)
		bad := placed(b, []int32{0, 99})
		worse := placed(b, []int32{99, 0})
		expect := func(call int, row int64) {
			b.Helper()
			var e *CallError
			var r *logprob.RowError
			err := b.s.Sync()
			require.ErrorAs(b, err, &e)
			require.ErrorAs(b, err, &r)
			require.Equal(b, [2]any{call, "Forward"}, [2]any{e.Call, e.Name})
			require.Equal(b, row, r.Row)
			require.NoError(b, b.s.Sync(), "it is told once")
		}
		forward := func(targets Ptr) {
			require.NoError(b, b.s.Forward(h.rows, h.m, targets, Options{}))
		}
		forward(h.targets)
		forward(bad)
		forward(worse)
		expect(1, 1)
		forward(worse)
		expect(0, 0)
		calls := 30
		if b.machine == nil {
			calls = 2*slotCount + 10
		} else {
			b.s.calls = b.s.calls[:0:25] // as few as a test on the interpreter should need
		}
		for i := range calls {
			if i == calls-2 || i == calls-3 {
				forward(bad)
			} else {
				forward(h.targets)
			}
		}
		expect(calls-3, 1)
		forward(h.targets)
		require.NoError(b, b.s.Sync())
	})
}

// Streams of one device don't see each other's errors.
func TestStreamsAreApart(t *testing.T) {
	b := newBed(t, &ptx.Device{})
	other, err := b.d.Stream(2)
	require.NoError(t, err)
	require.Same(t, b.d, other.Device())
	h := hold(b, randomChunk[float32](2, 3, 3, 1), 0)
	bad := placed(b, []int32{0, 99})
	require.NoError(t, b.s.Sync())
	require.NoError(t, other.Forward(h.rows, h.m, bad, Options{}))
	require.NoError(t, b.s.Sync())
	var e *CallError
	require.ErrorAs(t, other.Close(), &e)
	require.NoError(t, other.Close(), "twice is once")
}

// idle is a driver that does nothing.
type idle struct{}

func (idle) Info() driver.Info                               { return driver.Info{Processors: 4} }
func (idle) Alloc(int64) (Ptr, error)                        { return 1 << 20, nil }
func (idle) Free(Ptr) error                                  { return nil }
func (idle) Range(p Ptr) (Ptr, int64, error)                 { return p, 1 << 30, nil }
func (idle) Upload(Ptr, []byte, driver.Stream) error         { return nil }
func (idle) Fill(Ptr, byte, int64, driver.Stream) error      { return nil }
func (idle) Sync(driver.Stream) error                        { return nil }
func (idle) Load([]byte) (driver.Module, error)              { return idle{}, nil }
func (idle) Close() error                                    { return nil }
func (idle) Kernel(string) (driver.Kernel, error)            { return idle{}, nil }
func (idle) Unload() error                                   { return nil }
func (idle) Launch(int, int, driver.Stream, ...uint64) error { return nil }
func (idle) Download(dst []byte, _ Ptr, _ driver.Stream) error { // no errors
	for i := range dst {
		dst[i] = 0xff
	}
	return nil
}

func TestNothingIsAllocated(t *testing.T) {
	s, err := over(idle{}).Stream(0)
	require.NoError(t, err)
	m := Matrix{Ptr: 16, Rows: 3, Cols: 100}
	rows, g := Rows{LogProbs: 16, LSE: 16, Entropies: 16}, Gradient{LogProbs: 16, Entropies: 16}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for range 3 {
			if s.Forward(rows, m, 16, Options{Mask: 16}) != nil || s.Backward(m, 16, rows, g, Options{}) != nil || s.Partials(16, m, 16, Options{}) != nil || s.Finish(rows, 16, 2, 3, 0) != nil {
				t.Fatal("refused")
			}
		}
		if s.Sync() != nil {
			t.Fatal("refused")
		}
	}))
}
