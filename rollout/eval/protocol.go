package eval

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/window"
)

// Protocol is how completions are drawn for an evaluation. Figures of different
// protocols are not comparable. The zero value is one greedy completion a problem
// in a window of 32,768 tokens.
type Protocol struct {
	Samples     int         `json:"samples,omitempty"`     // a problem; 0: 1
	Temperature float64     `json:"temperature,omitempty"` // 0: greedy
	TopP        float64     `json:"top_p,omitempty"`       // 0: 1, the whole distribution
	TopK        int         `json:"top_k,omitempty"`       // 0: all
	Window      int         `json:"window,omitempty"`      // prompt and completion together; 0: window.Default
	Reserve     int         `json:"reserve,omitempty"`     // tokens of it kept free
	MaxTokens   int         `json:"max_tokens,omitempty"`  // of a completion; 0: what the window leaves
	YaRN        window.YaRN `json:"yarn,omitzero"`         // stretching, which the server has to be started with; zero: none
	Seed        int64       `json:"seed,omitempty"`        // for generators that take one
	Unknown     bool        `json:"unknown,omitempty"`     // nobody has said how the completions were drawn: the other fields mean nothing
}

// NousCoder is the evaluation of NousCoder-14B: 16 samples at temperature 0.6 and
// top-p 0.95 in a window of 40,960 tokens, of which its environment keeps 32 free.
func NousCoder() Protocol {
	return Protocol{Samples: 16, Temperature: 0.6, TopP: 0.95, Window: 40960, Reserve: 32}
}

// NousCoderLong is the same in a window of 81,920 tokens, stretched by YaRN from
// Qwen3's 32,768, so by 2.5, as Qwen3's documentation sets the factor.
func NousCoderLong() Protocol {
	p := NousCoder()
	p.Window = 81920
	p.YaRN = window.Extend(32768, p.Window)
	return p
}

func (p Protocol) withDefaults() Protocol {
	if p.Samples == 0 {
		p.Samples = 1
	}
	if p.TopP == 0 {
		p.TopP = 1
	}
	if p.Window == 0 {
		p.Window = window.Default
	}
	return p
}

// Validate returns an *OptionsError or a *window.YaRNError if p cannot be. Several
// greedy samples of one problem are one sample, and refused.
func (p Protocol) Validate() error {
	p = p.withDefaults()
	switch {
	case p.Samples < 0:
		return &OptionsError{"Samples", p.Samples, "negative"}
	case !(p.Temperature >= 0) || math.IsInf(p.Temperature, 0):
		return &OptionsError{"Temperature", p.Temperature, "want at least 0"}
	case p.Temperature == 0 && p.Samples > 1:
		return &OptionsError{"Samples", p.Samples, "all greedy samples of a problem are alike"}
	case !(p.TopP > 0 && p.TopP <= 1):
		return &OptionsError{"TopP", p.TopP, "want in (0, 1]"}
	case p.TopK < 0:
		return &OptionsError{"TopK", p.TopK, "negative"}
	case p.MaxTokens < 0:
		return &OptionsError{"MaxTokens", p.MaxTokens, "negative"}
	case p.Window < 0:
		return &OptionsError{"Window", p.Window, "negative"}
	case p.Reserve < 0:
		return &OptionsError{"Reserve", p.Reserve, "negative"}
	}
	return p.YaRN.Validate()
}

// Budget is what the protocol leaves a completion.
func (p Protocol) Budget() window.Budget {
	p = p.withDefaults()
	return window.Budget{Window: p.Window, Reserve: p.Reserve}
}

// Rollouts returns o with the protocol's Samples and Seed, for rollout.Groups.
// Temperature, TopP, TopK, MaxTokens and Budget are the Generator's to keep.
func (p Protocol) Rollouts(o rollout.Options) rollout.Options {
	o.Samples, o.Seed = p.withDefaults().Samples, p.Seed
	return o
}

// String returns "16 samples, temperature 0.6, top-p 0.95, window 81920, YaRN 2.5
// x 32768".
func (p Protocol) String() string {
	if p.Unknown {
		return "protocol unknown"
	}
	p = p.withDefaults()
	s := "greedy"
	if p.Temperature > 0 {
		s = fmt.Sprintf("%d samples, temperature %v, top-p %v", p.Samples, p.Temperature, p.TopP)
		if p.TopK > 0 {
			s += fmt.Sprintf(", top-k %d", p.TopK)
		}
	}
	s += fmt.Sprintf(", window %d", p.Window)
	if p.MaxTokens > 0 {
		s += fmt.Sprintf(", at most %d tokens", p.MaxTokens)
	}
	if p.YaRN.Factor > 1 {
		s += fmt.Sprintf(", YaRN %v x %d", p.YaRN.Factor, p.YaRN.Original)
	}
	return s
}
