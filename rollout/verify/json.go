package verify

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

var errJSON = errors.New("expected output is not one JSON value")

// parseJSON reads what Python's json.loads reads, with its types: 1 is an int and 1.0
// a float, NaN and Infinity are numbers, half a surrogate pair is a character, the
// last of equal keys counts.
func parseJSON(text string) (sandbox.Value, error) {
	p := jsonParser{text}
	v, ok := p.value(0)
	if p.space(); !ok || p.s != "" {
		return v, errJSON
	}
	return v, nil
}

type jsonParser struct{ s string }

func (p *jsonParser) space() { p.s = strings.TrimLeft(p.s, " \t\n\r") }

func (p *jsonParser) eat(token string) (ok bool) {
	p.s, ok = strings.CutPrefix(p.s, token)
	return ok
}

func (p *jsonParser) value(depth int) (v sandbox.Value, ok bool) {
	p.space()
	switch {
	case p.s == "" || depth > 1000:
		return v, false
	case p.eat("null"):
		return sandbox.Value{Kind: sandbox.None}, true
	case p.eat("true"):
		return sandbox.Value{Kind: sandbox.True}, true
	case p.eat("false"):
		return sandbox.Value{Kind: sandbox.False}, true
	case p.eat("NaN"):
		return sandbox.Value{Kind: sandbox.Float, Float: math.NaN()}, true
	case p.eat("Infinity"):
		return sandbox.Value{Kind: sandbox.Float, Float: math.Inf(1)}, true
	case p.eat("-Infinity"):
		return sandbox.Value{Kind: sandbox.Float, Float: math.Inf(-1)}, true
	case p.eat(`"`):
		return p.string()
	case p.eat("["):
		return p.list(depth)
	case p.eat("{"):
		return p.dict(depth)
	}
	return p.number()
}

func (p *jsonParser) list(depth int) (v sandbox.Value, ok bool) {
	v.Kind = sandbox.List
	if p.space(); p.eat("]") {
		return v, true
	}
	for {
		item, ok := p.value(depth + 1)
		if !ok {
			return v, false
		}
		v.Items = append(v.Items, item)
		p.space()
		if p.eat("]") {
			return v, true
		}
		if !p.eat(",") {
			return v, false
		}
	}
}

func (p *jsonParser) dict(depth int) (v sandbox.Value, ok bool) {
	v.Kind = sandbox.Dict
	if p.space(); p.eat("}") {
		return v, true
	}
	at := make(map[string]int)
	for {
		if p.space(); !p.eat(`"`) {
			return v, false
		}
		key, ok := p.string()
		if !ok {
			return v, false
		}
		if p.space(); !p.eat(":") {
			return v, false
		}
		item, ok := p.value(depth + 1)
		if !ok {
			return v, false
		}
		if i, twice := at[key.Str]; twice {
			v.Items[i] = item
		} else {
			v.Items = append(v.Items, key, item)
			at[key.Str] = len(v.Items) - 1
		}
		p.space()
		if p.eat("}") {
			return v, true
		}
		if !p.eat(",") {
			return v, false
		}
	}
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?
func (p *jsonParser) number() (v sandbox.Value, ok bool) {
	s := p.s
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return v, false
	}
	whole := i
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			i = whole
		}
	}
	end := i
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		if !digits() {
			i = end
		}
	}
	text := s[:i]
	p.s = s[i:]
	if i == whole {
		v.Kind = sandbox.Int
		v.Int, ok = new(big.Int).SetString(text, 10)
		return v, ok
	}
	v.Kind = sandbox.Float
	f, err := strconv.ParseFloat(text, 64)
	v.Float = f // out of range is an infinity or 0, as in Python
	return v, err == nil || errors.Is(err, strconv.ErrRange)
}

// string reads the rest of a string, its first quote eaten.
func (p *jsonParser) string() (v sandbox.Value, ok bool) {
	v.Kind = sandbox.String
	var b []byte
	for {
		i := strings.IndexFunc(p.s, func(r rune) bool { return r == '"' || r == '\\' || r < 0x20 })
		if i < 0 || p.s[i] < 0x20 {
			return v, false
		}
		b = append(b, p.s[:i]...)
		quote := p.s[i] == '"'
		p.s = p.s[i+1:]
		if quote {
			v.Str = string(b)
			return v, true
		}
		if p.s == "" {
			return v, false
		}
		c := p.s[0]
		p.s = p.s[1:]
		if c == 'u' {
			r, ok := p.hex()
			if !ok {
				return v, false
			}
			if utf16.IsSurrogate(r) && strings.HasPrefix(p.s, `\u`) {
				rest := p.s
				p.s = p.s[2:]
				low, ok := p.hex()
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r = pair
				} else {
					p.s = rest
				}
			}
			b = appendRune(b, r)
			continue
		}
		at := strings.IndexByte(`"\/bfnrt`, c)
		if at < 0 {
			return v, false
		}
		b = append(b, "\"\\/\b\f\n\r\t"[at])
	}
}

func (p *jsonParser) hex() (rune, bool) {
	if len(p.s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[:4], 16, 16)
	p.s = p.s[4:]
	return rune(n), err == nil
}

// appendRune writes r as UTF-8, half a surrogate pair as surrogatepass does.
func appendRune(b []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(b, r)
}
