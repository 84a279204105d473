package logprob

import (
	"math"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// pages is n bytes of memory between two pages that fault when touched.
func pages(t *testing.T, n int) []byte {
	page := os.Getpagesize()
	inside := (n + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, inside+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(all)) })
	require.NoError(t, syscall.Mprotect(all[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(all[page+inside:], syscall.PROT_NONE))
	return all[page : page+inside]
}

// as views memory as elements.
func as[E Element](memory []byte) []E {
	return unsafe.Slice((*E)(unsafe.Pointer(&memory[0])), len(memory)/int(unsafe.Sizeof(E(0))))
}

// Rows that begin or end at a page that must not be touched: a read or write outside of
// them, which no guard value can show, is a fault here.
func TestNothingOutsideIsTouched(t *testing.T) {
	forEachTier(t, func(t *testing.T) {
		eachElement(t, testPages[float32], testPages[BFloat16], testPages[Float16])
	})
}

func testPages[E Element](t *testing.T) {
	x, dst := as[E](pages(t, 8192)), as[E](pages(t, 8192))
	for i := range x {
		x[i] = encode[E](float32(i%7) / 2)
	}
	for n := 1; n < len(x); n += 1 + n/9 {
		for _, at := range []int{0, len(x) - n} {
			logits := Logits[E]{x[at : at+n], 1, int64(n), 0}
			out := outputs(1)
			if whole := x[at : at+n&^(pad-1)]; len(whole) > 0 {
				require.Equal(t, float32(3), largestKernel(tier, whole))
				largestKernel(tier, x[at+n-len(whole):at+n])
			}
			for _, e := range []float32{0, 0.5} {
				g := Gradient[float32]{[]float32{1}, []float32{e}}
				apart := Logits[E]{dst[at : at+n], 1, int64(n), 0}
				targets := []int32{int32(n - 1)}
				require.NoError(t, Forward(out, logits, targets, Options{}))
				require.NoError(t, Forward(Rows[float32]{LSE: out.LSE}, logits, nil, Options{Temperature: 0.9}))
				require.NoError(t, Forward(out, logits, targets, Options{}))
				require.NoError(t, Backward(apart, logits, targets, out, g, Options{}))
				copy(apart.Data, logits.Data)
				require.NoError(t, ForwardBackward(out, apart, apart, targets, g, Options{}))
				require.NoError(t, ForwardBackward(out, apart, logits, targets, g, Options{}))
			}
		}
	}
}

// Counts beyond 2^31 elements: rows 2^30 elements apart in memory that is reserved and
// never filled; only the rows are touched.
func TestBeyond31Bits(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Log("no slice of this size on this architecture")
		return
	}
	const rows, vocab, stride = int64(5), int64(1000), int64(1 << 30)
	elements := (rows-1)*stride + vocab
	memory, err := syscall.Mmap(-1, 0, int(4*elements), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Munmap(memory)) }()
	x := Logits[float32]{as[float32](memory), rows, vocab, stride}
	near, targets := random[float32](rows, vocab, vocab, 5)
	for r := range rows {
		copy(x.Row(r), near.Row(r))
	}
	g := Gradient[float32]{[]float32{1, 2, 3, 4, 5}, []float32{0, 0, 0, 0, 1}}
	want, got := outputs(rows), outputs(rows)
	require.NoError(t, ForwardBackward(want, near, near, targets, g, Options{}))
	require.NoError(t, ForwardBackward(got, x, x, targets, g, Options{Workers: 2}))
	require.Equal(t, want, got)
	for r := range rows {
		equalData(t, near.Row(r), x.Row(r), "gradient")
	}
	last := x.Slice(rows-1, rows)
	copy(last.Data, near.Row(0))
	require.NoError(t, Forward(got.Slice(4, 5), last, targets[4:], Options{}))

	x.Rows++
	var bad *ShapeError
	require.ErrorAs(t, Forward(outputs(rows+1), x, nil, Options{}), &bad, "one row too many")
}
