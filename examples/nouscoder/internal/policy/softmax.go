package policy

import "math"

// exp is e^x for x <= 0, with a relative error below 2e-7, and 0 below the smallest
// normal number. Attention calls it some 400 times a token, so it is written for
// float32: x = n ln 2 + r with n an integer and |r| <= ln(2)/2, then the Cephes
// polynomial for e^r, then n added to the exponent bits.
func exp(x float32) float32 {
	if !(x > -87) {
		if x != x {
			return x
		}
		return 0
	}
	const shift = 1.5 * (1 << 23) // adding it rounds to an integer, which stays in the low bits
	t := float32(x*math.Log2E) + shift
	n := t - shift
	r := float32(x-float32(n*0.693359375)) - float32(n*-2.12194440e-4)
	p := float32(1.9875691500e-4)
	p = float32(p*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(float32(p*r)*r) + r + 1
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(t)<<23)
}

// softmaxWeights turns the scores of one query into attention weights that sum to 1.
func softmaxWeights(w []float32) {
	top := w[0]
	for _, s := range w[1:] {
		top = max(top, s)
	}
	var sum float32
	for i, s := range w {
		e := exp(s - top)
		w[i] = e
		sum += e
	}
	inv := 1 / sum
	for i := range w {
		w[i] *= inv
	}
}

// softmaxWeightsBackward turns the gradients dw of the weights w into those of the
// scores, w (dw - sum w dw).
func softmaxWeightsBackward(dw, w []float32) {
	dw = dw[:len(w)]
	var sum float32
	for i, v := range w {
		sum += v * dw[i]
	}
	for i, v := range w {
		dw[i] = v * (dw[i] - sum)
	}
}

// distribution is what is left of one row of logits once they are probabilities.
type distribution struct {
	logNorm float32 // log sum exp of the logits
	entropy float32 // nats
}

// softmax writes the probabilities of the logits z into p, which may be z.
func softmax(p, z []float32) distribution {
	top := z[0]
	for _, s := range z[1:] {
		top = max(top, s)
	}
	var sum, moment float32
	for i, s := range z {
		s -= top
		e := exp(s)
		p[i] = e
		sum += e
		moment += e * s
	}
	inv := 1 / sum
	for i := range p {
		p[i] *= inv
	}
	logSum := float32(math.Log(float64(sum)))
	return distribution{logNorm: top + logSum, entropy: logSum - moment*inv}
}

// logProb is the log-probability of the token with logit z.
func (d distribution) logProb(z float32) float32 { return z - d.logNorm }
