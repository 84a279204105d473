package window

import (
	"fmt"
	"math"
)

// YaRN stretches rotary position embeddings by a factor without training (Peng et
// al., "YaRN: Efficient Context Window Extension of Large Language Models",
// https://arxiv.org/abs/2309.00071): fast dimensions keep their frequency, slow
// ones have it divided by Factor, those between go over linearly.
//
// With D the head dimension, b the base and L = Original, dimension pair i in
// 0..D/2-1 turns at f_i = b^(-2i/D) a token. It turns r times in L tokens where
//
//	i(r) = D ln(L / (2 pi r)) / (2 ln b)
//
// and the new frequency is
//
//	low  = max(floor(i(BetaFast)), 0)
//	high = min(ceil(i(BetaSlow)), D-1)
//	g_i  = clamp((i - low) / (high - low), 0, 1)
//	f'_i = f_i (1 - g_i) + (f_i / Factor) g_i
//
// as the paper's code, Hugging Face transformers, vLLM and SGLang compute it.
// (The paper's text has the ramp in r instead of i.) Queries and keys are both
// multiplied by AttentionScale, 0.1 ln(Factor) + 1.
//
// The zero value is plain rotary embedding: factor 1.
type YaRN struct {
	Factor   float64 `json:"factor,omitempty"`           // s = wanted window / Original, >= 1; 0: 1, no stretching
	Original int     `json:"original,omitempty"`         // window that the model was trained with
	BetaFast float64 `json:"beta_fast,omitempty"`        // turns in Original from which on a dimension is left alone; 0: 32
	BetaSlow float64 `json:"beta_slow,omitempty"`        // turns in Original up to which it is fully stretched; 0: 1
	Scale    float64 `json:"attention_factor,omitempty"` // attention scale, in place of the formula; 0: the formula
	Exact    bool    `json:"exact,omitempty"`            // low and high are not rounded (transformers' truncate: false)
}

// Extend returns the YaRN that stretches an original window to a wanted one. It
// is the zero value, which does nothing, if wanted is not the larger.
//
//	window.Extend(32768, 81920) // factor 2.5
func Extend(original, wanted int) YaRN {
	if wanted <= original || original <= 0 {
		return YaRN{}
	}
	return YaRN{Factor: float64(wanted) / float64(original), Original: original}
}

// YaRNError is a parameter that cannot be.
type YaRNError struct {
	Field string
	Value float64
	Why   string
}

func (e *YaRNError) Error() string {
	return fmt.Sprintf("window: YaRN: %s = %v: %s", e.Field, e.Value, e.Why)
}

func (y YaRN) withDefaults() YaRN {
	if y.Factor == 0 {
		y.Factor = 1
	}
	if y.BetaFast == 0 {
		y.BetaFast = 32
	}
	if y.BetaSlow == 0 {
		y.BetaSlow = 1
	}
	return y
}

// Validate returns a *YaRNError if a parameter cannot be. NaN never can.
func (y YaRN) Validate() error {
	y = y.withDefaults()
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case !finite(y.Factor) || y.Factor < 1:
		return &YaRNError{"Factor", y.Factor, "want at least 1"}
	case y.Factor > 1 && y.Original <= 0:
		return &YaRNError{"Original", float64(y.Original), "the trained window is needed"}
	case !finite(y.BetaSlow) || y.BetaSlow <= 0:
		return &YaRNError{"BetaSlow", y.BetaSlow, "want above 0"}
	case !finite(y.BetaFast) || y.BetaFast <= y.BetaSlow:
		return &YaRNError{"BetaFast", y.BetaFast, fmt.Sprintf("want above BetaSlow, %v", y.BetaSlow)}
	case !finite(y.Scale) || y.Scale < 0:
		return &YaRNError{"Scale", y.Scale, "want at least 0"}
	}
	return nil
}

// Frequencies writes the angle per token of each dimension pair to dst, whose
// length is half the head dimension, for a model with the given base (10,000 in
// Llama 2, 1,000,000 in Qwen3). With Factor 1 they are base^(-2i/D). It returns a
// *YaRNError, and leaves dst alone, if a parameter or the base cannot be.
func (y YaRN) Frequencies(dst []float64, base float64) error {
	if err := y.Validate(); err != nil {
		return err
	}
	if !(base > 1) || math.IsInf(base, 0) {
		return &YaRNError{"base", base, "want above 1"}
	}
	y = y.withDefaults()
	low, high := y.ramp(2*len(dst), base)
	for i := range dst {
		f := math.Pow(base, -float64(i)/float64(len(dst)))
		if y.Factor > 1 {
			g := min(max((float64(i)-low)/(high-low), 0), 1)
			f = f*(1-g) + f/y.Factor*g
		}
		dst[i] = f
	}
	return nil
}

// ramp returns the dimension pairs between which the frequency goes over.
func (y *YaRN) ramp(dim int, base float64) (low, high float64) {
	pair := func(turns float64) float64 {
		return float64(dim) * math.Log(float64(y.Original)/(2*math.Pi*turns)) / (2 * math.Log(base))
	}
	low, high = pair(y.BetaFast), pair(y.BetaSlow)
	if !y.Exact {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dim-1))
	if high <= low {
		high = low + 0.001 // a step: transformers' way out of 0/0
	}
	return low, high
}

// AttentionScale is what cosines and sines (so queries and keys both) are
// multiplied by: Scale, or
//
//	0.1 ln(Factor) + 1
//
// The attention logits grow by its square, the paper's 1/t.
func (y YaRN) AttentionScale() float64 {
	switch {
	case y.Scale != 0:
		return y.Scale
	case y.Factor <= 1:
		return 1
	}
	return 0.1*math.Log(y.Factor) + 1
}
