package atropos

import (
	"encoding/json"
	"strconv"
)

// A posting is a group as a server keeps it: its JSON, and what the rules of
// batching look at.
type posting struct {
	json []byte
	size int  // sequences
	env  *int // nil: of no registered environment
}

// fields of a group, in the order in which the reference server writes them.
var fields = [...]string{
	"tokens", "masks", "scores", "advantages", "ref_logprobs", "messages", "generation_params", "inference_logprobs",
	"overrides", "group_overrides", "images", "env_id", "distill_token_ids", "distill_logprobs",
}

// posting reads one group, checks it as the reference server does, and copies it
// without white space, with every field present and none that is unknown. No number
// is converted: what an environment sends is what a trainer gets, digit for digit.
//
// Beyond the reference server, which would take these and then fail whoever asks for
// a batch: a number that is not finite and a group without sequences are refused.
func (p *parser) posting() (posting, error) {
	var g posting
	var spans [len(fields)][2]int
	var b []byte
	have := 0 // bits
	p.object(func(key string) {
		at := -1
		for i, f := range fields {
			if f == key {
				at = i
			}
		}
		p.field = key
		start := len(b)
		if at >= 3 && p.null() {
			b = append(b, "null"...)
			if key == "env_id" {
				g.env = nil
			}
		} else {
			switch key {
			case "tokens":
				g.size = 0
				b = p.copyList(b, func(b []byte) []byte { g.size++; return p.copyInts(b) })
			case "masks":
				b = p.copyList(b, p.copyInts)
			case "scores":
				b = p.copyList(b, p.copyFloat)
			case "advantages", "ref_logprobs", "inference_logprobs":
				b = p.copyList(b, p.copyFloats)
			case "distill_token_ids":
				b = p.copyList(b, func(b []byte) []byte { return p.copyList(b, p.copyInts) })
			case "distill_logprobs":
				b = p.copyList(b, func(b []byte) []byte {
					return p.copyList(b, func(b []byte) []byte { return p.copyList(b, p.copyFloat) })
				})
			case "messages":
				raw := p.raw()
				p.messages(raw)
				b = append(b, raw...)
			case "generation_params", "group_overrides":
				raw := p.raw()
				if p.err == nil && (len(raw) == 0 || raw[0] != '{') {
					p.fail("not an object")
				}
				b = append(b, raw...)
			case "overrides":
				b = p.copyList(b, func(b []byte) []byte {
					raw := p.raw()
					if p.err == nil && (len(raw) == 0 || raw[0] != '{') {
						p.fail("not an object")
					}
					return append(b, raw...)
				})
			case "env_id":
				id := int(p.int())
				g.env = &id
				b = strconv.AppendInt(b, int64(id), 10)
			default: // images, and what is unknown
				b = append(b, p.raw()...)
			}
		}
		if at >= 0 {
			have |= 1 << at
			spans[at] = [2]int{start, len(b)}
		} else {
			b = b[:start]
		}
		p.field = ""
	})
	for i := range 3 {
		if p.err == nil && have&(1<<i) == 0 {
			p.field = fields[i]
			p.fail("missing")
		}
	}
	if p.err == nil && g.size == 0 {
		p.field = "tokens"
		p.fail("no sequence")
	}
	if p.err != nil {
		return posting{}, p.err
	}
	g.json = make([]byte, 0, len(b)+256)
	for i, f := range fields {
		g.json = append(g.json, ",{"[btoi(i == 0)], '"')
		g.json = append(append(g.json, f...), '"', ':')
		if have&(1<<i) == 0 || spans[i][0] == spans[i][1] {
			g.json = append(g.json, "null"...)
		} else {
			g.json = append(g.json, b[spans[i][0]:spans[i][1]]...)
		}
	}
	g.json = append(g.json, '}')
	return g, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p *parser) messages(raw json.RawMessage) {
	if p.err != nil {
		return
	}
	var messages [][]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &messages); err != nil {
		p.fail("%v", err)
		return
	}
	for _, list := range messages {
		for _, m := range list {
			if m["role"] == nil || m["content"] == nil {
				p.fail("a message without 'role' or 'content'")
				return
			}
		}
	}
}

func (p *parser) copyList(dst []byte, element func(dst []byte) []byte) []byte {
	dst = append(dst, '[')
	n := 0
	p.list(func() {
		if n > 0 {
			dst = append(dst, ',')
		}
		n++
		dst = element(dst)
	})
	return append(dst, ']')
}

// copyInts copies an array of integers: ints without the conversion.
func (p *parser) copyInts(dst []byte) []byte {
	dst = append(dst, '[')
	if !p.expect('[') {
		return dst
	}
	if p.peek() == ']' {
		p.pos++
		return append(dst, ']')
	}
	for {
		p.need()
		b, i := p.buf[:p.end], p.pos
		for i < len(b) && (b[i] == ' ' || b[i] == '\n') {
			i++
		}
		first := i
		if i < len(b) && b[i] == '-' {
			i++
		}
		start := i
		for i < len(b) && i < start+18 && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		if i < len(b) && i > start && (b[start] != '0' || i == start+1) && (b[i] == ',' || b[i] == ']') {
			dst = append(dst, b[first:i+1]...)
			p.pos = i + 1
			if b[i] == ']' {
				return dst
			}
			continue
		}
		dst = strconv.AppendInt(dst, int64(p.int()), 10)
		if p.err != nil || !p.more(']') {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

// copyFloats copies an array of numbers.
func (p *parser) copyFloats(dst []byte) []byte {
	dst = append(dst, '[')
	if !p.expect('[') {
		return dst
	}
	if p.peek() == ']' {
		p.pos++
		return append(dst, ']')
	}
	for {
		p.need()
		b, i := p.buf[:p.end], p.pos
		for i < len(b) && (b[i] == ' ' || b[i] == '\n') {
			i++
		}
		// [-]digits[.digits], short and without an exponent: what can be neither
		// too large nor something else.
		first := i
		if i < len(b) && b[i] == '-' {
			i++
		}
		start, point := i, -1
		for i < len(b) && i < start+40 && ('0' <= b[i] && b[i] <= '9' || b[i] == '.' && point < 0) {
			if b[i] == '.' {
				point = i
			}
			i++
		}
		digits := i > start && point != start && point != i-1 && (b[start] != '0' || i == start+1 || point == start+1)
		if digits && i < len(b) && (b[i] == ',' || b[i] == ']') {
			dst = append(dst, b[first:i+1]...)
			p.pos = i + 1
			if b[i] == ']' {
				return dst
			}
			continue
		}
		dst = p.copyFloat(dst)
		if p.err != nil || !p.more(']') {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

func (p *parser) copyFloat(dst []byte) []byte {
	b := p.number()
	if p.err != nil {
		return dst
	}
	if !isNumber(b) {
		p.fail("%q is not a number", b)
		return dst
	}
	for _, c := range b {
		if c|0x20 == 'e' || len(b) > 300 {
			if _, err := strconv.ParseFloat(string(b), 64); err != nil {
				p.fail("%q: too large", b)
				return dst
			}
			break
		}
	}
	return append(dst, b...)
}
