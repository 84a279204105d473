package cuda

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/logprob"
)

// Options says how a matrix of logits is read. The zero value is the plain case.
type Options struct {
	// Temperature divides the logits first; 0 means 1.
	Temperature float64

	// Mask is [Rows] bytes in device memory, 0 for a row that does not count: Forward
	// does not read it and gives 0 for everything, Backward fills it with 0. 0: all
	// rows count.
	Mask Ptr

	// LongTargets says that targets are int64, as PyTorch's are, not int32.
	LongTargets bool

	// First is the id of the first column, and Total the size of the whole vocabulary,
	// where the columns are a shard of it. Total 0: the columns are the vocabulary.
	First, Total int64
}

func (o *Options) temperature() float64 {
	if o.Temperature == 0 {
		return 1
	}
	return o.Temperature
}

// total is the size of the whole vocabulary.
func (o *Options) total(cols int64) int64 {
	if o.Total == 0 {
		return cols
	}
	return o.Total
}

// targetSize is the bytes of a target.
func (o *Options) targetSize() int64 {
	if o.LongTargets {
		return 8
	}
	return 4
}

func (o *Options) check(d *Device, rows, cols int64) error {
	if t := o.temperature(); !(t >= 1e-20 && t <= 1e20) {
		return &logprob.ShapeError{Field: "Temperature", Reason: fmt.Sprintf("is %v; 1e-20 to 1e20 are possible", t)}
	}
	if total := o.total(cols); o.First < 0 || total > math.MaxInt32 || o.First > total-cols {
		return &logprob.ShapeError{Field: "First", Reason: fmt.Sprintf("is %d: columns %d to %d of a vocabulary of %d", o.First, o.First, o.First+cols, total)}
	}
	if o.Mask == 0 {
		return nil
	}
	return d.check("Mask", o.Mask, rows, 1)
}
