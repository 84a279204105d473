package cuda

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// Ptr is an address in device memory, as a tensor's data_ptr() gives it; 0 is none.
type Ptr = driver.Ptr

// DType is the type of a matrix's elements.
type DType int

// The types of logits.
const (
	Float32 DType = iota
	BFloat16
	Float16
)

func (t DType) String() string {
	switch t {
	case Float32:
		return "Float32"
	case BFloat16:
		return "BFloat16"
	case Float16:
		return "Float16"
	}
	return fmt.Sprintf("DType(%d)", int(t))
}

// size is the bytes of an element; 0 for what is no type.
func (t DType) size() int64 {
	switch t {
	case Float32:
		return 4
	case BFloat16, Float16:
		return 2
	}
	return 0
}

// Matrix is rows of logits in device memory that the caller owns. Element j of row r
// stands at Ptr + (r*Stride + j) * (bytes of an element). Any row may begin at any
// multiple of its element's size; rows that begin at multiples of 16 bytes are fastest.
type Matrix struct {
	Ptr    Ptr
	DType  DType
	Rows   int64
	Cols   int64 // V, the ids of a row
	Stride int64 // elements from one row to the next; 0 means Cols. What lies between rows is neither read nor written
}

// Slice is rows from:to, sharing memory.
func (m Matrix) Slice(from, to int64) Matrix {
	m.Ptr, m.Rows = m.Ptr+Ptr(from*m.stride()*m.DType.size()), to-from
	return m
}

func (m Matrix) stride() int64 {
	if m.Stride == 0 {
		return m.Cols
	}
	return m.Stride
}

// check looks at the shape and at the memory.
func (m Matrix) check(d *Device, field string) error {
	size, stride := m.DType.size(), m.stride()
	refuse := func(format string, args ...any) error {
		return &logprob.ShapeError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case size == 0:
		return refuse("has the type %v; Float32, BFloat16 and Float16 are possible", m.DType)
	case m.Rows < 0:
		return refuse("has %d rows", m.Rows)
	case m.Cols < 1 || m.Cols > math.MaxInt32:
		return refuse("has %d columns; 1 to 2^31-1 are possible", m.Cols)
	case stride < m.Cols:
		return refuse("has a stride of %d, less than its %d columns", stride, m.Cols)
	case m.Rows == 0:
		return nil
	case m.Rows-1 > (math.MaxInt64/size-m.Cols)/stride:
		return refuse("has %d rows at a stride of %d, more than there are addresses", m.Rows, stride)
	}
	return d.check(field, m.Ptr, ((m.Rows-1)*stride+m.Cols)*size, size)
}
