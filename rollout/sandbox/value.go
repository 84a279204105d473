package sandbox

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
)

// Kind is the Python type of a Value.
type Kind byte

// Kinds.
const (
	None   Kind = 'N'
	True   Kind = 'T'
	False  Kind = 'F'
	Int    Kind = 'I'
	Float  Kind = 'D'
	String Kind = 'S'
	List   Kind = 'L'
	Tuple  Kind = 'U'
	Dict   Kind = 'M'
	Other  Kind = 'O' // anything else: it equals nothing
)

// Value is a Python value that a function returned, or that is expected of it.
type Value struct {
	Kind  Kind
	Int   *big.Int
	Float float64
	Str   string  // of a String, with surrogates as Python's surrogatepass writes them; of Other, its type's name
	Items []Value // of a List or Tuple; of a Dict key, value, key, value, ...
}

// ErrValue is returned for bytes that are no encoded value: a program can write
// what it likes to the descriptor.
var ErrValue = errors.New("sandbox: malformed value")

// maxDepth bounds nesting, so that decoding and comparing may recurse.
const maxDepth = 1000

// DecodeValue reads Result.Value, which may hold at most so many values, nested ones
// and the keys of a Dict counted: a caller that knows what it expects knows how many
// that has. It fails with ErrValue on more, on anything malformed, and on values
// nested deeper than 1000.
func DecodeValue(data []byte, values int) (Value, error) {
	d := valueDecoder{data, values}
	v, ok := d.value(0)
	if !ok || len(d.data) != 0 {
		return Value{}, ErrValue
	}
	return v, nil
}

type valueDecoder struct {
	data []byte
	left int // values that may still come
}

func (d *valueDecoder) length() (int, bool) {
	if len(d.data) < 4 {
		return 0, false
	}
	n := binary.LittleEndian.Uint32(d.data)
	d.data = d.data[4:]
	return int(n), uint64(n) <= uint64(len(d.data))
}

func (d *valueDecoder) bytes() ([]byte, bool) {
	n, ok := d.length()
	if !ok {
		return nil, false
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b, true
}

func (d *valueDecoder) value(depth int) (v Value, ok bool) {
	if len(d.data) == 0 || depth > maxDepth || d.left <= 0 {
		return v, false
	}
	d.left--
	v.Kind = Kind(d.data[0])
	d.data = d.data[1:]
	switch v.Kind {
	case None, True, False:
		return v, true
	case Float:
		if len(d.data) < 8 {
			return v, false
		}
		v.Float = math.Float64frombits(binary.LittleEndian.Uint64(d.data))
		d.data = d.data[8:]
		return v, true
	case Int:
		b, ok := d.bytes()
		if !ok {
			return v, false
		}
		v.Int, ok = parseHex(b)
		return v, ok
	case String, Other:
		b, ok := d.bytes()
		v.Str = string(b)
		return v, ok
	case List, Tuple, Dict:
		n, ok := d.length()
		if v.Kind == Dict {
			n *= 2
		}
		if !ok || n > d.left {
			return v, false
		}
		for range n {
			item, ok := d.value(depth + 1)
			if !ok {
				return v, false
			}
			v.Items = append(v.Items, item)
		}
		return v, true
	}
	return v, false
}

// parseHex reads what Python's hex writes: -0x1f.
func parseHex(b []byte) (*big.Int, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) < 3 || b[0] != '0' || b[1] != 'x' {
		return nil, false
	}
	for _, c := range b[2:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, false
		}
	}
	n, ok := new(big.Int).SetString(string(b[2:]), 16)
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}
