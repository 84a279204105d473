package advantage

import "math"

// OTB is the optimal token baseline: a baseline for every position of a group, which
// weighs returns by the squared gradient that each response has gathered so far,
//
//	A_i,t = G_i,t - B_t,   B_t = sum_i G_i,t W_i,t / (sum_i W_i,t + Epsilon)
//	W_i,t = sum_{u<=t} (1 - 2 p_i,u + sum_v p_v^2) w_i,u^2
//
// with G the undiscounted return (r_t is TokenRewards, and at the last counted token
// also Rewards), p = exp(LogProbs), sum_v p_v^2 = SquaredProbs and w = RolloutWeights.
// Position t is the t-th counted token. Beyond the second longest response of a group
// the baseline is 0 (there it would be the return itself). B_t is 0 where no weight is.
//
// verl 0.9.1's optimal_token_baseline, Epsilon 1e-8, which with masked tokens inside a
// response cuts the tail at a column and not at a count; its tir_ variant aligns by
// counted tokens as here. verl keeps the return of a singleton: SingletonReward.
type OTB struct {
	Epsilon   float64   // default 0
	KeepTail  bool      // the baseline beyond the second longest response stays
	Singleton Singleton // default SingletonZero; SingletonReward: A = G
	Overlong  Overlong  // default ZeroAfter; Exclude also takes the response out of B
}

// PerToken is true.
func (OTB) PerToken() bool { return true }

// Estimate writes one advantage a token. It needs Offsets, Groups, LogProbs,
// SquaredProbs, and Rewards or TokenRewards. A number that is not finite is an error.
func (o OTB) Estimate(dst []float64, in *Input) error {
	const t = "OTB"
	switch {
	case !(o.Epsilon >= 0) || math.IsInf(o.Epsilon, 0):
		return &OptionError{t, "Epsilon", "must be finite and not negative"}
	case o.Singleton < 0 || int(o.Singleton) >= len(singletonNames):
		return &OptionError{t, "Singleton", "unknown value"}
	}
	if err := validPolicies(t, o.Overlong, 0); err != nil {
		return err
	}
	if err := in.tokens(t, dst); err != nil {
		return err
	}
	err := first(in.tokenRewards(t), required(t, "Groups", in.Groups, in.size()),
		in.perToken(t, "LogProbs", in.LogProbs), in.perToken(t, "SquaredProbs", in.SquaredProbs))
	if err == nil && in.RolloutWeights != nil {
		err = in.perToken(t, "RolloutWeights", in.RolloutWeights)
	}
	if err != nil {
		return in.writtenTokens(dst, err)
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	for i := range in.size() {
		total := 0.0
		for at, reward := range in.backward(i) {
			total += reward
			dst[at] = total
		}
	}
	whole := *in
	g.scratch = grow(g.scratch, in.size())
	clear(g.scratch)
	whole.Rewards = g.scratch // only who belongs together matters
	if err := g.gather(&whole, true, true, NaNError, o.Overlong); err != nil {
		return in.writtenTokens(dst, err)
	}
	for p := range g.count {
		o.group(dst, in, g, p)
	}
	in.mute(dst)
	return in.writtenTokens(dst, nil)
}

// group turns the returns of group p into advantages.
func (o *OTB) group(dst []float64, in *Input, g *workspace, p int) {
	members := g.member[g.start[p]:g.start[p+1]]
	if len(members) == 1 && o.Singleton == SingletonZero {
		i := members[0]
		clear(dst[in.Offsets[i]:in.Offsets[i+1]])
	}
	if len(members) <= 1 {
		return
	}
	longest, second := 0, 0
	for _, i := range members {
		if n := in.countedTokens(i); n > longest {
			longest, second = n, longest
		} else if n > second {
			second = n
		}
	}
	positions := longest
	if !o.KeepTail {
		positions = second
	}
	n := len(members)
	g.cursor = grow(g.cursor, n)
	g.weight = grow(g.weight, 3*n)
	weight, sumW, sumGW := g.weight[:n], g.weight[n:2*n], g.weight[2*n:]
	for k, i := range members {
		g.cursor[k], weight[k] = in.Offsets[i]-1, 0
	}
	for range positions {
		alive := 0
		for k, i := range members {
			at := g.cursor[k] + 1
			for at < in.Offsets[i+1] && !in.counted(at) {
				at++
			}
			if g.cursor[k] = at; at >= in.Offsets[i+1] {
				g.cursor[k] = in.Offsets[i+1]
				continue
			}
			w := 1 - 2*math.Exp(in.LogProbs[at]) + in.SquaredProbs[at]
			if in.RolloutWeights != nil {
				w *= in.RolloutWeights[at] * in.RolloutWeights[at]
			}
			weight[k] += w
			sumW[alive], sumGW[alive] = weight[k], dst[at]*weight[k]
			alive++
		}
		total := sum(sumW[:alive], magnitude(sumW[:alive])) + o.Epsilon
		if total == 0 {
			continue
		}
		baseline := sum(sumGW[:alive], magnitude(sumGW[:alive])) / total
		for k, i := range members {
			if at := g.cursor[k]; at < in.Offsets[i+1] {
				dst[at] -= baseline
			}
		}
	}
}
