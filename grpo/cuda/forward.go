package cuda

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/logprob"
)

// Forward queues one pass over logits that writes what is wanted of each row:
// LogProbs of the targets, LSE, Entropies, SumSquares. targets is [Rows] int32 (int64
// with Options.LongTargets) in device memory, 0 if no LogProbs are wanted.
//
// Each row is computed in one fixed order: its results are equal to the last bit
// wherever it stands in memory, in whatever chunk and on whatever grid. Masked logits,
// targets and rows without an answer are what package logprob says; a row without an
// answer is NaN, and a *logprob.RowError of Sync.
//
// Errors: *logprob.ShapeError, *PointerError, ErrOutOfMemory, ErrLost, *DriverError.
// After one of them nothing has been queued.
func (s *Stream) Forward(dst Rows, x Matrix, targets Ptr, o Options) error {
	if o.total(x.Cols) != x.Cols {
		return &logprob.ShapeError{Field: "Total", Reason: fmt.Sprintf("is %d for %d columns: Forward takes whole rows; Partials and Finish take shards", o.Total, x.Cols)}
	}
	return s.forward("Forward", dst, 0, x, targets, o)
}

// Partials is Forward for a shard of the vocabulary whose ids begin at Options.First:
// it writes a Partial a row, PartialSize bytes each, for Finish on the device or
// logprob's Merge on the host. A shard without a logit above -Inf is the empty Partial.
func (s *Stream) Partials(dst Ptr, x Matrix, targets Ptr, o Options) error {
	return s.forward("Partials", Rows{}, dst, x, targets, o)
}

// PartialSize is the bytes of a logprob.Partial in device memory: its five float64, in
// the order of its fields, then Found as an int64.
const PartialSize = 48

func (s *Stream) forward(name string, dst Rows, partials Ptr, x Matrix, targets Ptr, o Options) error {
	d := s.d
	if err := x.check(d, "Matrix"); err != nil {
		return err
	}
	if err := o.check(d, x.Rows, x.Cols); err != nil {
		return err
	}
	if err := dst.check(d, x.Rows); err != nil {
		return err
	}
	if err := checkTargets(d, targets, x.Rows, &o, dst.LogProbs != 0); err != nil {
		return err
	}
	if name == "Partials" {
		if x.Rows > math.MaxInt64/PartialSize {
			return &logprob.ShapeError{Field: "Matrix", Reason: fmt.Sprintf("has %d rows", x.Rows)}
		}
		if err := d.check("Partials", partials, x.Rows*PartialSize, 8); err != nil {
			return err
		}
	}
	if x.Rows == 0 {
		return nil
	}
	kernel := forwardKernels[x.DType]
	if dst.SumSquares != 0 || partials != 0 {
		kernel = squaresKernels[x.DType]
	}
	return s.vocab(name, kernel, x, targets, &o,
		uint64(dst.LogProbs), uint64(dst.LSE), uint64(dst.Entropies), uint64(dst.SumSquares), uint64(partials))
}

// checkTargets looks at targets, which may be missing if they are not needed.
func checkTargets(d *Device, targets Ptr, rows int64, o *Options, needed bool) error {
	if targets != 0 {
		return d.checkVector("Targets", targets, rows, o.targetSize())
	}
	if needed && rows > 0 {
		return &logprob.ShapeError{Field: "Targets", Reason: "is not given, and log-probabilities are of targets"}
	}
	return nil
}

// Finish queues the merging of shards: partials is [shards, rows] Partials, as an
// all-gather of the ranks' leaves them, and dst gets what Forward of the whole
// vocabulary would give, to the accuracy of Forward. Shards merge in their order. mask
// is that of Options; 0: all rows count.
func (s *Stream) Finish(dst Rows, partials Ptr, shards, rows int64, mask Ptr) error {
	d := s.d
	if rows < 0 || shards < 1 || rows > 0 && shards > math.MaxInt64/PartialSize/rows {
		return &logprob.ShapeError{Field: "Partials", Reason: fmt.Sprintf("are of %d shards of %d rows", shards, rows)}
	}
	if err := dst.check(d, rows); err != nil {
		return err
	}
	if err := d.check("Partials", partials, shards*rows*PartialSize, 8); err != nil || rows == 0 {
		return err
	}
	if mask != 0 {
		if err := d.check("Mask", mask, rows, 1); err != nil {
			return err
		}
	}
	k, err := d.vocabKernel(finishKernel)
	if err != nil {
		return err
	}
	slot, err := s.slot("Finish", explainRow)
	if err != nil {
		return err
	}
	s.args = append(s.args[:0], uint64(partials), uint64(shards), uint64(rows), uint64(mask),
		uint64(dst.LogProbs), uint64(dst.LSE), uint64(dst.Entropies), uint64(dst.SumSquares), uint64(slot))
	return s.launch(k, int(min((rows+finishThreads-1)/finishThreads, maxGrid)), finishThreads, s.args...)
}
