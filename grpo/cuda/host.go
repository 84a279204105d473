package cuda

import (
	"errors"
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/logprob"
)

// Forward is logprob.Forward for logits in host memory, which are copied to the device
// in chunks: a way to try the device, and a check of it, but no way to be fast. With no
// device (nil, as Open returns it with its error) and with a Support it is
// logprob.Forward itself. LogProbs, Entropies and SumSquares are computed in float32.
//
// Errors are logprob's, and those of Stream.Forward.
func Forward[E logprob.Element, F logprob.Float](d *Device, dst logprob.Rows[F], x logprob.Logits[E], targets []int32, o logprob.Options) error {
	if d == nil || o.Support != nil {
		return logprob.Forward(dst, x, targets, o)
	}
	if err := checkHost(x, "Logits", targets, len(dst.LogProbs) > 0); err != nil {
		return err
	}
	if o.Total != 0 && o.Total != x.Vocab {
		return &logprob.ShapeError{Field: "Total", Reason: fmt.Sprintf("is %d for %d columns: Forward takes whole rows; Partials take shards", o.Total, x.Vocab)}
	}
	if err := checkRows(dst, x.Rows); err != nil {
		return err
	}
	return chunked(d, x, targets, o, func(c *hostChunk[E], from, to int64) error {
		return c.s.Forward(Rows{
			LogProbs:   wanted(c.rows.LogProbs, dst.LogProbs),
			LSE:        c.rows.LSE,
			Entropies:  wanted(c.rows.Entropies, dst.Entropies),
			SumSquares: wanted(c.rows.SumSquares, dst.SumSquares),
		}, c.m, c.targets, c.o)
	}, func(c *hostChunk[E], from, to int64) error {
		part := dst.Slice(from, to)
		return errors.Join(Download(c.s, part.LSE, c.rows.LSE), fetch(c.s, part.LogProbs, c.rows.LogProbs),
			fetch(c.s, part.Entropies, c.rows.Entropies), fetch(c.s, part.SumSquares, c.rows.SumSquares))
	})
}

// Partials is logprob.Partials, as Forward is logprob.Forward.
func Partials[E logprob.Element](d *Device, dst []logprob.Partial, x logprob.Logits[E], targets []int32, o logprob.Options) error {
	if d == nil || o.Support != nil {
		return logprob.Partials(dst, x, targets, o)
	}
	if err := checkHost(x, "Logits", targets, false); err != nil {
		return err
	}
	if int64(len(dst)) != x.Rows {
		return &logprob.ShapeError{Field: "Partials", Reason: fmt.Sprintf("has %d elements for %d rows", len(dst), x.Rows)}
	}
	return chunked(d, x, targets, o, func(c *hostChunk[E], from, to int64) error {
		return c.s.Partials(c.partials, c.m, c.targets, c.o)
	}, func(c *hostChunk[E], from, to int64) error {
		return DownloadPartials(c.s, dst[from:to], c.partials)
	})
}

// Backward is logprob.Backward, as Forward is logprob.Forward. dst may be x.
func Backward[E logprob.Element, F logprob.Float](d *Device, dst, x logprob.Logits[E], targets []int32, rows logprob.Rows[F], g logprob.Gradient[F], o logprob.Options) error {
	if d == nil || o.Support != nil {
		return logprob.Backward(dst, x, targets, rows, g, o)
	}
	if err := checkHost(x, "Logits", targets, len(g.LogProbs) > 0); err != nil {
		return err
	}
	if err := checkHost(dst, "dst", nil, false); err != nil {
		return err
	}
	if dst.Rows != x.Rows || dst.Vocab != x.Vocab {
		return &logprob.ShapeError{Field: "dst", Reason: fmt.Sprintf("is %d rows of %d for logits of %d rows of %d", dst.Rows, dst.Vocab, x.Rows, x.Vocab)}
	}
	if err := checkRows(rows, x.Rows); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		given []F
	}{{"Gradient.LogProbs", g.LogProbs}, {"Gradient.Entropies", g.Entropies}} {
		if f.given != nil && int64(len(f.given)) != x.Rows {
			return &logprob.ShapeError{Field: f.name, Reason: fmt.Sprintf("has %d elements for %d rows", len(f.given), x.Rows)}
		}
	}
	if rows.LSE == nil {
		return &logprob.ShapeError{Field: "Rows.LSE", Reason: "is not given, and Backward reads it"}
	}
	return chunked(d, x, targets, o, func(c *hostChunk[E], from, to int64) error {
		part, gs := rows.Slice(from, to), g.Slice(from, to)
		if err := errors.Join(Upload(c.s, c.rows.LSE, part.LSE), send(c.s, c.rows.Entropies, part.Entropies),
			send(c.s, c.g.LogProbs, gs.LogProbs), send(c.s, c.g.Entropies, gs.Entropies)); err != nil {
			return err
		}
		return c.s.Backward(c.m, c.targets, Rows{LSE: c.rows.LSE, Entropies: wanted(c.rows.Entropies, part.Entropies)},
			Gradient{LogProbs: wanted(c.g.LogProbs, gs.LogProbs), Entropies: wanted(c.g.Entropies, gs.Entropies)}, c.o)
	}, func(c *hostChunk[E], from, to int64) error {
		return c.download(dst.Slice(from, to))
	})
}

// DownloadPartials copies Partials to the host when the calls before it are done.
func DownloadPartials(s *Stream, dst []logprob.Partial, src Ptr) error {
	words := make([]float64, len(dst)*PartialSize/8)
	if err := Download(s, words, src); err != nil {
		return err
	}
	for i := range dst {
		w := words[i*PartialSize/8:]
		dst[i] = logprob.Partial{Max: w[0], Sum: w[1], Weighted: w[2], Squares: w[3], Target: w[4], Found: math.Float64bits(w[5]) != 0}
	}
	return nil
}

// UploadPartials copies Partials of the host to the device, for Finish.
func UploadPartials(s *Stream, dst Ptr, src []logprob.Partial) error {
	words := make([]float64, 0, len(src)*PartialSize/8)
	for _, p := range src {
		found := uint64(0)
		if p.Found {
			found = 1
		}
		words = append(words, p.Max, p.Sum, p.Weighted, p.Squares, p.Target, math.Float64frombits(found))
	}
	return Upload(s, dst, words)
}
