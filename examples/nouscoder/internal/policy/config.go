package policy

import (
	"fmt"
	"math"
)

// Config is the shape of a policy. Only Vocabulary must be given; the zero of
// every other field means the value of the example.
type Config struct {
	Vocabulary int     // V, number of token ids
	End        int32   // token that ends a completion (0 is token 0)
	Layers     int     // 0: 2
	Width      int     // d, channels of the residual stream; 0: 64
	Heads      int     // 0: 4; Width/Heads must be even
	Hidden     int     // channels inside the MLP; 0: 256
	RopeBase   float64 // frequencies are RopeBase^(-2i/(Width/Heads)); 0: 1000
	Positions  int     // longest window, prompt and completion together; 0: 512
	Shards     int     // pieces of a training batch, whatever the number of cores; 0: 4
}

// withDefaults fills in the zero fields.
func (c Config) withDefaults() Config {
	fill := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&c.Layers, 2)
	fill(&c.Width, 64)
	fill(&c.Heads, 4)
	fill(&c.Hidden, 256)
	fill(&c.Positions, 512)
	fill(&c.Shards, 4)
	if c.RopeBase == 0 {
		c.RopeBase = 1000
	}
	return c
}

// Largest value of any field, so that a damaged snapshot cannot ask for
// memory without end.
const largestField = 1 << 16

// Validate returns a *ConfigError for the first field that has no meaning.
func (c Config) Validate() error {
	c = c.withDefaults()
	for _, f := range []struct {
		name  string
		value int
	}{
		{"Vocabulary", c.Vocabulary}, {"Layers", c.Layers}, {"Width", c.Width}, {"Heads", c.Heads},
		{"Hidden", c.Hidden}, {"Positions", c.Positions}, {"Shards", c.Shards},
	} {
		if f.value < 1 || f.value > largestField {
			return &ConfigError{f.name, fmt.Sprintf("is %d, want 1 to %d", f.value, largestField)}
		}
	}
	if c.End < 0 || int(c.End) >= c.Vocabulary {
		return &ConfigError{"End", fmt.Sprintf("is %d, want a token id below %d", c.End, c.Vocabulary)}
	}
	if c.Width%c.Heads != 0 || c.Width/c.Heads%2 != 0 {
		return &ConfigError{"Heads", fmt.Sprintf("is %d: width %d must be a multiple of twice the heads", c.Heads, c.Width)}
	}
	if !(c.RopeBase > 1) || math.IsInf(c.RopeBase, 0) {
		return &ConfigError{"RopeBase", fmt.Sprintf("is %v, want a finite number above 1", c.RopeBase)}
	}
	if n := c.parameters(); n > 1<<28 {
		return &ConfigError{"Width", fmt.Sprintf("and the other sizes ask for %d parameters, want at most %d", n, 1<<28)}
	}
	return nil
}

// parameters is the number of parameters, before any is allocated.
func (c Config) parameters() int {
	d := c.Width
	return 2*c.Vocabulary*d + d + c.Layers*(2*d+4*d*d+2*d*c.Hidden)
}

// headWidth is the number of channels of one attention head.
func (c Config) headWidth() int { return c.Width / c.Heads }
