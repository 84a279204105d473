package logprob

import (
	"fmt"
	"math"
)

// Element is the type of a logit.
type Element interface {
	float32 | BFloat16 | Float16
}

// Float is the type of log-probabilities, entropies and their gradients, as in package grpo.
type Float interface {
	float32 | float64
}

// Logits is a chunk of rows: one row of V logits a token. Row r, id j stands at
// Data[r*Stride+j].
//
// Counts are int64 on every platform: one response of 40,960 tokens over Qwen3's
// vocabulary has 6.2e9 logits.
type Logits[E Element] struct {
	Data   []E
	Rows   int64
	Vocab  int64 // V, the ids of a row
	Stride int64 // elements from one row to the next; 0 means Vocab. What lies between rows (a padded vocabulary) is neither read nor written
}

// Row is the V logits of row r.
func (x Logits[E]) Row(r int64) []E {
	at := r * x.stride()
	return x.Data[at : at+x.Vocab : at+x.Vocab]
}

// Slice is rows from:to, sharing memory.
func (x Logits[E]) Slice(from, to int64) Logits[E] {
	x.Data, x.Rows = x.Data[min(from*x.stride(), int64(len(x.Data))):], to-from
	return x
}

func (x Logits[E]) stride() int64 {
	if x.Stride == 0 {
		return x.Vocab
	}
	return x.Stride
}

func (x Logits[E]) check(field string) error {
	switch stride := x.stride(); {
	case x.Rows < 0:
		return &ShapeError{field, fmt.Sprintf("has %d rows", x.Rows)}
	case x.Vocab < 1 || x.Vocab > math.MaxInt32:
		return &ShapeError{field, fmt.Sprintf("has a vocabulary of %d ids; 1 to 2^31-1 are possible", x.Vocab)}
	case stride < x.Vocab:
		return &ShapeError{field, fmt.Sprintf("has a stride of %d, less than its vocabulary of %d", stride, x.Vocab)}
	case x.Rows == 0:
		return nil
	case int64(len(x.Data)) < x.Vocab || (int64(len(x.Data))-x.Vocab)/stride < x.Rows-1: // no product that could overflow
		return &ShapeError{field, fmt.Sprintf("has %d elements, too few for %d rows of %d at a stride of %d", len(x.Data), x.Rows, x.Vocab, stride)}
	}
	return nil
}
