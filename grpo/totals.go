package grpo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Totals are the integer counts that a loss divides by, over one whole optimiser
// step. They depend on Offsets, Mask, Groups and Episodes alone, so they are known
// before any forward pass. Totals of micro-batches, workers and ranks merge
// exactly. A trainer may set the counts itself.
type Totals struct {
	Tokens       int64 // counted tokens
	Responses    int64 // responses with a counted token
	AllResponses int64 // responses, fully masked ones included

	// Tables by id, nil unless the objective's aggregations need them. The counts
	// of one prompt that is spread over micro-batches add up.
	Prompts  map[int]Tally
	Episodes map[int]Tally
}

// Tally is what one prompt or episode counts.
type Tally struct {
	Tokens    int64 // counted tokens
	Responses int64 // responses with a counted token
}

// Count counts a batch for an objective: the whole step, or a micro-batch to be
// merged with the others.
func Count[F Float](o *Objective, b *Batch[F]) (Totals, error) {
	if err := o.Validate(); err != nil {
		return Totals{}, err
	}
	if err := b.check(); err != nil {
		return Totals{}, err
	}
	fields := o.aggregationNeeds()
	t := Totals{}
	if fields&FieldGroups != 0 {
		if b.Groups == nil {
			return Totals{}, &FieldError{"Groups", "Aggregation"}
		}
		t.Prompts = map[int]Tally{}
	}
	if fields&FieldEpisodes != 0 {
		if b.Episodes == nil {
			return Totals{}, &FieldError{"Episodes", "Aggregation"}
		}
		t.Episodes = map[int]Tally{}
	}
	for i := range b.Len() {
		n := b.countedTokens(i)
		t.AllResponses++
		if n == 0 {
			continue
		}
		t.Responses++
		t.Tokens += n
		if t.Prompts != nil {
			t.Prompts[b.Groups[i]] = t.Prompts[b.Groups[i]].plus(Tally{n, 1})
		}
		if t.Episodes != nil {
			t.Episodes[b.Episodes[i]] = t.Episodes[b.Episodes[i]].plus(Tally{n, 1})
		}
	}
	return t, nil
}

func (b *Batch[F]) countedTokens(i int) int64 {
	from, to := b.Offsets[i], b.Offsets[i+1]
	if len(b.Mask) == 0 {
		return int64(to - from)
	}
	n := int64(0)
	for _, m := range b.Mask[from:to] {
		if m {
			n++
		}
	}
	return n
}

func (a Tally) plus(b Tally) Tally { return Tally{a.Tokens + b.Tokens, a.Responses + b.Responses} }

// Merge adds u to t. Tables are copied, never shared.
func (t *Totals) Merge(u *Totals) {
	t.Tokens += u.Tokens
	t.Responses += u.Responses
	t.AllResponses += u.AllResponses
	t.Prompts = mergeTallies(t.Prompts, u.Prompts)
	t.Episodes = mergeTallies(t.Episodes, u.Episodes)
}

func mergeTallies(dst, src map[int]Tally) map[int]Tally {
	if src != nil && dst == nil {
		dst = make(map[int]Tally, len(src))
	}
	for id, c := range src {
		dst[id] = dst[id].plus(c)
	}
	return dst
}

// Vector appends the three scalar counts to dst, in the order of their fields,
// for an integer all-reduce with SetVector on the other side. ok is false if t has
// tables: those travel by MarshalBinary and a gather.
func (t *Totals) Vector(dst []int64) (v []int64, ok bool) {
	return append(dst, t.Tokens, t.Responses, t.AllResponses), t.Prompts == nil && t.Episodes == nil
}

// SetVector sets the scalar counts from what Vector appended, summed over ranks.
func (t *Totals) SetVector(v []int64) error {
	if len(v) != 3 {
		return &BatchError{"Totals", fmt.Sprintf("a vector of %d counts, want 3", len(v))}
	}
	t.Tokens, t.Responses, t.AllResponses = v[0], v[1], v[2]
	return nil
}

const totalsVersion = 1

var errTotalsEncoding = errors.New("grpo: not the encoding of Totals")

// MarshalBinary encodes all counts and tables; equal totals give equal bytes.
func (t *Totals) MarshalBinary() ([]byte, error) {
	b := []byte{totalsVersion}
	for _, n := range []int64{t.Tokens, t.Responses, t.AllResponses} {
		b = binary.AppendVarint(b, n)
	}
	for _, table := range []map[int]Tally{t.Prompts, t.Episodes} {
		if table == nil {
			b = binary.AppendVarint(b, -1)
			continue
		}
		b = binary.AppendVarint(b, int64(len(table)))
		for _, id := range slices.Sorted(maps.Keys(table)) {
			b = binary.AppendVarint(b, int64(id))
			b = binary.AppendVarint(b, table[id].Tokens)
			b = binary.AppendVarint(b, table[id].Responses)
		}
	}
	return b, nil
}

// UnmarshalBinary decodes what MarshalBinary wrote.
func (t *Totals) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != totalsVersion {
		return errTotalsEncoding
	}
	r := varints{b: b[1:]}
	u := Totals{Tokens: r.next(), Responses: r.next(), AllResponses: r.next()}
	for _, table := range []*map[int]Tally{&u.Prompts, &u.Episodes} {
		n := r.next()
		if n < 0 {
			continue
		}
		*table = map[int]Tally{}
		for ; n > 0 && !r.bad; n-- {
			id := int(r.next())
			(*table)[id] = Tally{r.next(), r.next()}
		}
	}
	if r.bad || len(r.b) != 0 {
		return errTotalsEncoding
	}
	*t = u
	return nil
}

// varints reads signed varints until one is bad.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) next() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return x
}

// counts are the Counts of response i with n counted tokens. The step's prompts
// and episodes are those of the tables.
func (t *Totals) counts(n int64, group, episode int) (Counts, error) {
	c := Counts{
		Tokens: t.Tokens, Responses: t.Responses, AllResponses: t.AllResponses, Length: n,
		Prompts: int64(len(t.Prompts)), Episodes: int64(len(t.Episodes)),
	}
	if t.Prompts != nil {
		p, ok := t.Prompts[group]
		if !ok {
			return c, &BatchError{"Totals.Prompts", fmt.Sprintf("prompt %d of the batch is not in the totals", group)}
		}
		c.PromptTokens, c.PromptResponses = p.Tokens, p.Responses
	}
	if t.Episodes != nil {
		e, ok := t.Episodes[episode]
		if !ok {
			return c, &BatchError{"Totals.Episodes", fmt.Sprintf("episode %d of the batch is not in the totals", episode)}
		}
		c.EpisodeTokens = e.Tokens
	}
	return c, nil
}
