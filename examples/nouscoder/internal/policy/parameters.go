package policy

import (
	"math"
	"math/rand/v2"
)

// parameters is one flat vector and named views into it. Gradients and Adam's
// moments have the same layout.
type parameters struct {
	flat   []float32
	embed  matrix // [V × d]
	layers []layerParameters
	norm   []float32 // [d] gain before the head
	head   matrix    // [d × V]
}

// layerParameters are the weights of one layer. up and down both hold one hidden
// unit a row, so a unit that ReLU has switched off is a row to skip.
type layerParameters struct {
	norm1, norm2 []float32 // [d] gains
	qkv          matrix    // [d × 3d]
	out          matrix    // [d × d]
	up           matrix    // [hidden × d]
	down         matrix    // [hidden × d]
}

// view names the parts of flat, which has c.parameters() elements.
func view(c Config, flat []float32) parameters {
	p := parameters{flat: flat, layers: make([]layerParameters, c.Layers)}
	rest := flat
	vector := func(n int) []float32 {
		v := rest[:n:n]
		rest = rest[n:]
		return v
	}
	d := c.Width
	// The head comes last: its rows are V wide, and V need not be a multiple of four.
	p.embed = matrix{vector(c.Vocabulary * d), d}
	for i := range p.layers {
		p.layers[i] = layerParameters{
			norm1: vector(d), norm2: vector(d),
			qkv: matrix{vector(d * 3 * d), 3 * d}, out: matrix{vector(d * d), d},
			up: matrix{vector(c.Hidden * d), d}, down: matrix{vector(c.Hidden * d), d},
		}
	}
	p.norm = vector(d)
	p.head = matrix{vector(d * c.Vocabulary), c.Vocabulary}
	return p
}

// initialise draws normal weights of deviation 1/sqrt(fan in), smaller where they
// write into the residual stream and at the head, and gains of 1.
func (p *parameters) initialise(c Config, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x706f6c696379))
	normal := func(w []float32, std float64) {
		for i := range w {
			w[i] = float32(std * rng.NormFloat64())
		}
	}
	ones := func(w []float32) {
		for i := range w {
			w[i] = 1
		}
	}
	d := float64(c.Width)
	residual := 1 / math.Sqrt(2*float64(c.Layers))
	normal(p.embed.data, 1/math.Sqrt(d))
	for _, l := range p.layers {
		ones(l.norm1)
		ones(l.norm2)
		normal(l.qkv.data, 1/math.Sqrt(d))
		normal(l.out.data, residual/math.Sqrt(d))
		normal(l.up.data, math.Sqrt(2/d))
		normal(l.down.data, residual/math.Sqrt(float64(c.Hidden)))
	}
	ones(p.norm)
	normal(p.head.data, 0.25/math.Sqrt(d))
}
