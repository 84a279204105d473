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
	return p.copyNumbers(dst, plainInt, func(dst []byte) []byte { return strconv.AppendInt(dst, int64(p.int()), 10) })
}

// copyFloats copies an array of numbers.
func (p *parser) copyFloats(dst []byte) []byte { return p.copyNumbers(dst, plainFloat, p.copyFloat) }

// copyNumbers copies an array. What plain knows is copied together, as far as the
// window goes, with its commas; anything else is one's business, a number at a time.
func (p *parser) copyNumbers(dst []byte, plain func(b []byte, i int) int, one func(dst []byte) []byte) []byte {
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
		b, run := p.buf[:p.end], p.pos
		for i := run; ; {
			j := plain(b, i)
			if j == i || j == len(b) || b[j] != ',' && b[j] != ']' {
				break
			}
			i = j + 1
			p.pos = i
			if b[j] == ']' {
				return append(dst, b[run:i]...)
			}
		}
		dst = append(dst, b[run:p.pos]...)
		p.peek() // past white space
		p.need()
		if j := plain(p.buf[:p.end], p.pos); j > p.pos && j < p.end && (p.buf[j] == ',' || p.buf[j] == ']') {
			continue
		}
		dst = one(dst)
		if p.err != nil || !p.more(']') {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

// plainInt returns where an integer of up to 18 digits ends that begins at i, i if
// there is none.
func plainInt(b []byte, i int) int {
	k := i
	if k < len(b) && b[k] == '-' {
		k++
	}
	start := k
	for k < len(b) && k < start+18 && '0' <= b[k] && b[k] <= '9' {
		k++
	}
	if k == start || b[start] == '0' && k > start+1 {
		return i
	}
	return k
}

// plainFloat is plainInt for [-]digits[.digits], which can be neither too large nor
// something else.
func plainFloat(b []byte, i int) int {
	k := i
	if k < len(b) && b[k] == '-' {
		k++
	}
	start, point := k, -1
	for k < len(b) && k < start+40 && ('0' <= b[k] && b[k] <= '9' || b[k] == '.' && point < 0) {
		if b[k] == '.' {
			point = k
		}
		k++
	}
	if k == start || point == start || point == k-1 || b[start] == '0' && k > start+1 && point != start+1 {
		return i
	}
	return k
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
