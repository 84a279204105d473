// Package exact adds float64 values without rounding, so that a sum does not
// depend on the order of its terms nor on how they were split.
package exact

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

const (
	// One unit is 2^-1074, the smallest subnormal. The largest float64 has its
	// top bit at 2097 units; 68 digits of 32 bits leave room for 2^78 terms.
	digits = 68

	// An add changes two digits by less than 2^53, and a digit below 2^32 stays
	// inside an int64 for this many adds.
	maxAdds = 1000
)

// Sum is an exact sum of finite float64 values: R. M. Neal's small
// superaccumulator ("Fast exact summation using small and large
// superaccumulators", arXiv 1505.05571). The value is sum_i digit[i] 2^(32 i)
// units. The zero value is 0.
type Sum struct {
	digit [digits]int64
	adds  int // since the last carry
}

// Add adds x, which must be finite: the caller checks.
func (s *Sum) Add(x float64) {
	b := math.Float64bits(x)
	e := uint(b>>52) & 0x7ff
	m := int64(b & (1<<52 - 1))
	if e != 0 {
		m |= 1 << 52
		e--
	}
	i, shift := e>>5, e&31
	low := (m << shift) & (1<<32 - 1)
	high := m >> (32 - shift)
	if int64(b) < 0 {
		low, high = -low, -high
	}
	s.digit[i] += low
	s.digit[i+1] += high
	if s.adds++; s.adds >= maxAdds {
		s.carry()
	}
}

// Merge adds u to s.
func (s *Sum) Merge(u *Sum) {
	v := *u
	v.carry()
	s.carry()
	for i := range s.digit {
		s.digit[i] += v.digit[i]
	}
	s.adds = 1
}

// carry brings every digit but the last into [0, 2^32): the canonical form, the
// same for equal values. The last digit has the sign.
func (s *Sum) carry() {
	if s.adds == 0 {
		return
	}
	var c int64
	for i := range digits - 1 {
		d := s.digit[i] + c
		c = d >> 32
		s.digit[i] = d & (1<<32 - 1)
	}
	s.digit[digits-1] += c
	s.adds = 0
}

// Value returns the sum rounded once, to nearest even; ±Inf beyond the range.
func (s *Sum) Value() float64 {
	v := *s
	v.carry()
	negative := v.digit[digits-1] < 0
	if negative {
		for i := range v.digit {
			v.digit[i] = -v.digit[i]
		}
		v.adds = 1
		v.carry()
	}
	top := digits - 1
	for top >= 0 && v.digit[top] == 0 {
		top--
	}
	if top < 0 {
		return 0
	}
	digit := func(i int) uint64 {
		if i < 0 {
			return 0
		}
		return uint64(v.digit[i])
	}
	// The leading bit, in units; then 64 bits from it on, the rest sticky.
	lead := 32*top + bits.Len64(digit(top)) - 1
	var x float64
	if lead <= 52 {
		x = math.Float64frombits(digit(1)<<32 | digit(0))
	} else {
		n := uint(bits.Len64(digit(top))) // 1..32 but for an absurd last digit
		if n > 32 {
			return math.Inf(map[bool]int{false: 1, true: -1}[negative])
		}
		window := digit(top)<<(64-n) | digit(top-1)<<(32-n) | digit(top-2)>>n
		sticky := digit(top-2)&(1<<n-1) != 0
		for i := top - 3; i >= 0 && !sticky; i-- {
			sticky = v.digit[i] != 0
		}
		mantissa, rest := window>>11, window&(1<<11-1)
		if half := uint64(1 << 10); rest > half || rest == half && (sticky || mantissa&1 == 1) {
			mantissa++
		}
		// mantissa includes the leading bit; a carry out of it moves the exponent by itself.
		b := uint64(lead-52)<<52 + mantissa
		if b >= 0x7ff<<52 {
			b = 0x7ff << 52
		}
		x = math.Float64frombits(b)
	}
	if negative {
		x = -x
	}
	return x
}

// AppendBinary appends the canonical form: equal values give equal bytes.
func (s *Sum) AppendBinary(b []byte) ([]byte, error) {
	v := *s
	v.carry()
	first, last := 0, digits
	for first < digits && v.digit[first] == 0 {
		first++
	}
	for last > first && v.digit[last-1] == 0 {
		last--
	}
	b = append(b, byte(first), byte(last-first))
	for _, d := range v.digit[first:last] {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	return b, nil
}

var errEncoding = errors.New("exact: not the encoding of a sum")

// ConsumeBinary sets s from the front of b and returns the rest.
func (s *Sum) ConsumeBinary(b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, errEncoding
	}
	first, n := int(b[0]), int(b[1])
	b = b[2:]
	if first+n > digits || len(b) < 8*n {
		return nil, errEncoding
	}
	*s = Sum{}
	for i := range n {
		d := int64(binary.LittleEndian.Uint64(b[8*i:]))
		if first+i < digits-1 && d>>32 != 0 {
			return nil, errEncoding
		}
		s.digit[first+i] = d
	}
	return b[8*n:], nil
}
