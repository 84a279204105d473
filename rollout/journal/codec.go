package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/grouprl/grouprl/rollout"
)

// groupVersion changes with the encoding of groups.
const groupVersion = 1

// AppendGroup appends g to dst in the journal's encoding: every bit of tokens,
// log-probabilities, rewards and versions, nil slices apart from empty ones, the
// problem without its tests, and of a lost sample's error its text.
func AppendGroup(dst []byte, g *rollout.Group) ([]byte, error) {
	size := 1 << 10
	for _, c := range g.Completions {
		size += 64 + len(c.Text) + 4*(len(c.Prompt)+len(c.Tokens)+len(c.LogProbs))
	}
	e := encoder{append(slices.Grow(dst, size), groupVersion)}
	p := g.Problem
	for _, s := range []string{p.ID, p.Statement, p.Entry, p.Starter, p.Reference, p.Difficulty, p.Source} {
		e.text(s)
	}
	released, err := p.Released.MarshalBinary()
	if err != nil {
		return dst, fmt.Errorf("journal: problem %q: Released: %w", p.ID, err)
	}
	e.text(string(released))
	e.int(int64(g.Round))

	e.length(len(g.Completions), g.Completions == nil)
	for _, c := range g.Completions {
		e.int(int64(c.Sample))
		e.text(c.Text)
		e.int(int64(c.Finish))
		e.length(len(c.Prompt), c.Prompt == nil)
		for _, t := range c.Prompt {
			e.b = binary.LittleEndian.AppendUint32(e.b, uint32(t))
		}
		e.length(len(c.Tokens), c.Tokens == nil)
		for _, t := range c.Tokens {
			e.b = binary.LittleEndian.AppendUint32(e.b, uint32(t))
		}
		e.length(len(c.LogProbs), c.LogProbs == nil)
		for _, l := range c.LogProbs {
			e.b = binary.LittleEndian.AppendUint32(e.b, math.Float32bits(l))
		}
		e.length(len(c.Versions), c.Versions == nil)
		for i := 0; i < len(c.Versions); { // runs of one version
			n := 1
			for i+n < len(c.Versions) && c.Versions[i+n] == c.Versions[i] {
				n++
			}
			e.int(c.Versions[i])
			e.b = binary.AppendUvarint(e.b, uint64(n))
			i += n
		}
	}
	e.length(len(g.Verdicts), g.Verdicts == nil)
	for i := range g.Verdicts {
		v := &g.Verdicts[i]
		for _, n := range []int64{int64(v.Status), int64(v.Test), int64(v.Passed), int64(v.Ran), int64(v.CPU), int64(v.Wall), v.Memory} {
			e.int(n)
		}
		e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v.Reward))
		e.text(v.Stderr)
	}
	e.length(len(g.Lost), g.Lost == nil)
	for _, l := range g.Lost {
		e.int(int64(l.Sample))
		e.text(l.Stage)
		e.int(int64(l.Attempts))
		text := ""
		if l.Err != nil {
			text = l.Err.Error()
		}
		e.text(text)
	}
	return e.b, nil
}

// ParseGroup reads what AppendGroup wrote. It never panics and allocates no more
// than a small multiple of len(b).
func ParseGroup(b []byte) (*rollout.Group, error) {
	d := decoder{b: b}
	if v := d.byte(); d.err == nil && v != groupVersion {
		return nil, fmt.Errorf("journal: a group in encoding %d, want %d", v, groupVersion)
	}
	p := &rollout.Problem{Tests: noTests}
	for _, s := range []*string{&p.ID, &p.Statement, &p.Entry, &p.Starter, &p.Reference, &p.Difficulty, &p.Source} {
		*s = d.text()
	}
	if released := d.text(); d.err == nil {
		if err := p.Released.UnmarshalBinary([]byte(released)); err != nil {
			d.fail(err)
		}
	}
	g := &rollout.Group{Problem: p, Round: d.int()}

	if n, ok := d.length(8); ok {
		g.Completions = make([]*rollout.Completion, n)
		for i := range g.Completions {
			g.Completions[i] = d.completion()
		}
	}
	if n, ok := d.length(16); ok {
		g.Verdicts = make([]rollout.Verdict, n)
		for i := range g.Verdicts {
			v := &g.Verdicts[i]
			v.Status = rollout.Status(d.int())
			v.Test, v.Passed, v.Ran = d.int(), d.int(), d.int()
			v.CPU, v.Wall, v.Memory = time.Duration(d.int64()), time.Duration(d.int64()), d.int64()
			v.Reward = math.Float64frombits(d.uint64())
			v.Stderr = d.text()
		}
	}
	if n, ok := d.length(4); ok {
		g.Lost = make([]*rollout.SampleError, n)
		for i := range g.Lost {
			l := &rollout.SampleError{Sample: d.int(), Stage: d.text(), Attempts: d.int()}
			if text := d.text(); text != "" {
				l.Err = errors.New(text)
			}
			g.Lost[i] = l
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail(fmt.Errorf("%d bytes too many", len(d.b)))
	}
	if d.err != nil {
		return nil, fmt.Errorf("journal: not a group: %w", d.err)
	}
	return g, nil
}

func noTests(yield func(rollout.Test, error) bool) { yield(rollout.Test{}, ErrTests) }

type encoder struct{ b []byte }

func (e *encoder) int(n int64)   { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) text(s string) { e.b = append(binary.AppendUvarint(e.b, uint64(len(s))), s...) }

// length writes n + 1, or 0 for nil.
func (e *encoder) length(n int, isNil bool) {
	if !isNil {
		n++
	}
	e.b = binary.AppendUvarint(e.b, uint64(n))
}

var errShort = errors.New("it ends early")

// A decoder reads from b until its first error; after it everything is 0.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.fail(errShort)
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) int64() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int {
	v := d.int64()
	if int64(int(v)) != v {
		d.fail(fmt.Errorf("%d does not fit", v))
		return 0
	}
	return int(v)
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return ""
	}
	return string(d.take(int(n)))
}

// length reads what encoder.length wrote; ok is false for nil. Each element takes
// at least size bytes.
func (d *decoder) length(size int) (n int, ok bool) {
	v := d.uvarint()
	if v == 0 {
		return 0, false
	}
	if v-1 > uint64(len(d.b)/size) {
		d.fail(errShort)
		return 0, false
	}
	return int(v - 1), true
}

func (d *decoder) int32s() []int32 {
	n, ok := d.length(4)
	if !ok {
		return nil
	}
	s := make([]int32, n)
	b := d.take(4 * n)
	for i := range s {
		s[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return s
}

func (d *decoder) completion() *rollout.Completion {
	c := &rollout.Completion{Sample: d.int(), Text: d.text(), Finish: rollout.FinishReason(d.int())}
	c.Prompt, c.Tokens = d.int32s(), d.int32s()
	if n, ok := d.length(4); ok {
		c.LogProbs = make([]float32, n)
		b := d.take(4 * n)
		for i := range c.LogProbs {
			c.LogProbs[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	c.Versions = d.versions(len(c.Tokens))
	return c
}

// versions reads runs. There are at most as many versions as tokens, or one.
func (d *decoder) versions(tokens int) []int64 {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	n--
	if n > uint64(max(tokens, 1)) {
		d.fail(fmt.Errorf("%d versions for %d tokens", n, tokens))
		return nil
	}
	s := make([]int64, 0, n)
	for d.err == nil && uint64(len(s)) < n {
		v, run := d.int64(), d.uvarint()
		if run == 0 || run > n-uint64(len(s)) {
			d.fail(errors.New("a run of versions is too long"))
			return nil
		}
		for range run {
			s = append(s, v)
		}
	}
	return s
}
