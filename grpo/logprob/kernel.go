package logprob

import (
	"math"

	"github.com/grouprl/grouprl/internal/simd"
)

// power is what the powers exp((x - reference)/T) = 2^(u + u rest) need, for
// u = x scale + shift, rounded once: scale is c = log2(e)/T to float32, and scale (1 +
// rest) is c to more. The assembly reads it, and what follows it in forwardState and
// backwardState, by place: the constants of _generate. Sixteen equal numbers stand where
// a vector is read.
type power struct {
	scale, rest [16]float32
}

// newPower leaves a rest of 0 where it would not be felt: at T = 1 it is 1.3e-8, which
// comes to 2e-7 for the logits that matter; at most temperatures it is more.
func newPower(temperature float64) (p power) {
	c := math.Log2E / temperature
	high := float32(c)
	fill(&p.scale, high)
	if rest := float32((c - float64(high)) / float64(high)); math.Abs(float64(rest)) > 1.4e-8 {
		fill(&p.rest, rest)
	}
	return p
}

func (p *power) hasRest() bool { return p.rest[0] != 0 }

func fill(v *[16]float32, x float32) {
	for i := range v {
		v[i] = x
	}
}

// A reference is the x whose power is 1: -shift/scale. Where shift is too large for a
// float32, plain Go runs, which needs none.
type reference struct {
	at    float64
	plain bool
}

// shiftTo makes the reference, which is next to x, and returns the shift.
func (p *power) shiftTo(x float64) (shift float32, r reference) {
	scale := float64(p.scale[0])
	shift = -float32(x * scale)
	if math.IsInf(float64(shift), 0) {
		return shift, reference{x, true}
	}
	return shift, reference{-float64(shift) / scale, false}
}

// above is how many nats a logit may be above the reference, in plain Go and with AVX2.
// The entropy is a difference of numbers of that size. With AVX-512 the sum of 32 powers
// may be 33, so that one of them may be 3.5 nats above it.
const above = 2

// highest is the largest u of a backward pass, two nats.
const highest = 2 * math.Log2E

// forwardState is what the forward kernels read and write.
type forwardState struct {
	power
	sum, weighted, squares [8]float64       // of e, e u and e^2 with e the powers; their totals count
	shift, limit           float32          // where each logit is looked at, a kernel stops at one above limit
	saved                  [goBlock]float32 // logits of a block, which keepKernel puts back where it stops

	reference reference
	largest   float32 // logit when the reference was made
	masked    bool    // there are logits of -Inf, or none that is a number
	spoilt    bool    // there is a NaN, or +Inf
}

// setReference makes m the reference, or a number next to it.
func (k *forwardState) setReference(m float32, temperature float64) {
	k.shift, k.reference = k.shiftTo(float64(m))
	k.limit = m + float32(above*temperature)
	k.largest, k.spoilt = m, math.IsInf(float64(m), 1)
}

// goOn prepares for x, before the first block of which a kernel has stopped.
func goOn[E Element](k *forwardState, temperature float64, x []E) {
	top := largestKernel(tier, x[:min(len(x), goBlock)])
	switch {
	case top > k.largest:
		k.setReference(top, temperature)
	case !k.masked:
		k.masked = true
	default:
		k.spoilt = true
	}
}

// largestGo is the largest of the logits that are numbers, -Inf if there is none.
func largestGo[E Element](x []E) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v := decode(v); v > top {
			top = v
		}
	}
	return top
}

// backwardState is what the backward kernels read and write.
type backwardState struct {
	power
	total                  [16]float32 // sum of e, over the lanes
	shift, constant, slope float32     // dlogits = e (constant + slope u)

	reference reference
}

// A kernel works on multiples of pad elements; goBlock is what plain Go takes at once,
// and at least what a kernel does.
const pad, goBlock = 64, 512

// plain is the table of plain Go: 2^(k/1024), less k at the place where its index is
// added.
var plain = func() (table [1024]uint64) {
	root := 2.0
	for i := range table {
		table[i] = math.Float64bits(1)
	}
	for bit := 512; bit > 0; bit /= 2 { // products of square roots: the same bits on every machine
		root = math.Sqrt(root)
		for i := range table {
			if i&bit != 0 {
				table[i] = math.Float64bits(math.Float64frombits(table[i]) * root)
			}
		}
	}
	for i := range table {
		table[i] -= uint64(i) << 42
	}
	return table
}()

// exp2 is 2^(u/1024) for u in [-1023*1024, 1023*1024], within 6e-8, and exactly 0 at the
// lower end. In float64 the reduction needs no care, and Go loses no time by it;
// conversions keep compilers from fusing, so that every machine has the same bits.
func exp2(u float64) float64 {
	const magic = 0x1.8p52 // adding it rounds to an integer, which is then in the low bits
	t := u + magic
	f := u - (t - magic)
	bits := math.Float64bits(t)
	y := math.Float64frombits(plain[bits%1024] + bits<<42)
	return y + float64(y*float64(f*(math.Ln2/1024)))
}

// plainPower is the factor and the largest d of 2^(d factor/1024) for d = reference - x.
func (p *power) plainPower() (factor, most float64) {
	factor = -1024 * float64(p.scale[0]) * (1 + float64(p.rest[0]))
	return factor, -1023 * 1024 / factor
}

// forwardGo adds a block's sums to k until a block has a logit above k.limit, and
// returns how many elements it has counted.
func forwardGo(x []float32, k *forwardState, squares bool) (done int) {
	k.sum, k.weighted, k.squares = [8]float64{}, [8]float64{}, [8]float64{}
	for done < len(x) {
		block := x[done:min(done+goBlock, len(x))]
		if !blockGo(block, k, squares) {
			return done
		}
		done += len(block)
	}
	return done
}

// blockGo adds the sums of one block, unless a logit is above k.limit.
func blockGo(x []float32, k *forwardState, squares bool) bool {
	factor, most := k.plainPower()
	reference, limit := k.reference.at, k.limit
	var sum, weighted, square float64
	if squares {
		for _, v := range x {
			if v > limit {
				return false
			}
			d := reference - float64(v)
			if d > most {
				continue
			}
			y := exp2(float64(d * factor))
			sum += y
			weighted -= float64(y * d)
			square += float64(y * y)
		}
	} else { // the same without squares, a tenth faster
		for _, v := range x {
			if v > limit {
				return false
			}
			d := reference - float64(v)
			if d > most {
				continue
			}
			y := exp2(float64(d * factor))
			sum += y
			weighted -= float64(y * d)
		}
	}
	k.sum[0] += sum
	k.weighted[0] += float64(weighted * float64(k.scale[0]))
	k.squares[0] += square
	return true
}

// keepGo is forwardGo that also keeps every e that is counted in dst, which may be x.
func keepGo(dst, x []float32, k *forwardState) (done int) {
	done = forwardGo(x, k, false)
	factor, most := k.plainPower()
	for i, v := range x[:done] {
		dst[i] = 0
		if d := k.reference.at - float64(v); !(d > most) {
			dst[i] = float32(exp2(float64(d * factor)))
		}
	}
	return done
}

// backwardGo writes dst = e (constant + slope u). dst may be x.
func backwardGo(dst, x []float32, k *backwardState) {
	factor, most := k.plainPower()
	scale := float64(k.scale[0])
	reference, least := k.reference.at, -highest/scale
	constant, slope := float64(k.constant), -float64(k.slope)*scale
	var total float64
	dst = dst[:len(x)]
	for i, v := range x {
		d := reference - float64(v)
		if d > most {
			dst[i] = 0
			continue
		}
		if d < least {
			d = least
		}
		e := exp2(float64(d * factor))
		total += e
		dst[i] = float32(e * (constant + float64(slope*d)))
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
func forwardPlain[E Element](x []E, k *forwardState, squares bool) int {
	if x, ok := any(x).([]float32); ok {
		return forwardGo(x, k, squares)
	}
	var buffer [goBlock]float32
	var sum, weighted, square float64
	done := 0
	for done < len(x) {
		block := x[done:min(done+goBlock, len(x))]
		decodeAll(buffer[:], block)
		if forwardGo(buffer[:len(block)], k, squares) < len(block) {
			break
		}
		sum += k.sum[0]
		weighted += k.weighted[0]
		square += k.squares[0]
		done += len(block)
	}
	k.sum[0], k.weighted[0], k.squares[0] = sum, weighted, square
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
