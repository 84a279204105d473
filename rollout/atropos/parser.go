package atropos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// JSONError is text that is not what should stand there.
type JSONError struct {
	Offset int64  // in the body
	Field  string // of a group; "": none
	Why    string
}

func (e *JSONError) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("atropos: byte %d, %s: %s", e.Offset, e.Field, e.Why)
	}
	return fmt.Sprintf("atropos: byte %d: %s", e.Offset, e.Why)
}

// A parser reads JSON from a stream, a window of it in memory at a time. It knows
// the few shapes that weigh something, arrays of arrays of numbers, and hands the
// rest to encoding/json. Its first error ends it.
//
// Numbers are taken as the reference server takes them: 5.0 and "5" are integers
// too, and so is true.
type parser struct {
	r        io.Reader
	buf      []byte
	pos, end int
	before   int64 // bytes of the stream before buf
	eof      bool
	field    string
	err      error
}

// lookahead is how much is in the window when a number is looked at.
const lookahead = 512

func newParser(r io.Reader) *parser { return &parser{r: r, buf: make([]byte, 64<<10)} }

func (p *parser) fill() {
	if p.pos > 0 {
		copy(p.buf, p.buf[p.pos:p.end])
		p.before += int64(p.pos)
		p.end -= p.pos
		p.pos = 0
	}
	for range 100 {
		n, err := p.r.Read(p.buf[p.end:])
		p.end += n
		if err != nil {
			p.eof = true
			if !errors.Is(err, io.EOF) && p.err == nil {
				p.err = err
			}
			return
		}
		if n > 0 && p.end >= lookahead {
			return
		}
	}
}

// need sees to it that the window holds what is looked at next.
func (p *parser) need() {
	for p.end-p.pos < lookahead && !p.eof {
		p.fill()
	}
}

func (p *parser) fail(format string, a ...any) {
	if p.err == nil {
		p.err = &JSONError{Offset: p.before + int64(p.pos), Field: p.field, Why: fmt.Sprintf(format, a...)}
	}
	p.pos, p.end, p.eof = 0, 0, true
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	for {
		for p.pos < p.end {
			switch c := p.buf[p.pos]; c {
			case ' ', '\n', '\t', '\r':
				p.pos++
			default:
				return c
			}
		}
		if p.eof {
			return 0
		}
		p.fill()
	}
}

func (p *parser) expect(c byte) bool {
	if got := p.peek(); got != c {
		switch {
		case p.eof && p.pos == p.end:
			p.fail("it ends where %q should stand", c)
		default:
			p.fail("%q where %q should stand", got, c)
		}
		return false
	}
	p.pos++
	return true
}

// more is called after an element: true if another follows, false after the closing
// bracket.
func (p *parser) more(closing byte) bool {
	switch p.peek() {
	case ',':
		p.pos++
		return true
	case closing:
		p.pos++
		return false
	}
	p.fail("neither a comma nor %q", closing)
	return false
}

// null consumes null if it stands there.
func (p *parser) null() bool {
	if p.peek() != 'n' {
		return false
	}
	return p.word("null")
}

func (p *parser) word(s string) bool {
	p.need()
	if p.err != nil || p.end-p.pos < len(s) || string(p.buf[p.pos:p.pos+len(s)]) != s {
		p.fail("not a value")
		return false
	}
	p.pos += len(s)
	return true
}

// list calls element for each element of an array.
func (p *parser) list(element func()) {
	if !p.expect('[') {
		return
	}
	if p.peek() == ']' {
		p.pos++
		return
	}
	for p.err == nil {
		element()
		if p.err != nil || !p.more(']') {
			return
		}
	}
}

// object calls value for each key of an object; value must consume what the key has.
func (p *parser) object(value func(key string)) {
	if !p.expect('{') {
		return
	}
	if p.peek() == '}' {
		p.pos++
		return
	}
	for p.err == nil {
		if p.peek() != '"' {
			p.fail("no key")
			return
		}
		var key string
		if err := json.Unmarshal(p.value(nil), &key); err != nil {
			p.fail("not a key")
		}
		if p.err != nil || !p.expect(':') {
			return
		}
		value(key)
		if p.err != nil || !p.more('}') {
			return
		}
	}
}

// value appends the next value's text to dst. That it is JSON is the caller's to
// check: only brackets and quotes are matched.
func (p *parser) value(dst []byte) []byte {
	p.peek()
	depth, quoted, escaped := 0, false, false
	for {
		start := p.pos
		for p.pos < p.end {
			c := p.buf[p.pos]
			switch {
			case escaped:
				escaped = false
			case quoted:
				switch c {
				case '\\':
					escaped = true
				case '"':
					quoted = false
					if depth == 0 {
						p.pos++
						return append(dst, p.buf[start:p.pos]...)
					}
				}
			case c == '"':
				quoted = true
			case c == '[' || c == '{':
				depth++
			case c == ',' && depth == 0, (c == ']' || c == '}') && depth == 0:
				return append(dst, p.buf[start:p.pos]...)
			case c == ']' || c == '}':
				depth--
				if depth == 0 {
					p.pos++
					return append(dst, p.buf[start:p.pos]...)
				}
			}
			p.pos++
		}
		dst = append(dst, p.buf[start:p.pos]...)
		if p.eof {
			if depth > 0 || quoted {
				p.fail("it ends within a value")
			}
			return dst
		}
		p.fill()
	}
}

// raw is a value that is checked to be JSON, without white space between its parts.
func (p *parser) raw() json.RawMessage {
	b := p.value(nil)
	if p.err != nil {
		return nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		p.fail("%v", err)
		return nil
	}
	if out.String() == "null" {
		return nil
	}
	return out.Bytes()
}

// decode hands a value to encoding/json, numbers as they are written.
func (p *parser) decode(v any) {
	b := p.value(nil)
	if p.err != nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		p.fail("%v", err)
		return
	}
	if _, err := d.Token(); err != io.EOF {
		p.fail("more than one value")
	}
}

// number returns the text of the next number, good until the window moves, and where
// it may stand for one, of a string or a boolean.
func (p *parser) number() []byte {
	c := p.peek()
	p.need()
	switch c {
	case '"':
		b := p.value(nil)
		if p.err != nil {
			return nil
		}
		return bytes.TrimSpace(b[1 : len(b)-1])
	case 't':
		p.word("true")
		return []byte("1")
	case 'f':
		p.word("false")
		return []byte("0")
	}
	i := p.pos
	for i < p.end && numeric[p.buf[i]] {
		i++
	}
	if i == p.pos {
		p.fail("not a number")
		return nil
	}
	if i-p.pos >= lookahead {
		p.fail("a number of more than %d digits", lookahead)
		return nil
	}
	b := p.buf[p.pos:i]
	p.pos = i
	return b
}

var numeric = [256]bool{
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'+': true, '-': true, '.': true, 'e': true, 'E': true,
}

// isNumber is JSON's grammar of numbers.
func isNumber(b []byte) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	if !digits() || b[start] == '0' && i > start+1 {
		return false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(b)
}

func (p *parser) float(bits int) float64 {
	b := p.number()
	if p.err != nil {
		return 0
	}
	if !isNumber(b) {
		p.fail("%q is not a number", b)
		return 0
	}
	f, err := strconv.ParseFloat(string(b), bits)
	if err != nil {
		p.fail("%q: too large", b)
		return 0
	}
	return f
}

// int is an integer that fits into 32 bits, in whatever way it is written.
func (p *parser) int() int32 {
	b := p.number()
	if p.err != nil {
		return 0
	}
	if v, err := strconv.ParseInt(string(b), 10, 32); err == nil && isNumber(b) {
		return int32(v)
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !isNumber(b) || f != math.Trunc(f) {
		p.fail("%q is not an integer", b)
		return 0
	}
	if f < math.MinInt32 || f > math.MaxInt32 {
		p.fail("%q does not fit into 32 bits", b)
		return 0
	}
	return int32(f)
}

// ints appends an array of integers to dst.
func (p *parser) ints(dst []int32) []int32 {
	if !p.expect('[') {
		return dst
	}
	if p.peek() == ']' {
		p.pos++
		return dst
	}
	for {
		p.need()
		// The common case, digits and a comma, in one go.
		b, i := p.buf[:p.end], p.pos
		for i < len(b) && (b[i] == ' ' || b[i] == '\n') {
			i++
		}
		negative := i < len(b) && b[i] == '-'
		if negative {
			i++
		}
		v, start := int32(0), i
		for i < len(b) && i < start+9 && '0' <= b[i] && b[i] <= '9' {
			v = 10*v + int32(b[i]-'0')
			i++
		}
		if i < len(b) && i > start && (b[start] != '0' || i == start+1) && (b[i] == ',' || b[i] == ']') {
			if negative {
				v = -v
			}
			dst = append(dst, v)
			p.pos = i + 1
			if b[i] == ']' {
				return dst
			}
			continue
		}
		dst = append(dst, p.int())
		if p.err != nil || !p.more(']') {
			return dst
		}
	}
}

// float32s appends an array of numbers to dst, each the nearest float32.
func (p *parser) float32s(dst []float32) []float32 {
	if !p.expect('[') {
		return dst
	}
	if p.peek() == ']' {
		p.pos++
		return dst
	}
	for {
		p.need()
		// The common case in one go: [-]digits.digits and a comma.
		b, i := p.buf[:p.end], p.pos
		for i < len(b) && (b[i] == ' ' || b[i] == '\n') {
			i++
		}
		start := i
		for i < len(b) && numeric[b[i]] {
			i++
		}
		if i < len(b) && i > start && (b[i] == ',' || b[i] == ']') {
			text := b[start:i]
			if len(text) == 3 && string(text) == "1.0" {
				dst = append(dst, 1)
			} else {
				f, err := strconv.ParseFloat(string(text), 32)
				if err != nil || !isNumber(text) {
					p.fail("%q is not a number of 32 bits", text)
					return dst
				}
				dst = append(dst, float32(f))
			}
			p.pos = i + 1
			if b[i] == ']' {
				return dst
			}
			continue
		}
		dst = append(dst, float32(p.float(32)))
		if p.err != nil || !p.more(']') {
			return dst
		}
	}
}

func (p *parser) floats(dst []float64) []float64 {
	p.list(func() { dst = append(dst, p.float(64)) })
	return dst
}

// rows reads an array of arrays, or null, which is nil. Rows of one group are about
// as long as each other.
func rows[T any](p *parser, row func(dst []T) []T) [][]T {
	if p.null() {
		return nil
	}
	all := [][]T{}
	p.list(func() {
		guess := 0
		if n := len(all); n > 0 {
			guess = min(len(all[n-1])+len(all[n-1])/8, 1<<16)
		}
		all = append(all, row(make([]T, 0, guess)))
	})
	return all
}

// scored reads one group. A key that comes twice counts the last time; unknown ones
// are skipped.
func (p *parser) scored(d *ScoredData) error {
	have := map[string]bool{}
	p.object(func(key string) {
		p.field = key
		have[key] = true
		switch key {
		case "tokens":
			d.Tokens = rows(p, p.ints)
		case "masks":
			d.Masks = rows(p, p.ints)
		case "scores":
			d.Scores = p.floats(nil)
		case "advantages":
			d.Advantages = rows(p, p.floats)
		case "ref_logprobs":
			d.RefLogProbs = rows(p, p.float32s)
		case "inference_logprobs":
			d.InferenceLogProbs = rows(p, p.float32s)
		case "messages":
			d.Messages = p.raw()
		case "generation_params":
			d.GenerationParams = nil
			p.decode(&d.GenerationParams)
		case "overrides":
			d.Overrides = nil
			p.decode(&d.Overrides)
		case "group_overrides":
			d.GroupOverrides = nil
			p.decode(&d.GroupOverrides)
		case "images":
			d.Images = p.raw()
		case "env_id":
			d.EnvID = nil
			if !p.null() {
				id := int(p.int())
				d.EnvID = &id
			}
		case "distill_token_ids":
			d.DistillTokenIDs = p.raw()
		case "distill_logprobs":
			d.DistillLogProbs = p.raw()
		default:
			p.raw()
		}
		p.field = ""
	})
	for _, key := range []string{"tokens", "masks", "scores"} {
		if p.err == nil && !have[key] {
			p.field = key
			p.fail("missing")
		}
	}
	return p.err
}

// finish checks that nothing follows.
func (p *parser) finish() error {
	if p.err == nil && p.peek() != 0 {
		p.fail("more than one value")
	}
	return p.err
}
