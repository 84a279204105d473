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

// plainPower is the factor and the largest s of 2^(s factor/1024) for s = reference - x.
func (p *power) plainPower() (factor float64, most float32) {
	factor = -1024 * (float64(p.scale[0]) + float64(p.scaleLow[0]))
	return factor, float32(-1023 * 1024 / factor)
}

// forwardGo adds a block's sums to k until a block has a logit above k.limit, and
// returns how many elements it has counted.
func forwardGo(x []float32, k *forwardState, squares bool) (done int) {
	k.sum, k.weighted, k.squares = [16]float64{}, [16]float64{}, [16]float64{}
	for done < len(x) {
		block := x[done:min(done+goBlock, len(x))]
		if !blockGo(block, k, squares) {
			top := k.top[0]
			for _, v := range x[:done+len(block)] {
				if v > top {
					top = v
				}
			}
			fill(&k.top, top)
			return done
		}
		done += len(block)
	}
	return done
}

// blockGo adds the sums of one block, unless a logit is above k.limit.
func blockGo(x []float32, k *forwardState, squares bool) bool {
	factor, most := k.plainPower()
	reference, limit := k.reference, k.limit
	var sum, weighted, square float64
	if squares {
		for _, v := range x {
			if v > limit {
				return false
			}
			s := reference - v
			if s > most {
				continue
			}
			d := float64(s)
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
			s := reference - v
			if s > most {
				continue
			}
			d := float64(s)
			y := exp2(float64(d * factor))
			sum += y
			weighted -= float64(y * d)
		}
	}
	k.sum[0] += sum
	k.weighted[0] += weighted
	k.squares[0] += square
	return true
}

// backwardGo writes dst = e (constant + slope d). dst may be x.
func backwardGo(dst, x []float32, k *backwardState) {
	factor, most := k.plainPower()
	reference, least := k.reference, -k.high[0]
	constant, slope := float64(k.constant), -float64(k.slope)
	var total float64
	dst = dst[:len(x)]
	for i, v := range x {
		s := reference - v
		if s > most {
			dst[i] = 0
			continue
		}
		if s < least {
			s = least
		}
		d := float64(s)
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
