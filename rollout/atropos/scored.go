package atropos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// ScoredData is one group: the sequences sampled for one prompt, as they go over
// the wire. Tokens, Masks and Scores are required; of the rest nil is null.
//
// A sequence is prompt and completion together. Its mask repeats the token ids at
// the positions that are trained and has Ignore at all others, and its inference
// log-probability is NoLogProb wherever nothing was sampled.
type ScoredData struct {
	Tokens            [][]int32
	Masks             [][]int32
	Scores            []float64   // one a sequence
	Advantages        [][]float64 // one a token; trainers that normalise scores do not read it
	RefLogProbs       [][]float32
	InferenceLogProbs [][]float32 // the sampler's
	Overrides         []Override  // one a sequence
	GroupOverrides    map[string]any
	GenerationParams  map[string]any
	EnvID             *int // nil: of no registered environment

	// As they stand in the JSON, uninterpreted.
	Messages        json.RawMessage // [][]{"role", "content", ...}
	Images          json.RawMessage
	DistillTokenIDs json.RawMessage // [sequence][position][k]
	DistillLogProbs json.RawMessage // [sequence][position][k]
}

const (
	Ignore    = -100 // in a mask: the position is not trained
	NoLogProb = 1    // in inference log-probabilities: nothing was sampled there
)

// Override is what holds for one sequence alone. Keys that this package does not
// know are kept.
type Override map[string]any

// Keys of overrides.
const (
	SetAdvantageToZero = "set_advantage_to_zero" // bool: the window cut the sequence; it counts in its group's mean and spread, and its own advantage is 0
	Temperature        = "temperature"           // number: what it was sampled at
)

// Truncated reports whether the override sets the advantage to zero, which is how an
// environment says that the window cut the sequence. Any value that is true in
// Python counts.
func (o Override) Truncated() bool {
	switch v := o[SetAdvantageToZero].(type) {
	case nil:
		return false
	case bool:
		return v
	case json.Number:
		f, err := v.Float64()
		return err != nil || f != 0
	case float64:
		return v != 0
	case int:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// Truncated appends to dst whether each sequence was cut by the window.
func (d *ScoredData) Truncated(dst []bool) []bool {
	for i := range d.Tokens {
		dst = append(dst, i < len(d.Overrides) && d.Overrides[i].Truncated())
	}
	return dst
}

// Temperature is what sequence i was sampled at: the first that is given of
// Overrides[i], GenerationParams and GroupOverrides, or else 1. What is no positive
// finite number is an error.
func (d *ScoredData) Temperature(i int) (float64, error) {
	maps := []map[string]any{d.GenerationParams, d.GroupOverrides}
	if i < len(d.Overrides) {
		maps = append([]map[string]any{d.Overrides[i]}, maps...)
	}
	for _, m := range maps {
		v, ok := m[Temperature]
		if !ok {
			continue
		}
		t, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		if err != nil || !(t > 0) || math.IsInf(t, 0) {
			return 0, &ShapeError{Sequence: i, Field: "temperature", Why: fmt.Sprintf("%v is no positive number", v)}
		}
		return t, nil
	}
	return 1, nil
}

// ShapeError is a group whose parts do not fit together, or a value that cannot be.
type ShapeError struct {
	Sequence int // -1: the group itself
	Field    string
	Why      string
}

func (e *ShapeError) Error() string {
	if e.Sequence < 0 {
		return fmt.Sprintf("atropos: %s: %s", e.Field, e.Why)
	}
	return fmt.Sprintf("atropos: sequence %d: %s: %s", e.Sequence, e.Field, e.Why)
}

// Check reports the first part of d that a trainer could not use, a *ShapeError: no
// sequence, numbers of sequences or tokens that differ between the fields, a score
// that is not finite, a log-probability that is not finite where a token is trained.
// Environments may send such groups and the reference server passes them on.
func (d *ScoredData) Check() error {
	n := len(d.Tokens)
	group := func(field, format string, a ...any) error {
		return &ShapeError{Sequence: -1, Field: field, Why: fmt.Sprintf(format, a...)}
	}
	if n == 0 {
		return group("tokens", "no sequence")
	}
	if len(d.Masks) != n {
		return group("masks", "%d for %d sequences", len(d.Masks), n)
	}
	if len(d.Scores) != n {
		return group("scores", "%d for %d sequences", len(d.Scores), n)
	}
	if d.Overrides != nil && len(d.Overrides) != n {
		return group("overrides", "%d for %d sequences", len(d.Overrides), n)
	}
	if d.Advantages != nil && len(d.Advantages) != n {
		return group("advantages", "%d for %d sequences", len(d.Advantages), n)
	}
	for _, f := range []struct {
		name string
		rows [][]float32
	}{{"inference_logprobs", d.InferenceLogProbs}, {"ref_logprobs", d.RefLogProbs}} {
		if f.rows != nil && len(f.rows) != n {
			return group(f.name, "%d for %d sequences", len(f.rows), n)
		}
	}
	for i, s := range d.Scores {
		one := func(field, format string, a ...any) error {
			return &ShapeError{Sequence: i, Field: field, Why: fmt.Sprintf(format, a...)}
		}
		t := len(d.Tokens[i])
		switch {
		case math.IsNaN(s) || math.IsInf(s, 0):
			return one("scores", "%v", s)
		case len(d.Masks[i]) != t:
			return one("masks", "%d for %d tokens", len(d.Masks[i]), t)
		case d.Advantages != nil && len(d.Advantages[i]) != t:
			return one("advantages", "%d for %d tokens", len(d.Advantages[i]), t)
		}
		for _, f := range []struct {
			name string
			rows [][]float32
		}{{"inference_logprobs", d.InferenceLogProbs}, {"ref_logprobs", d.RefLogProbs}} {
			if f.rows == nil {
				continue
			}
			if len(f.rows[i]) != t {
				return one(f.name, "%d for %d tokens", len(f.rows[i]), t)
			}
			for k, l := range f.rows[i] {
				if l := float64(l); d.Masks[i][k] != Ignore && (math.IsNaN(l) || math.IsInf(l, 0)) {
					return one(f.name, "%v at token %d", l, k)
				}
			}
		}
	}
	return nil
}

// AppendJSON appends d to dst as one JSON object. Log-probabilities are written with
// as many digits as tell float32 values apart, so they come back bit for bit. A
// number that JSON has no word for (NaN, an infinity) is a *ShapeError.
func (d *ScoredData) AppendJSON(dst []byte) (_ []byte, err error) {
	n := 256
	for i := range d.Tokens {
		n += 7 * len(d.Tokens[i])
	}
	for i := range d.Masks {
		n += 7 * len(d.Masks[i])
	}
	inference := beside("inference_logprobs", d.InferenceLogProbs)
	ref := beside("ref_logprobs", d.RefLogProbs)
	w := writer{b: slices.Grow(dst, n+inference.room()+ref.room())}
	w.tokensAndMasks(d.Tokens, d.Masks)
	w.text(`,"scores":`)
	w.floats("scores", -1, d.Scores)
	w.text(`,"advantages":`)
	if d.Advantages == nil {
		w.text("null")
	} else {
		w.b = append(w.b, '[')
		for i, row := range d.Advantages {
			w.comma(i)
			w.floats("advantages", i, row)
		}
		w.b = append(w.b, ']')
	}
	w.text(`,"ref_logprobs":`)
	w.join(ref)
	w.text(`,"messages":`)
	w.raw("messages", d.Messages)
	w.text(`,"generation_params":`)
	w.any("generation_params", d.GenerationParams, d.GenerationParams == nil)
	w.text(`,"inference_logprobs":`)
	w.join(inference)
	w.text(`,"overrides":`)
	if d.Overrides == nil {
		w.text("null")
	} else {
		w.b = append(w.b, '[')
		for i, o := range d.Overrides {
			w.comma(i)
			if o == nil {
				w.text("{}") // null is refused
			} else {
				w.any("overrides", o, false)
			}
		}
		w.b = append(w.b, ']')
	}
	w.text(`,"group_overrides":`)
	w.any("group_overrides", d.GroupOverrides, d.GroupOverrides == nil)
	w.text(`,"images":`)
	w.raw("images", d.Images)
	w.text(`,"env_id":`)
	if d.EnvID == nil {
		w.text("null")
	} else {
		w.b = strconv.AppendInt(w.b, int64(*d.EnvID), 10)
	}
	w.text(`,"distill_token_ids":`)
	w.raw("distill_token_ids", d.DistillTokenIDs)
	w.text(`,"distill_logprobs":`)
	w.raw("distill_logprobs", d.DistillLogProbs)
	w.b = append(w.b, '}')
	if w.err != nil {
		return dst, w.err
	}
	return w.b, nil
}

// MarshalJSON is AppendJSON.
func (d *ScoredData) MarshalJSON() ([]byte, error) { return d.AppendJSON(nil) }

// UnmarshalJSON reads what AppendJSON, an environment or a server wrote.
func (d *ScoredData) UnmarshalJSON(b []byte) error {
	p := newParser(bytes.NewReader(b))
	*d = ScoredData{}
	return p.scored(d)
}

type writer struct {
	b   []byte
	err error
}

func (w *writer) text(s string) { w.b = append(w.b, s...) }

func (w *writer) comma(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
}

// tokensAndMasks writes both fields. A mask mostly ends as its tokens do, and then
// this part of the text is copied.
func (w *writer) tokensAndMasks(tokens, masks [][]int32) {
	w.text(`{"tokens":[`)
	type tail struct{ from, at, to int } // of a row: from this token on, at these bytes
	tails := make([]tail, len(tokens))
	for i, row := range tokens {
		t := tail{from: len(row)}
		if i < len(masks) && len(masks[i]) == len(row) {
			for t.from > 0 && masks[i][t.from-1] == row[t.from-1] {
				t.from--
			}
		}
		w.comma(i)
		w.b = append(w.b, '[')
		w.ints(row[:t.from])
		if t.from > 0 && t.from < len(row) {
			w.b = append(w.b, ',')
		}
		t.at = len(w.b)
		w.ints(row[t.from:])
		t.to = len(w.b)
		tails[i] = t
		w.b = append(w.b, ']')
	}
	w.text(`],"masks":[`)
	for i, row := range masks {
		w.comma(i)
		w.b = append(w.b, '[')
		same := i < len(tails) && tails[i].from < len(tokens[i]) // then the rows are as long as each other
		if same {
			row = row[:tails[i].from]
		}
		w.ints(row)
		if same {
			w.comma(len(row))
			w.b = append(w.b, w.b[tails[i].at:tails[i].to]...)
		}
		w.b = append(w.b, ']')
	}
	w.b = append(w.b, ']')
}

// ints writes numbers with commas between them.
func (w *writer) ints(row []int32) {
	b := w.b
	for k, v := range row {
		if k > 0 {
			b = append(b, ',')
		}
		b = appendInt(b, v)
	}
	w.b = b
}

func (w *writer) bad(field string, sequence int, v float64) {
	if w.err == nil {
		w.err = &ShapeError{Sequence: sequence, Field: field, Why: fmt.Sprintf("%v has no form in JSON", v)}
	}
}

func (w *writer) floats(field string, sequence int, row []float64) {
	w.b = append(w.b, '[')
	for k, v := range row {
		w.comma(k)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			w.bad(field, sequence, v)
		}
		w.b = strconv.AppendFloat(w.b, v, 'g', -1, 64)
	}
	w.b = append(w.b, ']')
}

func (w *writer) float32s(field string, rows [][]float32) {
	if rows == nil {
		w.text("null")
		return
	}
	w.b = append(w.b, '[')
	for i, row := range rows {
		w.comma(i)
		b := append(w.b, '[')
		for k, v := range row {
			if k > 0 {
				b = append(b, ',')
			}
			if v == NoLogProb {
				b = append(b, "1.0"...)
				continue
			}
			if d := v - v; d != 0 { // NaN, of infinities too
				w.bad(field, i, float64(v))
			}
			b = appendFloat32(b, v)
		}
		w.b = append(b, ']')
	}
	w.b = append(w.b, ']')
}

// A side is a field that is written beside the others, by a goroutine of its own if
// it is long.
type side struct {
	writer
	field string
	rows  [][]float32
	done  chan struct{} // nil: not begun
}

func beside(field string, rows [][]float32) *side {
	s := &side{field: field, rows: rows}
	if n := s.room(); n > 1<<18 {
		s.b = make([]byte, 0, n)
		s.done = make(chan struct{})
		go func() {
			s.float32s(field, rows)
			close(s.done)
		}()
	}
	return s
}

// room is about how many bytes the field takes.
func (s *side) room() (n int) {
	for i := range s.rows {
		n += 13 * len(s.rows[i])
	}
	return n
}

func (w *writer) join(s *side) {
	if s.done == nil {
		w.float32s(s.field, s.rows)
		return
	}
	<-s.done
	w.b = append(w.b, s.b...)
	if w.err == nil {
		w.err = s.err
	}
}

func (w *writer) raw(field string, m json.RawMessage) {
	if len(m) == 0 {
		w.text("null")
		return
	}
	if !json.Valid(m) && w.err == nil {
		w.err = &ShapeError{Sequence: -1, Field: field, Why: "not JSON"}
	}
	w.b = append(w.b, m...)
}

func (w *writer) any(field string, v any, null bool) {
	if null {
		w.text("null")
		return
	}
	b, err := json.Marshal(v)
	if err != nil && w.err == nil {
		w.err = &ShapeError{Sequence: -1, Field: field, Why: err.Error()}
	}
	w.b = append(w.b, b...)
}
