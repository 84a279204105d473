package main

import (
	"bytes"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/grouprl/grouprl/grpo/cuda"
	"github.com/grouprl/grouprl/grpo/logprob"
)

var small = options{rows: 24, vocab: 1000, repeat: 1}

// Without a GPU the output names what is missing, and the CPU's step runs.
func TestWithoutGPU(t *testing.T) {
	for what, reason := range map[string]string{
		"driver": "the NVIDIA driver's library cannot be opened", "device": "the driver finds no GPU", "capability": "Tesla V100 has compute capability 7.0, and 8.0 is needed",
	} {
		open := func(cuda.Config) (*cuda.Device, error) {
			return nil, &cuda.OpenError{Missing: what, Reason: reason, Err: errors.New("as the driver says")}
		}
		var out bytes.Buffer
		if err := run(&out, open, small); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"no GPU: the " + what + " is missing: " + reason + " (as the driver says).\n", "one DAPO step of 24 tokens, 1000 ids", "\nCPU "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in\n%s", want, &out)
			}
		}
		if strings.Contains(out.String(), "GPU:") && !strings.Contains(out.String(), "no GPU:") {
			t.Errorf("a GPU's figures without one:\n%s", &out)
		}
		required := small
		required.require = true
		if err := run(&out, open, required); !errors.Is(err, errRequired) {
			t.Errorf("-require: %v", err)
		}
	}
	if err := run(new(bytes.Buffer), cuda.Open, options{rows: 1, vocab: 1}); err == nil {
		t.Error("no steps to time are no error")
	}
	broken := errors.New("broken")
	if err := run(new(bytes.Buffer), func(cuda.Config) (*cuda.Device, error) { return nil, broken }, small); !errors.Is(err, broken) {
		t.Errorf("an error that is no missing GPU: %v", err)
	}
}

// On this machine, whatever it has, the command ends well.
func TestHere(t *testing.T) {
	if err := run(os.Stdout, cuda.Open, small); err != nil {
		t.Fatal(err)
	}
}

// Two equal outcomes are equal, and each kind of difference is told.
func TestCompare(t *testing.T) {
	p, err := newProblem(small.rows, small.vocab)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.batch.Offsets[len(p.batch.Offsets)-1]; int64(got) != small.rows || len(p.batch.Advantages) != len(p.batch.Offsets)-1 {
		t.Fatalf("offsets %v", p.batch.Offsets)
	}
	fresh := func() *outcome {
		o, err := p.onHost(1)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	a := fresh()
	if a.loss == 0 || math.IsNaN(a.loss) {
		t.Errorf("loss %v", a.loss)
	}
	var out bytes.Buffer
	if err := compare(&out, a, fresh(), small); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "log p 0.0e+00, entropy 0.0e+00, loss 0.0e+00, dL/dlogits 0.0e+00") {
		t.Errorf("equal outcomes differ:\n%s", &out)
	}
	nan := float32(math.NaN())
	for name, spoil := range map[string]func(o *outcome){
		"log p":        func(o *outcome) { o.logProbs[3] += 1e-4 },
		"log p is NaN": func(o *outcome) { o.logProbs[23] = nan },
		"entropy":      func(o *outcome) { o.entropies[0] -= 1e-3 },
		"loss":         func(o *outcome) { o.loss += 1e-3 },
		"loss is NaN":  func(o *outcome) { o.loss = math.NaN() },
		"gradient":     func(o *outcome) { v := &o.gradient.Data[p.targets[0]]; *v = logprob.NewBFloat16(v.Float32() * 1.02) },
		"gradient is NaN": func(o *outcome) {
			o.gradient.Data[len(o.gradient.Data)-1] = logprob.NewBFloat16(nan)
		},
	} {
		b := fresh()
		spoil(b)
		if err := compare(&out, a, b, small); !errors.Is(err, errDifferent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
