package logprob

import (
	"math"

	"github.com/grouprl/grouprl/internal/simd"
)

// power is what 2^(d c) needs, for d = x - reference and c = log2(e)/T. The assembly
// reads it, and what follows it in forwardState and backwardState, by place: the
// constants of _generate. Sixteen equal numbers stand where a vector is read.
type power struct {
	scale, scaleLow [16]float32 // c in two parts
	low             [16]float32 // d below it is lifted to it: its power is 0
}

func newPower(temperature float64) (p power) {
	c := math.Log2E / temperature
	high := float32(c)
	fill(&p.scale, high)
	fill(&p.scaleLow, float32(c-float64(high)))
	fill(&p.low, float32(-127/c))
	return p
}

// needsLow says that c in one part would be felt: at T = 1 it is off by 1.3e-8, which
// comes to 2e-7 for the logits that matter; at most temperatures by more.
func (p *power) needsLow() bool {
	return math.Abs(float64(p.scaleLow[0])) > 1.4e-8*float64(p.scale[0])
}

func fill(v *[16]float32, x float32) {
	for i := range v {
		v[i] = x
	}
}

// forwardState is what the forward kernels read and write.
type forwardState struct {
	power
	sum, weighted, squares [16]float64 // of e, e d and e^2 with e = 2^(d c); their totals count
	top                    [16]float32 // where a kernel stopped: its maximum is the largest logit so far
	reference, limit       float32
}

// setReference makes m the reference; a kernel stops at a logit that is more than two
// nats above it, because the entropy is a difference of numbers of that size.
func (k *forwardState) setReference(m float32, temperature float64) {
	k.reference, k.limit = m, m+float32(2*temperature)
	fill(&k.top, m) // a kernel with eight lanes leaves the others
}

// backwardState is what the backward kernels read and write.
type backwardState struct {
	power
	high                       [16]float32 // d above it is lowered to it: such a logit does not belong to the row's lse
	total                      [16]float32 // sum of e, over the lanes
	reference, constant, slope float32     // dlogits = e (constant + slope d)
}

// A kernel works on multiples of pad elements; goBlock is what plain Go takes at once.
const pad, goBlock = 64, 512

// exp2 is 2^y for y in [-1023, 1023], and 0 at -1023: the kernels' polynomial, in
// float64, where plain Go loses no time by it and needs no care with rounding.
func exp2(y float64) float64 {
	const magic = 0x1.8p52 + 1023 // adding it rounds to an integer n and leaves n + 1023 in the low bits
	t := y + magic
	f := y - (t - magic)
	p := 0x1.4c11ecp-13*f + 0x1.5fb7dep-10
	p = p*f + 0x1.3b218cp-7
	p = p*f + 0x1.c6adbp-5
	p = p*f + 0x1.ebfbe6p-3
	p = p*f + 0x1.62e432p-1
	p = p*f + 1
	return p * math.Float64frombits(math.Float64bits(t)<<52)
}

// forwardGo adds a block's sums to k until a block has a logit above k.limit, and
// returns how many elements it has counted.
func forwardGo(x []float32, k *forwardState) (done int) {
	k.sum, k.weighted, k.squares = [16]float64{}, [16]float64{}, [16]float64{}
	c := float64(k.scale[0]) + float64(k.scaleLow[0])
	low, reference, top := -1023/c, float64(k.reference), k.reference
	for done < len(x) {
		block := x[done:min(done+goBlock, len(x))]
		var sum, weighted, squares float64
		for _, v := range block {
			if v > top {
				top = v
			}
			d := float64(v) - reference
			if d < low {
				d = low
			}
			e := exp2(d * c)
			sum += e
			weighted += e * d
			squares += e * e
		}
		if top > k.limit {
			fill(&k.top, top)
			return done
		}
		k.sum[0] += sum
		k.weighted[0] += weighted
		k.squares[0] += squares
		done += len(block)
	}
	return done
}

// backwardGo writes dst = e (constant + slope d). dst may be x.
func backwardGo(dst, x []float32, k *backwardState) {
	c := float64(k.scale[0]) + float64(k.scaleLow[0])
	low, high, reference := -1023/c, float64(k.high[0]), float64(k.reference)
	constant, slope := float64(k.constant), float64(k.slope)
	var total float64
	dst = dst[:len(x)]
	for i, v := range x {
		d := float64(v) - reference
		if d < low {
			d = low
		}
		if d > high {
			d = high
		}
		e := exp2(d * c)
		total += e
		dst[i] = float32(e * (constant + slope*d))
	}
	k.total = [16]float32{float32(total)}
}

// scaleGo multiplies in place.
func scaleGo(x []float32, factor float32) {
	for i := range x {
		x[i] *= factor
	}
}

// forwardPlain is forwardGo for any element.
func forwardPlain[E Element](x []E, k *forwardState) int {
	if x, ok := any(x).([]float32); ok {
		return forwardGo(x, k)
	}
	var buffer [goBlock]float32
	var sum, weighted, squares float64
	done := 0
	for done < len(x) {
		block := x[done:min(done+goBlock, len(x))]
		decodeAll(buffer[:], block)
		if forwardGo(buffer[:len(block)], k) < len(block) {
			break
		}
		sum += k.sum[0]
		weighted += k.weighted[0]
		squares += k.squares[0]
		done += len(block)
	}
	k.sum[0], k.weighted[0], k.squares[0] = sum, weighted, squares
	return done
}

// backwardPlain is backwardGo for any element.
func backwardPlain[E Element](dst, x []E, k *backwardState) {
	if x, ok := any(x).([]float32); ok {
		backwardGo(any(dst).([]float32), x, k)
		return
	}
	var buffer [goBlock]float32
	var total float32
	for i := 0; i < len(x); i += goBlock {
		n := min(goBlock, len(x)-i)
		decodeAll(buffer[:], x[i:i+n])
		backwardGo(buffer[:n], buffer[:n], k)
		total += k.total[0]
		encodeAll(dst[i:i+n], buffer[:])
	}
	k.total[0] = total
}

// tier is the kernels in use; tests set it.
var tier = simd.Chosen
