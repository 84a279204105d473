package policy

import (
	"math"
	"testing"
)

// Two Adam steps of one weight by hand, the second with a clipped gradient.
func TestStepByHand(t *testing.T) {
	p := mustNew(t, Config{Vocabulary: 8}, 1)
	p.Adam = Adam{Beta1: 0.5, Beta2: 0.75, Epsilon: 1e-8, Clip: 2}
	w, g := p.weights.flat, p.shards[1].gradient.flat
	w[0], g[0] = 1, 2
	norm, err := p.Step(0.1)
	if err != nil || norm != 2 {
		t.Fatal(norm, err)
	}
	// m = 1, v = 1; corrected 2 and 4; step 0.1 · 2/2.
	if math.Abs(float64(w[0])-0.9) > 1e-6 {
		t.Errorf("weight %v, want 0.9", w[0])
	}
	g[0] = -8 // clipped to -2
	if norm, err = p.Step(0.1); err != nil || norm != 8 {
		t.Fatal(norm, err)
	}
	// m = 0.5 - 1 = -0.5, corrected by 1 - 1/4: -2/3. v = 0.75 + 1 = 1.75, corrected by 1 - 9/16: 4.
	if want := 0.9 + 0.1*(2.0/3)/2; math.Abs(float64(w[0])-want) > 1e-6 {
		t.Errorf("weight %v, want %v", w[0], want)
	}
	if g[0] != 0 {
		t.Errorf("gradient %v after Step", g[0])
	}
}
