package cuda

import (
	"errors"
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/logprob"
)

// chunkBytes is how much of a host's logits is on the device at once.
var chunkBytes int64 = 64 << 20

// hostChunk is what a chunk of rows of a host's logits gets on the device.
type hostChunk[E logprob.Element] struct {
	s        *Stream
	m        Matrix // without what lies between rows
	targets  Ptr
	rows     Rows
	g        Gradient
	partials Ptr
	o        Options
	staging  []E
}

// chunked copies rows to the device, a chunk at a time, starts what start queues, waits
// for it and has finish copy back. The error is that of the first bad row of all, after
// all rows are done; any other error ends the work.
func chunked[E logprob.Element](d *Device, x logprob.Logits[E], targets []int32, o logprob.Options, start, finish func(c *hostChunk[E], from, to int64) error) (err error) {
	shape := Options{Temperature: o.Temperature, First: o.First, Total: o.Total}
	if err := shape.check(d, x.Rows, x.Vocab); err != nil || x.Rows == 0 {
		return err
	}
	s, err := d.Stream(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	c := &hostChunk[E]{s: s, o: shape, m: Matrix{DType: dtypeOf[E](), Cols: x.Vocab}}
	size := c.m.DType.size()
	rows := max(1, min(x.Rows, chunkBytes/(x.Vocab*size)))
	places := []struct {
		at    *Ptr
		bytes int64 // of a row
	}{
		{&c.m.Ptr, x.Vocab * size}, {&c.targets, 4}, {&c.rows.LogProbs, 4}, {&c.rows.LSE, 8}, {&c.rows.Entropies, 4}, {&c.rows.SumSquares, 4},
		{&c.g.LogProbs, 4}, {&c.g.Entropies, 4}, {&c.partials, PartialSize},
	}
	var total int64
	for _, p := range places {
		*p.at = Ptr(total)
		total = (total + rows*p.bytes + 15) &^ 15
	}
	memory, err := d.Alloc(total)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Free(memory)) }()
	for _, p := range places {
		*p.at += memory
	}
	if targets == nil {
		c.targets = 0
	}

	var first error
	for from := int64(0); from < x.Rows; from += rows {
		to := min(from+rows, x.Rows)
		c.m.Rows = to - from
		if err := c.upload(x.Slice(from, to)); err != nil {
			return err
		}
		if targets != nil {
			if err := Upload(s, c.targets, targets[from:to]); err != nil {
				return err
			}
		}
		if err := start(c, from, to); err != nil {
			return err
		}
		if err := s.Sync(); err != nil {
			var row *logprob.RowError
			if !errors.As(err, &row) {
				return err
			}
			if first == nil {
				row.Row += from
				first = row
			}
		}
		if err := finish(c, from, to); err != nil {
			return err
		}
	}
	return first
}

// upload copies rows, without what lies between them.
func (c *hostChunk[E]) upload(x logprob.Logits[E]) error {
	if x.Stride == 0 || x.Stride == x.Vocab {
		return Upload(c.s, c.m.Ptr, x.Data[:x.Rows*x.Vocab])
	}
	c.stage(x.Rows * x.Vocab)
	for r := range x.Rows {
		copy(c.staging[r*x.Vocab:], x.Row(r))
	}
	return Upload(c.s, c.m.Ptr, c.staging)
}

func (c *hostChunk[E]) download(dst logprob.Logits[E]) error {
	if dst.Stride == 0 || dst.Stride == dst.Vocab {
		return Download(c.s, dst.Data[:dst.Rows*dst.Vocab], c.m.Ptr)
	}
	c.stage(dst.Rows * dst.Vocab)
	if err := Download(c.s, c.staging, c.m.Ptr); err != nil {
		return err
	}
	for r := range dst.Rows {
		copy(dst.Row(r), c.staging[r*dst.Vocab:])
	}
	return nil
}

func (c *hostChunk[E]) stage(n int64) {
	if int64(cap(c.staging)) < n {
		c.staging = make([]E, n)
	}
	c.staging = c.staging[:n]
}

// dtypeOf is E on the device.
func dtypeOf[E logprob.Element]() DType {
	switch any(E(0)).(type) {
	case logprob.BFloat16:
		return BFloat16
	case logprob.Float16:
		return Float16
	}
	return Float32
}

// wanted is p if there is a slice for it.
func wanted[F logprob.Float](p Ptr, of []F) Ptr {
	if of == nil {
		return 0
	}
	return p
}

// send copies numbers of a row to the device, in float32.
func send[F logprob.Float](s *Stream, dst Ptr, src []F) error {
	buffer := make([]float32, len(src))
	for i, v := range src {
		buffer[i] = float32(v)
	}
	return Upload(s, dst, buffer)
}

// fetch copies numbers of a row back.
func fetch[F logprob.Float](s *Stream, dst []F, src Ptr) error {
	buffer := make([]float32, len(dst))
	if err := Download(s, buffer, src); err != nil {
		return err
	}
	for i, v := range buffer {
		dst[i] = F(v)
	}
	return nil
}

// checkHost looks at logits and their targets.
func checkHost[E logprob.Element](x logprob.Logits[E], field string, targets []int32, needed bool) error {
	stride := x.Stride
	if stride == 0 {
		stride = x.Vocab
	}
	refuse := func(field, format string, args ...any) error {
		return &logprob.ShapeError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case x.Rows < 0:
		return refuse(field, "has %d rows", x.Rows)
	case x.Vocab < 1 || x.Vocab > math.MaxInt32:
		return refuse(field, "has a vocabulary of %d ids; 1 to 2^31-1 are possible", x.Vocab)
	case stride < x.Vocab:
		return refuse(field, "has a stride of %d, less than its vocabulary of %d", stride, x.Vocab)
	case x.Rows == 0:
		return nil
	case int64(len(x.Data)) < x.Vocab || (int64(len(x.Data))-x.Vocab)/stride < x.Rows-1:
		return refuse(field, "has %d elements, too few for %d rows of %d at a stride of %d", len(x.Data), x.Rows, x.Vocab, stride)
	case targets != nil && int64(len(targets)) != x.Rows:
		return refuse("Targets", "has %d elements for %d rows", len(targets), x.Rows)
	case targets == nil && needed:
		return refuse("Targets", "is not given, and log-probabilities are of targets")
	}
	return nil
}

// checkRows looks at slices of one number a row; nil ones are not given.
func checkRows[F logprob.Float](r logprob.Rows[F], rows int64) error {
	for _, f := range []struct {
		name  string
		given bool
		n     int
	}{
		{"Rows.LogProbs", r.LogProbs != nil, len(r.LogProbs)}, {"Rows.LSE", r.LSE != nil, len(r.LSE)},
		{"Rows.Entropies", r.Entropies != nil, len(r.Entropies)}, {"Rows.SumSquares", r.SumSquares != nil, len(r.SumSquares)},
	} {
		if f.given && int64(f.n) != rows {
			return &logprob.ShapeError{Field: f.name, Reason: fmt.Sprintf("has %d elements for %d rows", f.n, rows)}
		}
	}
	return nil
}
