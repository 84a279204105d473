package vexp

import (
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// pages is one page of numbers between two that fault when touched.
func pages(t *testing.T) []float64 {
	page := os.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(all)) })
	require.NoError(t, syscall.Mprotect(all[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(all[2*page:], syscall.PROT_NONE))
	return unsafe.Slice((*float64)(unsafe.Pointer(&all[page])), page/8)
}

// A read or write beside a slice that ends or begins at such a page is a fault.
func TestNothingOutsideIsTouched(t *testing.T) {
	x, dst := pages(t), pages(t)
	forEachTier(t, func(t *testing.T, exp func(dst, x []float64)) {
		for n := range 70 {
			exp(dst[:n], x[:n])
			exp(dst[len(dst)-n:], x[len(x)-n:])
		}
	})
}
