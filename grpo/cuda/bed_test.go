package cuda

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/ptx"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// A bed is a device to test on, with a stream. What is placed on it is freed by the
// test's end, when the interpreter must have nothing left.
type bed struct {
	testing.TB
	d       *Device
	s       *Stream
	machine *ptx.Device // nil on a GPU
}

// eachDevice runs f on the interpreter, and on a GPU where there is one.
func eachDevice(t *testing.T, f func(b *bed)) { onEach(t, "", f) }

// eachElement runs f for the three types of logits, on each device.
func eachElement(t *testing.T, f32, bf16, f16 func(b *bed)) {
	onEach(t, "/float32", f32)
	onEach(t, "/bfloat16", bf16)
	onEach(t, "/float16", f16)
}

func onEach(t *testing.T, name string, f func(b *bed)) {
	t.Run("interpreter"+name, func(t *testing.T) { f(newBed(t, &ptx.Device{Seed: 1})) })
	if err := gpu(); err != nil {
		require.ErrorIs(t, err, ErrUnavailable)
		if slices.Contains(strings.Split(os.Getenv("GROUPRL_REQUIRE"), ","), "gpu") {
			require.NoError(t, err)
		}
		return
	}
	t.Run("GPU"+name, func(t *testing.T) {
		d, err := Open(Config{})
		require.NoError(t, err)
		f(bedOver(t, d, nil))
	})
}

// gpu says why there is no GPU.
var gpu = sync.OnceValue(func() error {
	d, err := Open(Config{})
	if err != nil {
		return err
	}
	return d.Close()
})

func newBed(t testing.TB, machine *ptx.Device) *bed { return bedOver(t, over(machine), machine) }

func bedOver(t testing.TB, d *Device, machine *ptx.Device) *bed {
	s, err := d.Stream(0)
	require.NoError(t, err)
	b := &bed{t, d, s, machine}
	t.Cleanup(func() {
		if err := s.Close(); !errors.Is(err, ErrLost) {
			require.NoError(t, err)
		}
		if err := d.Close(); !errors.Is(err, ErrLost) {
			require.NoError(t, err)
		}
		if machine != nil {
			require.Empty(t, machine.Leaks())
		}
	})
	return b
}

// reserve is bytes of device memory that begin skew bytes after a multiple of 256.
func (b *bed) reserve(bytes, skew int64) Ptr {
	p, err := b.d.Alloc(bytes + skew)
	require.NoError(b, err)
	b.Cleanup(func() {
		if err := b.d.Free(p); !errors.Is(err, ErrLost) {
			require.NoError(b, err)
		}
	})
	return p + Ptr(skew)
}

// placed is host values in device memory.
func placed[T Element](b *bed, x []T) Ptr { return placedAt(b, x, 0) }

func placedAt[T Element](b *bed, x []T, skew int64) Ptr {
	p := b.reserve(int64(len(bytesOf(x))), skew)
	require.NoError(b, Upload(b.s, p, x))
	return p
}

// fetched is n values from device memory.
func fetched[T Element](b *bed, p Ptr, n int) []T {
	x := make([]T, n)
	require.NoError(b, Download(b.s, x, p))
	return x
}

func decode[E logprob.Element](x E) float64 {
	switch x := any(x).(type) {
	case logprob.BFloat16:
		return float64(x.Float32())
	case logprob.Float16:
		return float64(x.Float32())
	case float32:
		return float64(x)
	}
	panic("unreachable")
}

func encode[E logprob.Element](v float64) (x E) {
	switch x := any(&x).(type) {
	case *logprob.BFloat16:
		*x = logprob.NewBFloat16(float32(v))
	case *logprob.Float16:
		*x = logprob.NewFloat16(float32(v))
	case *float32:
		*x = float32(v)
	}
	return x
}

// spacing is the distance of numbers of E near v.
func spacing[E logprob.Element](v float64) float64 {
	_, exponent := math.Frexp(v)
	switch any(E(0)).(type) {
	case logprob.BFloat16:
		return math.Ldexp(1, exponent-8)
	case logprob.Float16:
		return math.Ldexp(1, max(exponent-11, -24))
	}
	return math.Ldexp(1, exponent-24)
}

// A chunk is rows of logits on the host, with what the kernels are given beside them.
type chunk[E logprob.Element] struct {
	logits  logprob.Logits[E]
	targets []int32
	g, e    []float32
}

// randomChunk has logits of a spread that language models have.
func randomChunk[E logprob.Element](rows, cols, stride int64, seed uint64) chunk[E] {
	rng := rand.New(rand.NewPCG(seed, 7))
	c := chunk[E]{logits: logprob.Logits[E]{Data: make([]E, rows*stride), Rows: rows, Vocab: cols, Stride: stride}}
	for i := range c.logits.Data {
		c.logits.Data[i] = encode[E](3 * rng.NormFloat64())
	}
	for r := range rows {
		c.targets = append(c.targets, int32(rng.Int64N(cols)))
		c.g = append(c.g, float32(r%5)-2)
		c.e = append(c.e, float32(r%3)/8)
	}
	return c
}

// A matrix on the device, with all outputs, and how to read them back.
type held struct {
	b       *bed
	m       Matrix
	targets Ptr
	rows    Rows
	g       Gradient
	n       int
}

// hold places a chunk, beginning skew bytes after a multiple of 256.
func hold[E logprob.Element](b *bed, c chunk[E], skew int64) held {
	n := c.logits.Rows
	return held{
		b: b, n: int(n),
		m:       Matrix{placedAt(b, c.logits.Data, skew), dtypeOf[E](), n, c.logits.Vocab, c.logits.Stride},
		targets: placed(b, c.targets),
		rows:    Rows{b.reserve(4*n, 0), b.reserve(8*n, 0), b.reserve(4*n, 0), b.reserve(4*n, 0)},
		g:       Gradient{LogProbs: placed(b, c.g), Entropies: placed(b, c.e)},
	}
}

// read is the outputs of Forward.
func (h *held) read() logprob.Rows[float32] {
	return logprob.Rows[float32]{
		LogProbs:   fetched[float32](h.b, h.rows.LogProbs, h.n),
		LSE:        fetched[float64](h.b, h.rows.LSE, h.n),
		Entropies:  fetched[float32](h.b, h.rows.Entropies, h.n),
		SumSquares: fetched[float32](h.b, h.rows.SumSquares, h.n),
	}
}

// logitsOf is the matrix as it is now.
func logitsOf[E logprob.Element](h *held) logprob.Logits[E] {
	n := (h.m.Rows-1)*h.m.stride() + h.m.Cols
	return logprob.Logits[E]{Data: fetched[E](h.b, h.m.Ptr, int(n)), Rows: h.m.Rows, Vocab: h.m.Cols, Stride: h.m.Stride}
}

// bits are what equality to the last bit is about: NaN is equal to itself.
func bits(r logprob.Rows[float32]) (b []uint64) {
	for _, x := range [][]float32{r.LogProbs, r.Entropies, r.SumSquares} {
		for _, v := range x {
			b = append(b, uint64(math.Float32bits(v)))
		}
	}
	for _, v := range r.LSE {
		b = append(b, math.Float64bits(v))
	}
	return b
}
