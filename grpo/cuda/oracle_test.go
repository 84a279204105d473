package cuda

import (
	"math"
	"math/rand/v2"
)

// answer is the oracle's: the formulas of the documentation, in float64. spread is
// sum p |log p + H|.
type answer struct{ logProb, lse, entropy, squares, spread float64 }

func oracle(x []float64, target int, temperature float64) (a answer) {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp((v - top) / temperature)
	}
	a.lse = top/temperature + math.Log(sum)
	for _, v := range x {
		if math.IsInf(v, -1) {
			continue
		}
		logP := (v-top)/temperature - math.Log(sum)
		p := math.Exp(logP)
		a.entropy -= p * logP
		a.squares += p * p
	}
	for _, v := range x {
		if logP := (v-top)/temperature - math.Log(sum); logP > -700 {
			a.spread += math.Exp(logP) * math.Abs(logP+a.entropy)
		}
	}
	a.logProb = (x[target]-top)/temperature - math.Log(sum)
	return a
}

func oracleGradient(x []float64, target int, temperature, g, e float64) []float64 {
	a := oracle(x, target, temperature)
	dst := make([]float64, len(x))
	for j, v := range x {
		if math.IsInf(v, -1) {
			continue
		}
		logP := v/temperature - a.lse
		p := math.Exp(logP)
		dst[j] = -g*p - e*p*(logP+a.entropy)
		if j == target {
			dst[j] += g
		}
		dst[j] /= temperature
	}
	return dst
}

// kinds are rows that go wrong in different ways.
var kinds = []struct {
	name string
	fill func(x []float64, rng *rand.Rand)
}{
	{"normal", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = 3 * rng.NormFloat64()
		}
	}},
	{"tail", func(x []float64, _ *rand.Rand) { // 7 % of all, far away: H moves most with the temperature, for its size
		for i := range x {
			x[i] = math.Log(0.07/0.93) - math.Log(float64(len(x)))
		}
		x[0] = 0
	}},
	{"one-hot", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = -50 + rng.Float64()
		}
		x[rng.IntN(len(x))] = 60
	}},
	{"outliers", func(x []float64, rng *rand.Rand) { // each far above what came before
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		for range 4 {
			x[rng.IntN(len(x))] = 30 * rng.Float64()
		}
	}},
	{"rising", func(x []float64, _ *rand.Rand) { // the largest so far moves all the time
		for i := range x {
			x[i] = -40 + 80*float64(i)/float64(len(x))
		}
	}},
	{"masked", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = math.Inf(-1)
			if rng.IntN(3) == 0 {
				x[i] = 4 * rng.NormFloat64()
			}
		}
		x[len(x)-1] = 1
	}},
	{"falling", func(x []float64, _ *rand.Rand) {
		for i := range x {
			x[i] = 40 - 80*float64(i)/float64(len(x))
		}
	}},
	{"uniform", func(x []float64, rng *rand.Rand) {
		v := 10 * rng.NormFloat64()
		for i := range x {
			x[i] = v
		}
	}},
	{"ties", func(x []float64, rng *rand.Rand) { // many equal logits below the largest: rounding errors add up
		v := 2 - 9*rng.Float64()
		for i := range x {
			x[i] = v
		}
		x[len(x)/2] = 2
	}},
	{"two halves", func(x []float64, _ *rand.Rand) {
		for i := range x {
			x[i] = -12
		}
		x[0] = -12 + math.Log(float64(len(x)))
	}},
	{"masked beginning", func(x []float64, rng *rand.Rand) { // whole threads without a logit, and then 100
		for i := range x {
			x[i] = math.Inf(-1)
		}
		for i := len(x) / 2; i < len(x); i++ {
			x[i] = 100 + rng.NormFloat64()
		}
	}},
	{"far", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = -20000 + 4*rng.NormFloat64()
		}
	}},
	{"huge", func(x []float64, rng *rand.Rand) {
		for i := range x {
			x[i] = 3e4 * (2*rng.Float64() - 1)
		}
	}},
}
