package atropos

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
)

// A posting is a group as a server keeps it: its JSON, and what the rules of
// batching look at.
type posting struct {
	room []byte // room for what stands before the JSON in a record, and the JSON
	json []byte // a part of room
	size int    // sequences
	env  *int   // nil: of no registered environment
}

// recordRoom is how much stands before the JSON in a record, at most.
const recordRoom = 1 + len(delivery{}) + 2*binary.MaxVarintLen64

// fields of a group; the first three must be there.
var fields = [...]string{
	"tokens", "masks", "scores", "advantages", "ref_logprobs", "messages", "generation_params", "inference_logprobs",
	"overrides", "group_overrides", "images", "env_id", "distill_token_ids", "distill_logprobs",
}

// posting reads one group, checks it as the reference server does, and copies it
// without white space, with every field present and none that is unknown. No number
// is converted: what an environment sends is what a trainer gets, digit for digit.
// The group is about as long as hint.
//
// Beyond the reference server, which would take these and then fail whoever asks for
// a batch: a number that is not finite and a group without sequences are refused.
func (p *parser) posting(hint int64) (posting, error) {
	var g posting
	var spans [len(fields)][2]int // of a field in b, with its key and the comma before
	b := make([]byte, recordRoom, int64(recordRoom)+min(max(hint, 0), 64<<20)+512)
	b = append(b, '{')
	p.object(func(key string) {
		at := slices.Index(fields[:], key)
		if at < 0 {
			p.raw()
			return
		}
		if old := spans[at]; old[1] > 0 { // it counts the last time
			n := old[1] - old[0]
			b = slices.Delete(b, old[0], old[1])
			for i := range spans {
				if spans[i][0] > old[0] {
					spans[i][0] -= n
					spans[i][1] -= n
				}
			}
		}
		start := len(b)
		if start > recordRoom+1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), key...), '"', ':')
		p.field = key
		b = p.copyField(b, at, &g)
		p.field = ""
		spans[at] = [2]int{start, len(b)}
	})
	for i, f := range fields {
		if p.err == nil && spans[i][1] == 0 {
			if i < 3 {
				p.field = f
				p.fail("missing")
			}
			b = append(append(append(b, `,"`...), f...), `":null`...)
		}
	}
	if p.err == nil && g.size == 0 {
		p.field = "tokens"
		p.fail("no sequence")
	}
	if p.err != nil {
		return posting{}, p.err
	}
	if b[recordRoom+1] == ',' { // the first field came twice
		b = slices.Delete(b, recordRoom+1, recordRoom+2)
	}
	g.room = append(b, '}')
	g.json = g.room[recordRoom:]
	return g, nil
}

// copyField appends the value of a field to b.
func (p *parser) copyField(b []byte, at int, g *posting) []byte {
	key := fields[at]
	if at >= 3 && p.null() {
		if key == "env_id" {
			g.env = nil
		}
		return append(b, "null"...)
	}
	object := func(b []byte) []byte {
		raw := p.raw()
		if p.err == nil && (len(raw) == 0 || raw[0] != '{') {
			p.fail("not an object")
		}
		return append(b, raw...)
	}
	switch key {
	case "tokens":
		g.size = 0
		return p.copyList(b, func(b []byte) []byte { g.size++; return p.copyInts(b) })
	case "masks":
		return p.copyList(b, p.copyInts)
	case "scores":
		return p.copyFloats(b)
	case "advantages", "ref_logprobs", "inference_logprobs":
		return p.copyList(b, p.copyFloats)
	case "distill_token_ids":
		return p.copyList(b, func(b []byte) []byte { return p.copyList(b, p.copyInts) })
	case "distill_logprobs":
		return p.copyList(b, func(b []byte) []byte { return p.copyList(b, p.copyFloats) })
	case "messages":
		raw := p.raw()
		p.messages(raw)
		return append(b, raw...)
	case "generation_params", "group_overrides":
		return object(b)
	case "overrides":
		return p.copyList(b, object)
	case "env_id":
		id := int(p.int())
		g.env = &id
		return strconv.AppendInt(b, int64(id), 10)
	}
	raw := p.raw() // images
	if raw == nil {
		return append(b, "null"...)
	}
	return append(b, raw...)
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
	return p.copyNumbers(dst, false, func(dst []byte) []byte { return strconv.AppendInt(dst, int64(p.int()), 10) })
}

// copyFloats copies an array of numbers.
func (p *parser) copyFloats(dst []byte) []byte { return p.copyNumbers(dst, true, p.copyFloat) }

// copyNumbers copies an array. Plain numbers are copied together, as far as the window
// goes, with their commas; anything else is one's business, a number at a time.
func (p *parser) copyNumbers(dst []byte, fractions bool, one func(dst []byte) []byte) []byte {
	dst = append(dst, '[')
	if !p.expect('[') {
		return dst
	}
	if p.peek() == ']' {
		p.pos++
		return append(dst, ']')
	}
	for {
		p.peek() // past white space
		p.need()
		if next, closed := plainNumbers(p.buf[:p.end], p.pos, fractions); next > p.pos {
			dst = append(dst, p.buf[p.pos:next]...)
			p.pos = next
			if closed {
				return dst
			}
			continue
		}
		dst = one(dst)
		if p.err != nil || !p.more(']') {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

// plainNumbers returns where the numbers end that begin at i, with a comma after each,
// or a bracket after the last one, which closes the array: [-]digits of JSON, at most
// 18, and with fractions up to 40 behind a point, which can be neither too large nor
// something else.
func plainNumbers(b []byte, i int, fractions bool) (next int, closed bool) {
	for {
		k := i
		if k < len(b) && b[k] == '-' {
			k++
		}
		start := k
		for k < len(b) && b[k]-'0' < 10 {
			k++
		}
		if n := k - start; n == 0 || n > 18 || n > 1 && b[start] == '0' {
			return i, false
		}
		if fractions && k < len(b) && b[k] == '.' {
			k++
			point := k
			for k < len(b) && b[k]-'0' < 10 {
				k++
			}
			if n := k - point; n == 0 || n > 40 {
				return i, false
			}
		}
		if k == len(b) {
			return i, false
		}
		switch b[k] {
		case ',':
			i = k + 1
		case ']':
			return k + 1, true
		default:
			return i, false
		}
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
