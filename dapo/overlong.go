package dapo

import "fmt"

// Overlong is DAPO's soft overlong punishment (arXiv 2503.14476, equation 13): a
// response that runs into the last Cache tokens before Max loses reward in
// proportion, and Factor beyond Max. With n its length in tokens:
//
//	0                                 n <= Max - Cache
//	-Factor (n - (Max-Cache)) / Cache    Max - Cache < n <= Max
//	-Factor                           n > Max
//
// It is added to the rewards after dynamic sampling has looked at the raw outcomes
// (advantage.Informative): a length penalty makes every group look varied.
//
// TRL's soft overlong reward is this; verl's, AReaL's and NeMo-RL's has no floor at
// -Factor, which matters only beyond Max. The paper's numbers are Max 20480, Cache
// 4096, Factor 1.
type Overlong struct {
	Max    int     // longest response, in tokens; 0: no punishment
	Cache  int     // tokens before Max in which the punishment grows; 0: a step at Max
	Factor float64 // 0 means 1
}

// OverlongError says that an Overlong or its arguments make no sense.
type OverlongError struct{ Reason string }

func (e *OverlongError) Error() string { return "dapo: overlong: " + e.Reason }

// Penalty returns what a response of n tokens loses: a number in [-Factor, 0].
func (o Overlong) Penalty(n int) float64 {
	factor := o.Factor
	if factor == 0 {
		factor = 1
	}
	switch over := n - (o.Max - o.Cache); {
	case o.Max == 0 || over <= 0:
		return 0
	case n > o.Max:
		return -factor
	default:
		return -factor * float64(over) / float64(o.Cache)
	}
}

// AddTo adds the penalty of each response [S] to its reward [S], in place.
func (o Overlong) AddTo(rewards []float64, lengths []int) error {
	if err := o.validate(); err != nil {
		return err
	}
	if len(rewards) != len(lengths) {
		return &OverlongError{fmt.Sprintf("%d rewards for %d lengths", len(rewards), len(lengths))}
	}
	for i, n := range lengths {
		if n < 0 {
			return &OverlongError{fmt.Sprintf("length of response %d is %d", i, n)}
		}
	}
	for i, n := range lengths {
		rewards[i] += o.Penalty(n)
	}
	return nil
}

func (o Overlong) validate() error {
	switch {
	case o.Max < 0 || o.Cache < 0 || o.Cache > o.Max:
		return &OverlongError{fmt.Sprintf("Max %d and Cache %d: want 0 <= Cache <= Max", o.Max, o.Cache)}
	case !(o.Factor >= 0) || o.Factor > 1e150:
		return &OverlongError{fmt.Sprintf("Factor %v: want a finite number >= 0", o.Factor)}
	}
	return nil
}
