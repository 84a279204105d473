package pass

import (
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// page is one page of numbers between two that fault when touched.
func page[F any](t *testing.T) []F {
	size := os.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(all)) })
	require.NoError(t, syscall.Mprotect(all[:size], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(all[2*size:], syscall.PROT_NONE))
	var f F
	return unsafe.Slice((*F)(unsafe.Pointer(&all[size])), size/int(unsafe.Sizeof(f)))
}

// A read or write beside a slice that ends or begins at such a page is a fault.
func TestNothingOutsideIsTouched(t *testing.T) {
	var a, b [6][]float64
	var f, g [2][]float32
	for i := range a {
		a[i] = page[float64](t)
	}
	for i := range f {
		f[i] = page[float32](t)
	}
	forEachTier(t, func(t *testing.T) {
		for n := range 40 {
			for _, end := range []bool{false, true} {
				for i := range a {
					b[i] = a[i][:n:n]
					if end {
						b[i] = a[i][len(a[i])-n:]
					}
				}
				for i := range f {
					g[i] = f[i][:n:n]
					if end {
						g[i] = f[i][len(f[i])-n:]
					}
				}
				var l Lanes
				var m RatioSums
				var p Pair
				var c HeldCounts
				Subtract(b[0], g[0], g[1], &l)
				Subtract(b[0], b[1], b[2], &l)
				Widen(b[0], g[0])
				Fill(b[0], 1)
				p.Add(b[0], b[1])
				Clip(b[0], b[1], b[2], b[3], Bounds{})
				K3(b[0], b[1], b[2], b[3], &p)
				K3(b[0], b[1], g[0], g[1], &p)
				Ratio(b[0], b[1], b[2], b[3], &m)
				Ratio(b[0], b[1], g[0], g[1], &m)
				Measure(&m, b[0], b[1], b[2])
				Estimate(b[0], b[1], b[2])
				ClipLosses(&p, &c, b[0], b[1], b[2], b[3], b[4], Bounds{})
				Losses(&p, &c, b[0], b[1], b[2], b[3], b[4])
				spare := [...][]float64{b[3], b[4], b[5]}
				ClipGradient(g[0], &p, &c, b[0], b[1], nil, 1, Bounds{}, Factors{}, spare)
				ClipGradient(g[0], &p, &c, b[0], b[1], b[2], 1, Bounds{}, Factors{}, spare)
				ClipGradient(b[5], &p, &c, b[0], b[1], nil, 1, Bounds{}, Factors{}, [...][]float64{b[2], b[3], b[4]})
				Narrow(g[0], b[0], nil, Factors{})
				Narrow(g[0], b[0], b[1], Factors{})
				Narrow(b[2], b[0], nil, Factors{})
				Narrow(b[2], b[0], b[1], Factors{})
			}
		}
	})
}
