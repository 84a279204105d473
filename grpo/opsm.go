package grpo

import "fmt"

func init() { Register("opsm", OPSM{}) }

// OPSM is the off-policy sequence mask (DeepSeek-V3.2, arXiv 2512.02556): it drops a
// response that was wrong and that the policy has left.
//
//	w = 1 where A >= 0 or mean_t(q_t - lp_t) <= Threshold, else 0
//
// q is OldLogProbs or, with Anchor Rollout, the sampler's. TRL
// (off_policy_mask_threshold) takes the sampler's where it has them, slime the old.
type OPSM struct {
	Threshold float64 // in nats a token, >= 0; TRL suggests 0.5
	Anchor    Anchor  // Old or Rollout
}

// Weigh implements Weight.
func (o OPSM) Weigh(w []float64, r *Response) {
	q := r.Old
	if o.Anchor == Rollout {
		q = r.Rollout
	}
	if sumDifference(q, r.LogProb)/float64(len(w)) <= o.Threshold {
		return
	}
	for t, a := range r.Advantage[:len(w)] {
		if !(a >= 0) {
			w[t] = 0
		}
	}
}

// Needs implements Needer.
func (o OPSM) Needs() Fields { return o.Anchor.needs() }

// Validate implements Validator.
func (o OPSM) Validate() error {
	if !(o.Threshold >= 0) || o.Threshold > maxBound || o.Anchor != Old && o.Anchor != Rollout {
		return fmt.Errorf("threshold %v of %v: want a finite number >= 0 of old or rollout", o.Threshold, o.Anchor)
	}
	return nil
}

// String returns the formula.
func (o OPSM) String() string {
	return fmt.Sprintf("1 if A >= 0 or mean(%v - lp) <= %v else 0", o.Anchor, o.Threshold)
}
