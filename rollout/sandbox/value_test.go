package sandbox

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// encodeValue is the child's encoder, in Go.
func encodeValue(b []byte, v Value) []byte {
	b = append(b, byte(v.Kind))
	size := func(n int) { b = binary.LittleEndian.AppendUint32(b, uint32(n)) }
	switch v.Kind {
	case Int:
		text := new(big.Int).Abs(v.Int).Text(16)
		text = map[bool]string{true: "-0x", false: "0x"}[v.Int.Sign() < 0] + text
		size(len(text))
		b = append(b, text...)
	case Float:
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Float))
	case String, Other:
		size(len(v.Str))
		b = append(b, v.Str...)
	case List, Tuple:
		size(len(v.Items))
	case Dict:
		size(len(v.Items) / 2)
	}
	for _, item := range v.Items {
		b = encodeValue(b, item)
	}
	return b
}

func number(n int64) Value { return Value{Kind: Int, Int: big.NewInt(n)} }
func text(s string) Value  { return Value{Kind: String, Str: s} }

var sample = Value{Kind: List, Items: []Value{
	{Kind: None}, {Kind: True}, {Kind: False}, number(16), number(-255), {Kind: Float, Float: 1.5}, text("aé"),
	{Kind: Tuple, Items: []Value{number(1)}}, {Kind: Dict, Items: []Value{text("k"), number(1), number(2), {Kind: List}}}, {Kind: Other, Str: "set"},
}}

func TestDecodeValue(t *testing.T) {
	b := encodeValue(nil, sample)
	v, err := DecodeValue(b, 16)
	require.NoError(t, err)
	require.Equal(t, b, encodeValue(nil, v))
	_, err = DecodeValue(b, 15) // it holds 16 values, and more were not expected
	require.ErrorIs(t, err, ErrValue)
	for i := range b {
		_, err := DecodeValue(b[:i], 16)
		require.ErrorIs(t, err, ErrValue, "cut at %d", i)
	}
	_, err = DecodeValue(append(b, 'N'), 16)
	require.ErrorIs(t, err, ErrValue)

	for _, bad := range []string{"", "X", "L\xff\xff\xff\xff", "M\xff\xff\xff\xffN", "S\x05\x00\x00\x00ab", "I\x02\x00\x00\x000x", "I\x04\x00\x00\x000x_1",
		"I\x04\x00\x00\x00+0x1", "I\x03\x00\x00\x000xG", "D1234567"} {
		_, err := DecodeValue([]byte(bad), 1<<30)
		require.ErrorIs(t, err, ErrValue, "%q", bad)
	}
	var deep []byte
	for range 100000 {
		deep = append(deep, "L\x01\x00\x00\x00"...)
	}
	_, err = DecodeValue(append(deep, 'N'), 1<<30)
	require.ErrorIs(t, err, ErrValue)
}

// Whatever the bytes, decoding fails or gives what encodes to the same bytes, but for
// integers with leading zeros and the sign of zero.
func FuzzDecodeValue(f *testing.F) {
	f.Add(encodeValue(nil, sample))
	f.Add([]byte("L\xff\xff\xff\xff"))
	f.Add([]byte("I\x04\x00\x00\x00-0x1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeValue(b, 1000)
		if err != nil {
			require.ErrorIs(t, err, ErrValue)
			return
		}
		again, err := DecodeValue(encodeValue(nil, v), 1000)
		require.NoError(t, err)
		require.Equal(t, encodeValue(nil, v), encodeValue(nil, again))
	})
}
