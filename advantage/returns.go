package advantage

// TokenReturns has one advantage a token, the discounted rewards from there on,
//
//	G_t = r_t + Gamma G_{t+1},   A_t = whiten(G_t - b)
//
// over the counted tokens of a response: masked ones are skipped, so a reward passes
// through them undiscounted. r_t is TokenRewards, and at the last counted token also
// Rewards. With KLReward the penalty of every token enters r_t.
//
// Its zero value is REINFORCE++ without discount and epsilon.
type TokenReturns struct {
	Gamma     float64   // discount a counted token, up to 1; default (0): 1
	Baselines bool      // subtract Input.Baselines: ReMax
	Raw       bool      // no whitening
	Whitening Whitening // over all counted tokens of the step
	Overlong  Overlong  // default ZeroAfter; Exclude also takes the tokens out of mean and deviation
}

// ReinforcePlusPlus is REINFORCE++: Hu et al., arXiv 2501.03262, with verl 0.9.1's
// constants, DDof 1 and Epsilon 1e-8 in the variance. OpenRLHF and NeMo RL have DDof 0
// and FloorVariance; SkyRL's returns start anew at a masked token.
func ReinforcePlusPlus() TokenReturns {
	return TokenReturns{Whitening: Whitening{DDof: 1, Epsilon: 1e-8, EpsilonPlace: AddToVariance}}
}

// PerToken is true.
func (TokenReturns) PerToken() bool { return true }

// Estimate writes one advantage a token. It needs Offsets, Rewards or TokenRewards,
// and Baselines if asked to subtract them. A reward that is not finite is an error.
func (o TokenReturns) Estimate(dst []float64, in *Input) error {
	const t = "TokenReturns"
	gamma, err := discount(t, "Gamma", o.Gamma)
	if err := first(err, o.Whitening.validate(t), validPolicies(t, o.Overlong, 0)); err != nil {
		return err
	}
	if err := in.tokens(t, dst); err != nil {
		return err
	}
	err = in.tokenRewards(t)
	if err == nil && o.Baselines {
		err = in.baselines(t, in.size())
	}
	if err != nil {
		return in.writtenTokens(dst, err)
	}
	for i := range in.size() {
		baseline := 0.0
		if o.Baselines {
			baseline = in.Baselines[i]
		}
		total := 0.0
		for at, reward := range in.backward(i) {
			total = reward + float64(gamma*total)
			dst[at] = total - baseline
		}
	}
	if !o.Raw {
		in.whiten(dst, &o.Whitening, o.Overlong)
	}
	in.mute(dst)
	return in.writtenTokens(dst, nil)
}

// discount checks a factor between 0 and 1 of which 0 means 1.
func discount(estimator, field string, x float64) (float64, error) {
	if !(x >= 0 && x <= 1) {
		return 0, &OptionError{estimator, field, "must be between 0 and 1"}
	}
	if x == 0 {
		return 1, nil
	}
	return x, nil
}
