package policy

import (
	"math"
	"testing"
)

func TestExp(t *testing.T) {
	for x := float32(0); x > -87; x -= 0.00137 {
		want := math.Exp(float64(x))
		if got := float64(exp(x)); math.Abs(got-want) > 2e-7*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	nan := float32(math.NaN())
	if exp(0) != 1 || exp(-100) != 0 || exp(float32(math.Inf(-1))) != 0 || exp(nan) == exp(nan) {
		t.Errorf("exp(0) %v, exp(-100) %v, exp(-Inf) %v, exp(NaN) %v", exp(0), exp(-100), exp(float32(math.Inf(-1))), exp(nan))
	}
}
