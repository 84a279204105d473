package grpo

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo/internal/pass"
)

func init() { Register("clip", Clip{}) }

// Clip is PPO's pessimistic clip (arXiv 1707.06347, equation 7), with r the ratio
// at the objective's level and A the advantage:
//
//	l = -min(r A, clip(r, 1-Low, 1+High) A)
//
// and, with a Cap other than 0, r held at Cap where A is negative:
//
//	l = -A min(max(r, 1-Low), Cap)      A < 0
//
// which is both TRL's two-sided clip ("delta", INTELLECT-2, arXiv 2505.07291) and
// verl's dual clip ("clip_ratio_c", arXiv 1912.09729): they are the same function
// once Cap >= 1+High, and Validate requires that.
//
//	dl/dLogRatio = -r A where r is inside, 0 where it is held.
//
// Inside means r <= 1+High for A > 0, and 1-Low <= r <= Cap for A < 0: on a bound
// the derivative is the unclipped one. A = 0 gives exactly 0.
//
// Bounds are offsets from 1. Frameworks: TRL epsilon, epsilon_high, delta; verl
// clip_ratio_low, clip_ratio_high, clip_ratio_c (3 and always on); OpenRLHF
// eps_clip_low_high, dual_clip. verl, OpenRLHF and SkyRL also clamp the log-ratio
// to +-20, which is Ratio.Cap here.
type Clip struct {
	Low, High float64 // >= 0; Low <= 1
	Cap       float64 // 0: none
}

// Loss implements Surrogate.
func (c Clip) Loss(loss, dloss []float64, r *Response) {
	pass.Clip(loss, dloss, r.Ratio, r.Advantage, c.bounds())
}

// bounds implements clipping.
func (c Clip) bounds() pass.Bounds {
	b := pass.Bounds{Low: 1 - c.Low, High: 1 + c.High, Cap: c.Cap}
	if c.Cap == 0 {
		b.Cap = math.Inf(1)
	}
	return b
}

func (Clip) tokenwise() bool { return true }

// Needs implements Needer: nothing.
func (c Clip) Needs() Fields { return 0 }

// Validate implements Validator.
func (c Clip) Validate() error {
	switch {
	case !(c.Low >= 0 && c.Low <= 1):
		return fmt.Errorf("field Low is %v: want an offset from 1 in [0, 1]", c.Low)
	case !(c.High >= 0) || c.High > maxBound:
		return fmt.Errorf("field High is %v: want an offset from 1 that is finite and >= 0", c.High)
	case c.Cap != 0 && !(c.Cap >= 1+c.High && c.Cap <= maxBound):
		return fmt.Errorf("field Cap is %v: want 0 (none) or a finite ratio >= 1+High = %v", c.Cap, 1+c.High)
	}
	return nil
}

// String returns the formula.
func (c Clip) String() string {
	s := fmt.Sprintf("-min(r A, clip(r, 1-%v, 1+%v) A)", c.Low, c.High)
	if c.Cap != 0 {
		s += fmt.Sprintf(" with r <= %v where A < 0", c.Cap)
	}
	return s
}

// maxBound is the largest parameter that a part accepts: finite, and its square too.
const maxBound = 1e150
