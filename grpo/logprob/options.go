package logprob

import (
	"fmt"
	"math"
)

// Options says how a chunk is read. The zero value is the plain case.
type Options struct {
	// Temperature divides the logits first; 0 means 1.
	Temperature float64

	// Workers is the number of goroutines, each on whole rows; 0 means 1. It does not
	// change the result.
	Workers int

	// Support restricts each row to the ids that a sampler kept; nil: all ids.
	Support *Support

	// First is the id of the first column, and Total the size of the whole vocabulary,
	// where the columns are a shard of it. Total 0: the columns are the vocabulary.
	First, Total int64
}

// Support is the ids that a sampler's top-k or top-p kept, in compressed rows: row r
// keeps IDs[Offsets[r]:Offsets[r+1]], in increasing order. Every other id has
// probability 0, as if its logit were -Inf.
type Support struct {
	Offsets []int64 // [Rows+1]
	IDs     []int32
}

// Row is the ids of row r.
func (s *Support) Row(r int64) []int32 { return s.IDs[s.Offsets[r]:s.Offsets[r+1]] }

func (s *Support) check(rows int64) error {
	if int64(len(s.Offsets)) != rows+1 {
		return &ShapeError{"Support", fmt.Sprintf("has %d offsets for %d rows; one more than rows is needed", len(s.Offsets), rows)}
	}
	for r, at := range s.Offsets {
		if at < 0 || at > int64(len(s.IDs)) || r > 0 && at < s.Offsets[r-1] {
			return &ShapeError{"Support", fmt.Sprintf("has the offset %d at %d: not increasing within its %d ids", at, r, len(s.IDs))}
		}
	}
	return nil
}

// checkRow looks at the ids of one row.
func (s *Support) checkRow(r, vocab int64) *RowError {
	last := int64(-1)
	for _, id := range s.Row(r) {
		if int64(id) <= last || int64(id) >= vocab {
			return &RowError{r, "Support", int64(id), float64(id), fmt.Sprintf("ids must increase and lie in [0, %d)", vocab)}
		}
		last = int64(id)
	}
	return nil
}

func (o *Options) temperature() float64 {
	if o.Temperature == 0 {
		return 1
	}
	return o.Temperature
}

// total is the size of the whole vocabulary.
func (o *Options) total(vocab int64) int64 {
	if o.Total == 0 {
		return vocab
	}
	return o.Total
}

func (o *Options) check(rows, vocab int64) error {
	if t := o.temperature(); !(t >= 1e-20 && t <= 1e20) {
		return &ShapeError{"Temperature", fmt.Sprintf("is %v; 1e-20 to 1e20 are possible", t)}
	}
	if total := o.total(vocab); o.First < 0 || total > math.MaxInt32 || o.First > total-vocab {
		return &ShapeError{"First", fmt.Sprintf("is %d: columns %d to %d of a vocabulary of %d", o.First, o.First, o.First+vocab, total)}
	}
	if o.Support == nil {
		return nil
	}
	if o.First != 0 || o.total(vocab) != vocab {
		return &ShapeError{"Support", "and a shard of the vocabulary are not possible together"}
	}
	return o.Support.check(rows)
}
