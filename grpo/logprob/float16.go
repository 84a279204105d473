package logprob

import "math"

// BFloat16 is the upper half of a float32.
type BFloat16 uint16

// Float16 is an IEEE 754 half: 1 sign, 5 exponent and 10 fraction bits.
type Float16 uint16

// Float32 is the same number.
func (b BFloat16) Float32() float32 { return math.Float32frombits(uint32(b) << 16) }

// NewBFloat16 rounds to nearest even.
func NewBFloat16(v float32) BFloat16 {
	bits := math.Float32bits(v)
	if v != v {
		return BFloat16(bits>>16 | 0x40) // quiet, so that its payload cannot become infinity's
	}
	return BFloat16((bits + 0x7fff + bits>>16&1) >> 16)
}

// Float32 is the same number.
func (h Float16) Float32() float32 {
	bits := uint32(h&0x7fff) << 13
	if bits >= 0x0f800000 { // infinity or NaN
		bits |= 0x7f800000
	} else { // 2^112 moves the exponent's bias; exact for subnormal numbers too
		bits = math.Float32bits(math.Float32frombits(bits) * 0x1p112)
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// NewFloat16 rounds to nearest even; beyond 65520 it is an infinity.
func NewFloat16(v float32) Float16 {
	bits := math.Float32bits(v)
	sign, magnitude := Float16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case magnitude > 0x7f800000:
		return sign | 0x7e00
	case magnitude >= 0x477ff000: // 65520, halfway between the largest number and 2^16
		return sign | 0x7c00
	case magnitude < 0x38800000: // 2^-14: a multiple of 2^-24, which adding 0.5 rounds to
		return sign | Float16(math.Float32bits(math.Float32frombits(magnitude)+0.5)-0x3f000000)
	}
	return sign | Float16((magnitude-0x38000000+0xfff+magnitude>>13&1)>>13)
}

// negativeInfinity is a masked logit.
func negativeInfinity[E Element]() E { return encode[E](float32(math.Inf(-1))) }

// decode is one logit as a float32, exactly.
func decode[E Element](x E) float32 {
	switch x := any(x).(type) {
	case BFloat16:
		return x.Float32()
	case Float16:
		return x.Float32()
	case float32:
		return x
	}
	panic("unreachable")
}

// encode rounds to E.
func encode[E Element](v float32) (x E) {
	switch x := any(&x).(type) {
	case *BFloat16:
		*x = NewBFloat16(v)
	case *Float16:
		*x = NewFloat16(v)
	case *float32:
		*x = v
	}
	return x
}

// decodeAll is decode over slices.
func decodeAll[E Element](dst []float32, x []E) {
	dst = dst[:len(x)]
	switch x := any(x).(type) {
	case []BFloat16:
		for i, v := range x {
			dst[i] = v.Float32()
		}
	case []Float16:
		for i, v := range x {
			dst[i] = v.Float32()
		}
	case []float32:
		copy(dst, x)
	}
}

// encodeAll is encode over slices.
func encodeAll[E Element](dst []E, x []float32) {
	x = x[:len(dst)]
	switch dst := any(dst).(type) {
	case []BFloat16:
		for i := range dst {
			dst[i] = NewBFloat16(x[i])
		}
	case []Float16:
		for i := range dst {
			dst[i] = NewFloat16(x[i])
		}
	case []float32:
		copy(dst, x)
	}
}
