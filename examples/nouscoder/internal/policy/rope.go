package policy

import (
	"fmt"
	"math"
)

// Rope is a set of rotary position frequencies that replaces the trained one,
// for evaluation beyond the trained window (YaRN). The zero value means the
// frequencies of Config.
type Rope struct {
	Frequencies    []float64 // [Width/Heads/2] radians a position; nil: those of Config
	AttentionScale float64   // multiplies cos and sin, so q·k grows by its square; 0: 1
}

// Frequencies returns the trained frequencies RopeBase^(-2i/h), i < h/2, h = Width/Heads:
// what a YaRN rule starts from.
func (c Config) Frequencies() []float64 {
	c = c.withDefaults()
	h := c.headWidth()
	f := make([]float64, h/2)
	for i := range f {
		f[i] = math.Pow(c.RopeBase, -2*float64(i)/float64(h))
	}
	return f
}

// rotation is cos and sin of every position and frequency, [positions × half].
type rotation struct {
	half     int
	cos, sin []float32
}

func newRotation(c Config, rope Rope, positions int) (rotation, error) {
	f, scale := rope.Frequencies, rope.AttentionScale
	if f == nil {
		f = c.Frequencies()
	}
	half := c.headWidth() / 2
	if len(f) != half {
		return rotation{}, &ConfigError{"Rope.Frequencies", fmt.Sprintf("has %d numbers, want %d", len(f), half)}
	}
	if scale == 0 {
		scale = 1
	}
	if !(scale > 0) || math.IsInf(scale, 0) {
		return rotation{}, &ConfigError{"Rope.AttentionScale", fmt.Sprintf("is %v, want a positive number", rope.AttentionScale)}
	}
	r := rotation{half: half, cos: make([]float32, positions*half), sin: make([]float32, positions*half)}
	for i, w := range f {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return rotation{}, &ConfigError{"Rope.Frequencies", fmt.Sprintf("number %d is %v", i, w)}
		}
		for p := range positions {
			s, c := math.Sincos(float64(p) * w)
			r.cos[p*half+i], r.sin[p*half+i] = float32(c*scale), float32(s*scale)
		}
	}
	return r, nil
}

// apply rotates the pairs (x[i], x[half+i]) of every head by position's angles and
// multiplies by scale.
func (r *rotation) apply(x []float32, position int, scale float32) {
	h := r.half
	cos, sin := r.cos[position*h:][:h], r.sin[position*h:][:h]
	for ; len(x) > 0; x = x[2*h:] {
		a, b := x[:h], x[h:][:h]
		for i, c := range cos {
			s, u, v := sin[i], a[i], b[i]
			a[i] = (u*c - v*s) * scale
			b[i] = (u*s + v*c) * scale
		}
	}
}

// applyTranspose is the derivative of apply: the rotation the other way round.
func (r *rotation) applyTranspose(x []float32, position int, scale float32) {
	h := r.half
	cos, sin := r.cos[position*h:][:h], r.sin[position*h:][:h]
	for ; len(x) > 0; x = x[2*h:] {
		a, b := x[:h], x[h:][:h]
		for i, c := range cos {
			s, u, v := sin[i], a[i], b[i]
			a[i] = (u*c + v*s) * scale
			b[i] = (v*c - u*s) * scale
		}
	}
}
