package grpo

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/internal/vexp"
)

func init() { Register("gate", Gate{}) }

// Gate keeps a token or a response where a statistic of two policies is within
// bounds, and drops it elsewhere: w is 1 or 0. OpenRLHF's correction grid (level x
// mode x statistic) is a Gate beside Mismatch{}, the plain weight that survivors
// keep.
//
//	x_t = Statistic(over_t, under_t)
//	w_t = 1 where Low <= x <= High, else 0
//
// with x that token's (TokenLevel), the response's mean (SequenceLevel; geometric
// for ratios) or its sum (ProductLevel; the product of ratios).
//
// Any drops the whole response if one of its tokens is outside: the outlier mask
// (Statistic ratio, SkyRL), the veto (only Low, 1e-4 in verl and the NousCoder
// trainer), the sequence maximum (TRM, arXiv 2512.23075). KPop is SymmetricKL at
// TokenLevel; IPO's mask TVStatistic of CurrentOverAnchor.
type Gate struct {
	Of        Pair
	Statistic Statistic
	Level     Level // TokenLevel, SequenceLevel or ProductLevel
	Any       bool  // at TokenLevel: one token outside drops the response
	Low, High float64
	Floor     float64 // probabilities are kept in [Floor, 1-Floor] in the KLs; OpenRLHF 1e-6
}

// Weigh implements Weight.
func (g Gate) Weigh(w []float64, r *Response) {
	n := len(w)
	over, under := g.Of.of(r)
	p, q := r.spare.side[0][:n], r.spare.side[1][:n]
	switch {
	case !g.Statistic.probabilities():
	case g.Of == CurrentOverAnchor:
		r.probabilities(p, q)
	default:
		vexp.Exp(p, over[:n])
		vexp.Exp(q, under[:n])
	}
	if g.Statistic == TVStatistic && g.Level == TokenLevel && !g.Any {
		high := g.High
		if high == 0 {
			high = math.Inf(1)
		}
		for t, p := range p {
			if x := math.Abs(p - q[t]); !(x >= g.Low && x <= high) {
				w[t] = 0
			}
		}
		return
	}
	sum := 0.0
	for t := range w {
		x := g.Statistic.at(over[t]-under[t], p[t], q[t], g.Floor)
		switch {
		case g.Level != TokenLevel:
			sum += x
		case !g.keeps(x) && g.Any:
			clear(w)
			return
		case !g.keeps(x):
			w[t] = 0
		}
	}
	if g.Level == SequenceLevel {
		sum /= float64(n)
	}
	if g.Level != TokenLevel && !g.keeps(sum) {
		clear(w)
	}
}

// keeps reports whether a statistic is within bounds. A NaN is not.
func (g Gate) keeps(x float64) bool {
	if g.Statistic == RatioStatistic {
		x = math.Exp(x)
	}
	return (g.Low == 0 || x >= g.Low) && (g.High == 0 || x <= g.High)
}

// Needs implements Needer.
func (g Gate) Needs() Fields { return g.Of.needs() }

// Validate implements Validator.
func (g Gate) Validate() error {
	switch {
	case !pairNames.has(int(g.Of)):
		return fmt.Errorf("%d is not a pair of policies", g.Of)
	case !statisticNames.has(int(g.Statistic)):
		return fmt.Errorf("%d is not a statistic", g.Statistic)
	case g.Level != TokenLevel && g.Level != SequenceLevel && g.Level != ProductLevel:
		return fmt.Errorf("level %v: want token, sequence or product", g.Level)
	case g.Any && g.Level != TokenLevel:
		return fmt.Errorf("any token, at level %v: want the token level", g.Level)
	case g.Low == 0 && g.High == 0:
		return fmt.Errorf("a gate without a bound")
	case !(g.Floor >= 0 && g.Floor < 0.5):
		return fmt.Errorf("floor %v of probabilities: want it in [0, 0.5)", g.Floor)
	}
	return checkBounds(g.Low, g.High)
}

// String returns the formula.
func (g Gate) String() string {
	x := fmt.Sprintf("%v(%s)", g.Statistic, g.Of.formula())
	switch {
	case g.Any:
		x = "every " + x
	case g.Level == SequenceLevel:
		x = "mean " + x
	case g.Level == ProductLevel:
		x = "sum " + x
	}
	return fmt.Sprintf("1 if %s in [%v, %v] else 0", x, g.Low, bound(g.High, "inf"))
}
