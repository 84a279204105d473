package cuda_test

import (
	"fmt"
	"log"

	"github.com/grouprl/grouprl/grpo/cuda"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// Ten lines to try it: without a GPU the device is nil, and the same calls run on the CPU.
func Example() {
	device, err := cuda.Open(cuda.Config{})
	if err == nil {
		defer device.Close()
	}
	logits := logprob.Logits[float32]{Data: []float32{0, 0.6931472, 1.6094379}, Rows: 1, Vocab: 3}
	rows := logprob.Rows[float32]{LogProbs: make([]float32, 1), LSE: make([]float64, 1)}
	check(cuda.Forward(device, rows, logits, []int32{2}, logprob.Options{}))
	g := logprob.Gradient[float32]{LogProbs: []float32{1}}
	check(cuda.Backward(device, logits, logits, []int32{2}, rows, g, logprob.Options{}))
	fmt.Printf("log p %.4f, gradient %.3f\n", rows.LogProbs, logits.Data)
	// Output: log p [-0.4700], gradient [-0.125 -0.250 0.375]
}

// A trainer's step on tensors that it owns: the addresses are their data_ptr(), and the
// stream is the one that it computes on. Nothing is copied, and nothing waits until Sync.
func ExampleStream() {
	step := func(device *cuda.Device, stream uintptr, logits, targets, logProbs, lse, entropies, g cuda.Ptr) error {
		s, err := device.Stream(stream)
		if err != nil {
			return err
		}
		defer s.Close()
		x := cuda.Matrix{Ptr: logits, DType: cuda.BFloat16, Rows: 8192, Cols: 151936}
		rows := cuda.Rows{LogProbs: logProbs, LSE: lse, Entropies: entropies}
		o := cuda.Options{Temperature: 0.6, LongTargets: true}
		if err := s.Forward(rows, x, targets, o); err != nil {
			return err
		}
		// ... the objective writes dL/dlogp to g ...
		if err := s.Backward(x, targets, rows, cuda.Gradient{LogProbs: g}, o); err != nil {
			return err
		}
		return s.Sync()
	}
	_ = step
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
