package policy

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// matrix is a row-major view: row i starts at data[i*stride].
type matrix struct {
	data   []float32
	stride int
}

// from is the matrix that starts at the given row and column.
func (m matrix) from(row, col int) matrix { return matrix{m.data[row*m.stride+col:], m.stride} }

// row is row i, n wide.
func (m matrix) row(i, n int) []float32 { return m.data[i*m.stride:][:n] }

func (m matrix) general(rows, cols int) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: m.stride, Data: m.data}
}

// The three products of a linear layer. c is rows × cols and k is the inner size;
// beta 0 overwrites c, beta 1 adds to it.
//
// Each row of mul and mulT has the same bits whatever the other rows are, which
// is what makes sampler and trainer agree. gonum's mul is a loop of axpys: every
// element sums its k products in order. Its mulT is a loop of dot products, whose
// order depends on k and on where a row of b starts, modulo 16 bytes; the b of the
// forward pass are weights, always in one place, and values, whose stride is a
// multiple of four. What would break it is
// gonum's parallel path, which cuts k too: it starts at four 64 × 64 blocks of c,
// so the products are cut into panels of fewer. (It would not help either: shards
// already use every core.)
//
// Zeros of a cost nothing in mul and in mulTA: gonum skips them. Behind a ReLU
// that is half of the work or more.

// mul is c = beta c + a b.
func mul(rows, cols, k int, a, b matrix, beta float32, c matrix) {
	panels(rows, cols, func(i, m, j, n int) {
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, a.from(i, 0).general(m, k), b.from(0, j).general(k, n), beta, c.from(i, j).general(m, n))
	})
}

// mulT is c = beta c + a bᵀ.
func mulT(rows, cols, k int, a, b matrix, beta float32, c matrix) {
	panels(rows, cols, func(i, m, j, n int) {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, a.from(i, 0).general(m, k), b.from(j, 0).general(n, k), beta, c.from(i, j).general(m, n))
	})
}

// mulTA is c = beta c + aᵀ b.
func mulTA(rows, cols, k int, a, b matrix, beta float32, c matrix) {
	panels(rows, cols, func(i, m, j, n int) {
		blas32.Gemm(blas.Trans, blas.NoTrans, 1, a.from(0, i).general(k, m), b.from(0, j).general(k, n), beta, c.from(i, j).general(m, n))
	})
}

// panels cuts rows × cols into pieces of at most 64 × 192.
func panels(rows, cols int, f func(i, m, j, n int)) {
	width := cols
	if width > 192 {
		width = 128
	}
	for i := 0; i < rows; i += 64 {
		for j := 0; j < cols; j += width {
			f(i, min(64, rows-i), j, min(width, cols-j))
		}
	}
}

// grow returns a slice of length n, reusing s where it is large enough. Its
// contents are undefined. At least 32 bytes are allocated, which Go aligns to 16.
func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, max(n+n/4, 8))
	}
	return s[:n]
}

// zeroed is grow with zeros in it.
func zeroed(s []float32, n int) []float32 {
	s = grow(s, n)
	clear(s)
	return s
}

// roundUp4 rounds up to a multiple of four floats, which is 16 bytes.
func roundUp4(n int) int { return (n + 3) &^ 3 }
