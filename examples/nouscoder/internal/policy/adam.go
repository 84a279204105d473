package policy

import (
	"fmt"
	"math"
)

// Adam holds the optimiser's settings. The zero value is the example's.
type Adam struct {
	Beta1   float64 // decay of the mean of gradients, 0: 0.9
	Beta2   float64 // decay of the mean of squares, 0: 0.98
	Epsilon float64 // 0: 1e-8
	Clip    float64 // largest gradient norm, a longer gradient is scaled down to it; 0: 1, +Inf: none
}

func (a Adam) withDefaults() Adam {
	for _, f := range []struct {
		field *float64
		value float64
	}{{&a.Beta1, 0.9}, {&a.Beta2, 0.98}, {&a.Epsilon, 1e-8}, {&a.Clip, 1}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return a
}

// Validate returns a *ConfigError for the first setting that has no meaning.
func (a Adam) Validate() error {
	a = a.withDefaults()
	switch {
	case !(a.Beta1 > 0 && a.Beta1 < 1):
		return &ConfigError{"Adam.Beta1", fmt.Sprintf("is %v, want a number in (0, 1)", a.Beta1)}
	case !(a.Beta2 > 0 && a.Beta2 < 1):
		return &ConfigError{"Adam.Beta2", fmt.Sprintf("is %v, want a number in (0, 1)", a.Beta2)}
	case !(a.Epsilon > 0) || math.IsInf(a.Epsilon, 0):
		return &ConfigError{"Adam.Epsilon", fmt.Sprintf("is %v, want a positive number", a.Epsilon)}
	case !(a.Clip > 0):
		return &ConfigError{"Adam.Clip", fmt.Sprintf("is %v, want a positive number", a.Clip)}
	}
	return nil
}

// Step clips the accumulated gradient, takes one Adam step down it and sets it to zero.
// It returns the gradient's norm before clipping. With no gradient it is a step
// on a zero gradient.
//
//	m = β1 m + (1-β1) g,  v = β2 v + (1-β2) g²
//	θ -= lr (m / (1-β1ⁿ)) / (sqrt(v / (1-β2ⁿ)) + ε)
//
// Errors: a *ConfigError for lr or Adam, a *ValueError where the norm is not finite;
// weights and moments are then untouched, and the gradient stays (ZeroGradient drops it).
func (p *Policy) Step(lr float64) (norm float64, err error) {
	if err := p.Adam.Validate(); err != nil {
		return 0, err
	}
	if !(lr >= 0) || math.IsInf(lr, 0) {
		return 0, &ConfigError{"learning rate", fmt.Sprintf("is %v, want a finite number of at least 0", lr)}
	}
	a := p.Adam.withDefaults()

	// The shards' sum, in order, lands in the first shard only once it is known to
	// be finite, so that an error changes nothing.
	g := p.Gradient()
	var square float64
	for _, v := range g {
		square += float64(v) * float64(v)
	}
	norm = math.Sqrt(square)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, &ValueError{"gradient norm", -1, norm}
	}
	clip := float32(1)
	if norm > a.Clip {
		clip = float32(a.Clip / norm)
	}

	p.steps++
	n := float64(p.steps)
	b1, b2 := float32(a.Beta1), float32(a.Beta2)
	rate := float32(lr / (1 - math.Pow(a.Beta1, n)))
	correct := float32(1 / (1 - math.Pow(a.Beta2, n)))
	epsilon := float32(a.Epsilon)
	w, m, v := p.weights.flat, p.moment1, p.moment2
	for i, g := range g {
		g *= clip
		m[i] = b1*m[i] + (1-b1)*g
		v[i] = b2*v[i] + (1-b2)*g*g
		w[i] -= rate * m[i] / (float32(math.Sqrt(float64(v[i]*correct))) + epsilon)
	}
	p.ZeroGradient()
	return norm, nil
}

// Steps is the number of Adam steps since New or ResetAdam.
func (p *Policy) Steps() int { return p.steps }

// ResetAdam forgets Adam's moments and step count, as between a warm start and
// reinforcement learning.
func (p *Policy) ResetAdam() {
	clear(p.moment1)
	clear(p.moment2)
	p.steps = 0
}
