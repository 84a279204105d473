package cuda

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
	"github.com/grouprl/grouprl/grpo/cuda/internal/kernels"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// The kernels of vocab.cu, by DType.
var (
	forwardKernels  = [...]string{"forward_f32", "forward_bf16", "forward_f16"}
	squaresKernels  = [...]string{"forward_squares_f32", "forward_squares_bf16", "forward_squares_f16"}
	backwardKernels = [...]string{"backward_f32", "backward_bf16", "backward_f16"}
	vocabKernels    = append(append(append([]string{finishKernel}, forwardKernels[:]...), squaresKernels[:]...), backwardKernels[:]...)
)

const (
	finishKernel  = "finish"
	finishThreads = 128
	vocabThreads  = 512 // one block a row
	vocabBlocks   = 2   // that a processor holds at once
	maxGrid       = math.MaxInt32
)

func (d *Device) vocabKernel(name string) (driver.Kernel, error) {
	return d.kernel(kernels.Vocab, vocabKernels, name)
}

// vocab launches a kernel over rows of logits; more are the arguments after the common ones.
func (s *Stream) vocab(name, kernel string, x Matrix, targets Ptr, o *Options, more ...uint64) error {
	k, err := s.d.vocabKernel(kernel)
	if err != nil {
		return err
	}
	slot, err := s.slot(name, explainRow)
	if err != nil {
		return err
	}
	long := uint64(0)
	if o.LongTargets {
		long = 1
	}
	s.args = append(s.args[:0], uint64(x.Ptr), uint64(x.Rows), uint64(x.Cols), uint64(x.stride()),
		uint64(targets), long, uint64(o.Mask), uint64(o.First), uint64(o.total(x.Cols)),
		math.Float64bits(o.temperature()), math.Float64bits(float64(float32(math.Log2E/o.temperature()))), uint64(slot))
	grid := min(x.Rows, int64(max(1, s.d.info.Processors))*vocabBlocks)
	s.args = append(s.args, more...)
	return s.launch(k, int(grid), vocabThreads, s.args...)
}

// Codes of errors in vocab.cu, by report.
const (
	codeTarget = iota // detail: the target, or all ones if it does not fit
	codeNaN           // detail: the id
	codeInf
	codeMasked
	codeGradient // detail: the float32
	codeEntropyGradient
	codeLSE
	codeEntropy
	codeOverflow
	codeForeign // detail: the sum of probabilities as float32
	codeSpoilt
)

// explainRow is the error that the CPU has for the same row.
func explainRow(row int64, code int, detail uint32) error {
	bad := func(field string, id int64, value float64, reason string) error {
		return &logprob.RowError{Row: row, Field: field, ID: id, Value: value, Reason: reason}
	}
	value := float64(math.Float32frombits(detail))
	id := int64(int32(detail))
	switch code {
	case codeTarget:
		return bad("Targets", id, float64(id), "is outside of the vocabulary")
	case codeNaN:
		return bad("Logits", id, math.NaN(), "a logit is a number or, masked, -Inf")
	case codeInf:
		return bad("Logits", id, math.Inf(1), "a logit is a number or, masked, -Inf")
	case codeMasked:
		return bad("Logits", -1, math.Inf(-1), "every id is masked")
	case codeGradient:
		return bad("Gradient", -1, value, "dL/dlogp is not finite")
	case codeEntropyGradient:
		return bad("Gradient", -1, value, "dL/dH is not finite")
	case codeLSE:
		return bad("LSE", -1, value, "is not finite")
	case codeEntropy:
		return bad("Entropies", -1, value, "is not finite")
	case codeOverflow:
		return bad("Gradient", -1, value, "the gradient of the logits may overflow their type")
	case codeForeign:
		return bad("LSE", -1, value, fmt.Sprintf("is not of these logits and this temperature: probabilities sum to %.3g", value))
	case codeSpoilt:
		return bad("Logits", -1, math.NaN(), "a logit is NaN or +Inf")
	}
	return bad("Row", -1, math.NaN(), fmt.Sprintf("is wrong in a way unknown: code %d", code))
}
