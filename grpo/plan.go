package grpo

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Planner is a rule that needs a statistic of the whole step: a quantile, a
// covariance threshold, a mean weight. It works in two rounds, so that the result
// never depends on micro-batches:
//
//	var s grpo.Sample
//	err := grpo.Observe(&s, &objective, &batch)  // each micro-batch, after the forward passes
//	s.Merge(&other)                              // other workers and ranks
//	resolved, err := objective.Resolve(&s)       // the same objective with its numbers filled in
//
// The numbers of a resolved rule can be seen, logged and stored. An unresolved
// rule in an Evaluator is an *ObjectiveError; the function Eval resolves by itself.
//
// A threshold belongs midway between two neighbouring values, so that no token
// sits on its own kink.
type Planner interface {
	// Observe adds rows for one response. All rows of a rule have one width.
	Observe(s *Sample, r *Response)

	// Resolve returns the rule with its numbers filled in, from any number of rows,
	// none too (all may have been dropped): of a kind that stands
	// where the planner stood, and Resolved if it is a Planner still.
	Resolve(s *Sample) (rule any, err error)

	// Resolved reports whether the numbers are filled in.
	Resolved() bool
}

// Sample holds the rows that the planners of one objective have observed: an exact
// multiset for each rule. Merging is concatenation, and rows are sorted before a
// planner sees them, so no order of responses, micro-batches or ranks shows.
type Sample struct {
	rules   []rows
	current int // the rule that is observing
}

// rows is a multiset of float64 rows of one width, stored flat.
type rows struct {
	width int
	data  []float64
}

// Add adds one row for the planner that is observing.
func (s *Sample) Add(row ...float64) {
	r := &s.rules[s.current]
	if r.width == 0 {
		r.width = len(row)
	}
	if len(row) != r.width || len(row) == 0 {
		panic("grpo: Sample.Add: rows of one rule must have one width > 0")
	}
	r.data = append(r.data, row...)
}

// Len returns the number of rows of the planner that is resolving.
func (s *Sample) Len() int {
	if r := s.rules[s.current]; r.width > 0 {
		return len(r.data) / r.width
	}
	return 0
}

// Row returns row i of the planner that is resolving, in ascending order by first
// column, then second, and so on. The planner may write to it.
func (s *Sample) Row(i int) []float64 {
	r := s.rules[s.current]
	return r.data[i*r.width : (i+1)*r.width]
}

// Merge adds u's rows to s: two micro-batches' or ranks' of one step.
func (s *Sample) Merge(u *Sample) error {
	if len(u.rules) == 0 {
		return nil
	}
	if len(s.rules) == 0 {
		s.rules = make([]rows, len(u.rules))
	}
	if len(s.rules) != len(u.rules) {
		return &BatchError{"Sample", fmt.Sprintf("of %d step-wide rules, merged with one of %d", len(s.rules), len(u.rules))}
	}
	for i := range u.rules {
		a, b := &s.rules[i], &u.rules[i]
		if a.width != 0 && b.width != 0 && a.width != b.width {
			return &BatchError{"Sample", fmt.Sprintf("rule %d has rows of %d and of %d numbers", i, a.width, b.width)}
		}
		a.width = max(a.width, b.width)
		a.data = append(a.data, b.data...)
	}
	return nil
}

const sampleVersion = 1

var errSampleEncoding = errors.New("grpo: not the encoding of a Sample")

// MarshalBinary encodes the rows as they stand.
func (s *Sample) MarshalBinary() ([]byte, error) {
	b := []byte{sampleVersion}
	b = binary.AppendVarint(b, int64(len(s.rules)))
	for _, r := range s.rules {
		b = binary.AppendVarint(b, int64(r.width))
		b = binary.AppendVarint(b, int64(len(r.data)))
		for _, x := range r.data {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b, nil
}

// UnmarshalBinary decodes what MarshalBinary wrote.
func (s *Sample) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != sampleVersion {
		return errSampleEncoding
	}
	r := varints{b: b[1:]}
	n := r.next()
	if r.bad || n < 0 || n > int64(len(b)) {
		return errSampleEncoding
	}
	u := Sample{rules: make([]rows, n)}
	for i := range u.rules {
		width, length := r.next(), r.next()
		if r.bad || width < 0 || length < 0 || length > int64(len(r.b)/8) || width == 0 && length > 0 || width > 0 && length%width != 0 {
			return errSampleEncoding
		}
		data := make([]float64, length)
		for k := range data {
			data[k] = math.Float64frombits(binary.LittleEndian.Uint64(r.b[8*k:]))
		}
		r.b = r.b[8*length:]
		u.rules[i] = rows{int(width), data}
	}
	if len(r.b) != 0 {
		return errSampleEncoding
	}
	*s = u
	return nil
}

// sorted returns a copy of the rows in ascending order.
func (r rows) sorted() rows {
	if r.width == 0 {
		return r
	}
	out := rows{r.width, slices.Clone(r.data)}
	if r.width == 1 {
		slices.Sort(out.data)
		return out
	}
	index := make([]int, len(r.data)/r.width)
	for i := range index {
		index[i] = i
	}
	row := func(i int) []float64 { return r.data[i*r.width : (i+1)*r.width] }
	slices.SortFunc(index, func(i, j int) int { return slices.CompareFunc(row(i), row(j), cmp.Compare[float64]) })
	for k, i := range index {
		copy(out.data[k*r.width:], row(i))
	}
	return out
}

// rules are the parts that may be planners, the surrogate first.
func (o *Objective) rules() []any {
	rules := []any{o.Surrogate}
	for _, w := range o.Weights {
		rules = append(rules, w)
	}
	return rules
}

// NeedsStep reports whether the objective has a rule that waits for a statistic of
// the whole step: see Planner.
func (o *Objective) NeedsStep() bool {
	return unresolved(o.Surrogate) || slices.ContainsFunc(o.Weights, func(w Weight) bool { return unresolved(w) })
}

func unresolved(part any) bool {
	p, ok := part.(Planner)
	return ok && !p.Resolved()
}

// Resolve returns the objective with the numbers of its step-wide rules filled in
// from all that was observed of the step. An objective without such rules is
// returned as it is.
func (o Objective) Resolve(s *Sample) (Objective, error) {
	if !o.NeedsStep() {
		return o, nil
	}
	o.Weights = slices.Clone(o.Weights)
	for k, rule := range o.rules() {
		name := "Surrogate"
		if k > 0 {
			name = fmt.Sprintf("Weights[%d]", k-1)
		}
		p, ok := rule.(Planner)
		if !ok || p.Resolved() {
			continue
		}
		if k >= len(s.rules) {
			return Objective{}, &ObjectiveError{name, "nothing was observed for it: call Observe with this objective first"}
		}
		resolved, err := p.Resolve(&Sample{rules: []rows{s.rules[k].sorted()}})
		if err != nil {
			return Objective{}, &ObjectiveError{name, err.Error()}
		}
		if unresolved(resolved) {
			return Objective{}, &ObjectiveError{name, fmt.Sprintf("%T is still unresolved after Resolve", resolved)}
		}
		if k == 0 {
			o.Surrogate, ok = resolved.(Surrogate)
		} else {
			o.Weights[k-1], ok = resolved.(Weight)
		}
		if !ok {
			return Objective{}, &ObjectiveError{name, fmt.Sprintf("resolves to a %T, which can't stand there", resolved)}
		}
	}
	return o, nil
}
