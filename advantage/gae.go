package advantage

import "math"

// GAE is generalised advantage estimation with a critic's Values,
//
//	delta_t = r_t + Gamma V_{t+1} - V_t,   A_t = delta_t + Gamma lambda A_{t+1}
//
// over the counted tokens of a response: masked ones are skipped, V_{t+1} is that of
// the next counted token, and 0 after the last. r_t is TokenRewards, and at the last
// counted token also Rewards. The critic's target is A_t + V_t with Raw.
//
// Schulman et al., arXiv 1506.02438. verl 0.9.1 skips masked tokens too, and whitens
// with DDof 1, Epsilon 1e-8 AddToVariance; OpenRLHF takes them for steps of value 0.
type GAE struct {
	Gamma     float64   // up to 1; default (0): 1
	Lambda    float64   // 0 (default): one-step; 1: Monte Carlo
	Adaptive  float64   // alpha > 0: lambda = 1 - 1/(alpha * counted tokens), at least 0 (VAPO, arXiv 2504.05118); default 0: Lambda
	Raw       bool      // no whitening
	Whitening Whitening // over all counted tokens of the step
	Overlong  Overlong  // default ZeroAfter; Exclude also takes the tokens out of mean and deviation
}

// PerToken is true.
func (GAE) PerToken() bool { return true }

// Estimate writes one advantage a token. It needs Offsets, Values, and Rewards or
// TokenRewards. A number that is not finite is an error.
func (o GAE) Estimate(dst []float64, in *Input) error {
	const t = "GAE"
	gamma, err := discount(t, "Gamma", o.Gamma)
	switch {
	case err != nil:
		return err
	case !(o.Lambda >= 0 && o.Lambda <= 1):
		return &OptionError{t, "Lambda", "must be between 0 and 1"}
	case !(o.Adaptive >= 0) || math.IsInf(o.Adaptive, 0):
		return &OptionError{t, "Adaptive", "must be finite and not negative"}
	}
	if err := first(o.Whitening.validate(t), validPolicies(t, o.Overlong, 0)); err != nil {
		return err
	}
	if err := in.tokens(t, dst); err != nil {
		return err
	}
	if err := first(in.tokenRewards(t), in.perToken(t, "Values", in.Values)); err != nil {
		return in.writtenTokens(dst, err)
	}
	for i := range in.size() {
		lambda := o.Lambda
		if o.Adaptive > 0 {
			lambda = max(0, 1-1/(o.Adaptive*float64(in.countedTokens(i))))
		}
		next, advantage := 0.0, 0.0
		for at, reward := range in.backward(i) {
			delta := reward + float64(gamma*next) - in.Values[at]
			advantage = delta + float64(gamma*lambda*advantage)
			next = in.Values[at]
			dst[at] = advantage
		}
	}
	if !o.Raw {
		in.whiten(dst, &o.Whitening, o.Overlong)
	}
	in.mute(dst)
	return in.writtenTokens(dst, nil)
}
