// Command gpu runs one step, from logits to their gradient, on the CPU and on an NVIDIA
// GPU, and prints how far the two are apart and how fast each is.
//
//	go run ./examples/gpu
//	go run ./examples/gpu -rows 4096 -vocab 151936
//
// Without a GPU it says what is missing, runs the CPU's step alone and exits with 0,
// as a trainer goes on; with -require it exits with 3 instead. It exits with 1 if the
// two paths differ by more than rounding.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/grouprl/grouprl/grpo/cuda"
)

type options struct {
	rows, vocab int64
	device      int
	repeat      int
	require     bool
}

// Exit statuses beside 0.
var (
	errDifferent = errors.New("gpu: the two paths differ by more than rounding")
	errRequired  = errors.New("gpu: there is no GPU, and one is required")
)

func main() {
	var o options
	flag.Int64Var(&o.rows, "rows", 512, "tokens of the step")
	flag.Int64Var(&o.vocab, "vocab", 151936, "ids of the vocabulary")
	flag.IntVar(&o.device, "device", 0, "ordinal of the GPU")
	flag.IntVar(&o.repeat, "repeat", 5, "steps to time; the best counts")
	flag.BoolVar(&o.require, "require", false, "fail without a GPU")
	flag.Parse()
	if err := run(os.Stdout, cuda.Open, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errRequired) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}

// run is the whole command; open is cuda.Open.
func run(w io.Writer, open func(cuda.Config) (*cuda.Device, error), o options) error {
	if o.rows < 1 || o.vocab < 1 || o.repeat < 1 {
		return fmt.Errorf("gpu: %d rows of %d ids, %d times: each must be at least 1", o.rows, o.vocab, o.repeat)
	}
	device, err := open(cuda.Config{Device: o.device})
	if err != nil && !errors.Is(err, cuda.ErrUnavailable) {
		return err
	}
	if err != nil {
		fmt.Fprintf(w, "no GPU: %s\n", missing(err))
		if o.require {
			return errRequired
		}
	} else {
		defer device.Close()
		i := device.Info()
		fmt.Fprintf(w, "%s, compute capability %d.%d, %d processors, %.0f GiB, CUDA %d.%d by %s\n",
			i.Name, i.Major, i.Minor, i.Processors, float64(i.Memory)/(1<<30), i.Version/1000, i.Version%1000/10, i.Implementation)
	}

	p, err := newProblem(o.rows, o.vocab)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "one DAPO step of %d tokens, %d ids, bfloat16\n\n", o.rows, o.vocab)
	fmt.Fprintf(w, "%-5s %12s %12s %12s %14s %12s\n", "", "forward", "objective", "backward", "tokens/s", "loss")
	cpu, err := p.onHost(o.repeat)
	if err != nil {
		return err
	}
	cpu.print(w, "CPU", o.rows)
	if device == nil {
		return nil
	}
	gpu, err := p.onDevice(device, o.repeat)
	if err != nil {
		return err
	}
	gpu.print(w, "GPU", o.rows)
	return compare(w, cpu, gpu, o)
}

// missing is what to do about an error of cuda.Open.
func missing(err error) string {
	var e *cuda.OpenError
	if !errors.As(err, &e) {
		return err.Error()
	}
	advice := map[string]string{
		"driver":     "Install an NVIDIA driver of CUDA 11.0 or newer; in a container, pass the GPU in. nvidia-smi should list it.",
		"device":     "The driver is there. See CUDA_VISIBLE_DEVICES, and what nvidia-smi lists.",
		"capability": "Ampere (A100, RTX 30) or newer is needed.",
	}[e.Missing]
	text := e.Reason
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return fmt.Sprintf("the %s is missing: %s.\n%s", e.Missing, text, advice)
}
