package logprob_test

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/logprob"
)

// A step over hidden states with the memory of one chunk of logits: the forward pass
// keeps three numbers a token, the objective sees all tokens, and the backward pass
// makes each chunk's logits again and overwrites them with their gradient.
func Example_boundedMemory() {
	const (
		tokens, width, vocab = 24, 16, 5000 // hidden states [tokens, width], head [vocab, width]
		chunk                = 5            // rows of logits that exist at once
	)
	rng := rand.New(rand.NewPCG(1, 2))
	matrix := func(rows, cols int) blas32.General {
		m := blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: make([]float32, rows*cols)}
		for i := range m.Data {
			m.Data[i] = float32(rng.NormFloat64())
		}
		return m
	}
	rowsOf := func(m blas32.General, from, to int) blas32.General {
		m.Rows, m.Data = to-from, m.Data[from*m.Stride:]
		return m
	}
	hidden, head := matrix(tokens, width), matrix(vocab, width)
	dHidden, dHead := matrix(tokens, width), matrix(vocab, width)
	targets := make([]int32, tokens)
	for t := range targets {
		targets[t] = rng.Int32N(vocab)
	}

	rows := logprob.Rows[float32]{LogProbs: make([]float32, tokens), LSE: make([]float64, tokens), Entropies: make([]float32, tokens)}
	buffer := make([]float32, chunk*vocab) // all the memory that logits get
	project := func(from, to int) (blas32.General, logprob.Logits[float32]) {
		m := blas32.General{Rows: to - from, Cols: vocab, Stride: vocab, Data: buffer}
		blas32.Gemm(blas.NoTrans, blas.Trans, 0.5, rowsOf(hidden, from, to), head, 0, m)
		return m, logprob.Logits[float32]{Data: buffer, Rows: int64(to - from), Vocab: vocab}
	}
	chunks := func(f func(from, to int)) {
		for from := 0; from < tokens; from += chunk {
			f(from, min(from+chunk, tokens))
		}
	}
	options := logprob.Options{Workers: 2}
	forward := func() {
		chunks(func(from, to int) {
			_, logits := project(from, to)
			check(logprob.Forward(rows.Slice(int64(from), int64(to)), logits, targets[from:to], options))
		})
	}

	// Two responses to one prompt: the first was right.
	batch := grpo.Batch[float32]{Offsets: []int{0, 10, tokens}, LogProbs: rows.LogProbs, Advantages: []float64{1, -1}}
	gradient := grpo.Gradient[float32]{LogProbs: make([]float32, tokens)}
	objective := dapo.New()

	forward()
	_, err := grpo.Eval(gradient, &objective, &batch)
	check(err)
	before := sum(rows.LogProbs[:10]) - sum(rows.LogProbs[10:])

	g := logprob.Gradient[float32]{LogProbs: gradient.LogProbs}
	clear(dHead.Data)
	chunks(func(from, to int) {
		dLogits, logits := project(from, to) // the same logits again
		check(logprob.Backward(logits, logits, targets[from:to], rows.Slice(int64(from), int64(to)), g.Slice(int64(from), int64(to)), options))
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 0.5, dLogits, head, 0, rowsOf(dHidden, from, to))
		blas32.Gemm(blas.Trans, blas.NoTrans, 0.5, dLogits, rowsOf(hidden, from, to), 1, dHead)
	})

	for i, d := range dHead.Data { // a step of plain gradient descent
		head.Data[i] -= d
	}
	forward()
	after := sum(rows.LogProbs[:10]) - sum(rows.LogProbs[10:])
	fmt.Printf("logits in memory: %d of %d rows\n", len(buffer)/vocab, tokens)
	fmt.Println("the right response gains:", after > before)
	// Output:
	// logits in memory: 5 of 24 rows
	// the right response gains: true
}

func sum(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// Probabilities 1/8, 2/8 and 5/8, and the gradient of log p of the last one.
func ExampleForwardBackward() {
	logits := logprob.Logits[float32]{Data: []float32{0, 0.6931472, 1.6094379}, Rows: 1, Vocab: 3}
	rows := logprob.Rows[float64]{LogProbs: make([]float64, 1), Entropies: make([]float64, 1)}
	g := logprob.Gradient[float64]{LogProbs: []float64{1}}
	check(logprob.ForwardBackward(rows, logits, logits, []int32{2}, g, logprob.Options{}))
	fmt.Printf("log p %.4f, entropy %.4f, gradient %.3f\n", rows.LogProbs, rows.Entropies, logits.Data)
	// Output: log p [-0.4700], entropy [0.9003], gradient [-0.125 -0.250 0.375]
}

// A vocabulary in two shards, as tensor parallelism leaves it.
func ExamplePartial_Merge() {
	left := logprob.Logits[float32]{Data: []float32{0, 0.6931472}, Rows: 1, Vocab: 2}
	right := logprob.Logits[float32]{Data: []float32{1.6094379}, Rows: 1, Vocab: 1}
	a, b := make([]logprob.Partial, 1), make([]logprob.Partial, 1)
	targets := []int32{1}
	check(logprob.Partials(a, left, targets, logprob.Options{First: 0, Total: 3}))
	check(logprob.Partials(b, right, targets, logprob.Options{First: 2, Total: 3}))
	a[0].Merge(b[0])
	fmt.Printf("lse %.4f = log 8, log p %.4f = log 1/4\n", a[0].LSE(), a[0].LogProb())
	// Output: lse 2.0794 = log 8, log p -1.3863 = log 1/4
}
