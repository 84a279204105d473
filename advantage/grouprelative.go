package advantage

import (
	"math"
)

// GroupRelative is the advantage of GRPO and its relatives,
//
//	A_i = (r_i - Baseline_i - Shift) / (Scale_i + Epsilon)
//
// and its zero value is the NousCoder recipe: mean and standard deviation of the
// group with divisor n, epsilon 0, singletons and groups of equal rewards 0,
// truncated responses in the baseline and then 0, a NaN reward an error.
//
// Source: Shao et al., DeepSeekMath, arXiv 2402.03300. What frameworks compute
// otherwise, each one a field here:
//
//	TRL GRPOTrainer 1.16                DDof 1, Epsilon 1e-4, NaNExclude
//	TRL AsyncGRPO                       DDof 0, Epsilon 1e-8
//	verl 0.9.1 grpo, SkyRL 0.3          DDof 1, Epsilon 1e-6, SingletonReward
//	OpenRLHF 0.11 group_norm            DDof 1, Epsilon 1e-9
//	slime, ROLL                         DDof 1, Epsilon 1e-6
//	AReaL 1.0                           DDof 1, Epsilon 1e-5
//	NeMo RL                             LeaveOneOut, LeaveOneOutStd, DDof 1, Epsilon 1e-6, ZeroSpreadCenter
//	NousCoder's trainer, atropos        DDof 0, FloorStd with Epsilon 1e-8
//	open-instruct, prime-rl, tinker     NoScale (their default)
//
// The sets that baseline and scale are taken over (the group, or the batch) decide
// what is a singleton and what has zero spread: with BatchMean and NoScale, a group
// of equal rewards still has advantages.
type GroupRelative struct {
	Baseline     Baseline     // default GroupMean
	Shift        float64      // added to the baseline: AsymRE; default 0
	Scale        Scale        // default GroupStd
	DDof         int          // variance is divided by n - DDof: 0 (default) or 1
	Epsilon      float64      // default 0
	EpsilonPlace EpsilonPlace // default AddToStd
	Singleton    Singleton    // default SingletonZero
	ZeroSpread   ZeroSpread   // default ZeroSpreadZero
	Tolerance    float64      // spread that counts as zero; default 0: equal rewards only
	Overlong     Overlong     // default ZeroAfter
	NaN          NaN          // default NaNError
}

// DrGRPO is A_i = r_i - mean of the group: no division, so that easy and hard
// prompts are not weighed up. Liu et al., Understanding R1-Zero-Like Training, arXiv
// 2503.20783. TRL's scale_rewards="none", verl's norm_adv_by_std_in_grpo=False,
// the default of prime-rl, tinker-cookbook and open-instruct.
func DrGRPO() GroupRelative { return GroupRelative{Scale: NoScale} }

// RLOO is leave-one-out,
//
//	A_i = r_i - (sum of the others' rewards)/(n-1) = n/(n-1) (r_i - mean of the group)
//
// Ahmadian et al., Back to Basics, arXiv 2402.14740. TRL whitens it afterwards on
// request (see Whiten); verl's rloo keeps the reward of a singleton, its
// rloo_vectorized gives 0 as here; OpenRLHF divides by zero there.
func RLOO() GroupRelative { return GroupRelative{Baseline: LeaveOneOut, Scale: NoScale} }

// BatchScaled is A_i = (r_i - mean of the group) / standard deviation of all
// rewards of the batch ("lite PPO", arXiv 2508.08221). TRL's scale_rewards="batch"
// has DDof 1 and Epsilon 1e-4.
func BatchScaled() GroupRelative { return GroupRelative{Scale: BatchStd} }

// PerToken is false.
func (GroupRelative) PerToken() bool { return false }

// line is what the formula needs of a group: A = factor * ((r - low) - mean) / divisor.
type line struct {
	low, mean, factor, divisor float64
	kind                       lineKind
}

type lineKind uint8

const (
	computed lineKind = iota
	zero              // A = 0
	raw               // A = r
)

// validate checks the fields.
func (o *GroupRelative) validate(t string) error {
	switch {
	case o.DDof != 0 && o.DDof != 1:
		return &OptionError{t, "DDof", "must be 0 or 1"}
	case !(o.Epsilon >= 0) || math.IsInf(o.Epsilon, 0):
		return &OptionError{t, "Epsilon", "must be finite and not negative"}
	case !(o.Tolerance >= 0) || math.IsInf(o.Tolerance, 0):
		return &OptionError{t, "Tolerance", "must be finite and not negative"}
	case math.IsNaN(o.Shift) || math.IsInf(o.Shift, 0):
		return &OptionError{t, "Shift", "must be finite"}
	}
	for _, c := range []struct {
		field string
		value int
		names []string
	}{
		{"Baseline", int(o.Baseline), baselineNames},
		{"Scale", int(o.Scale), scaleNames},
		{"EpsilonPlace", int(o.EpsilonPlace), epsilonPlaceNames},
		{"Singleton", int(o.Singleton), singletonNames},
		{"ZeroSpread", int(o.ZeroSpread), zeroSpreadNames},
		{"Overlong", int(o.Overlong), overlongNames},
		{"NaN", int(o.NaN), nanNames},
	} {
		if c.value < 0 || c.value >= len(c.names) {
			return &OptionError{t, c.field, "unknown value"}
		}
	}
	return nil
}

// perGroup reports whether baseline or scale is taken over the group.
func (o *GroupRelative) perGroup() bool {
	return o.Baseline <= LengthWeightedMean || o.Scale == GroupStd || o.Scale == LeaveOneOutStd
}

// perBatch reports whether baseline or scale is taken over the batch.
func (o *GroupRelative) perBatch() bool { return o.Baseline == BatchMean || o.Scale == BatchStd }

// Estimate writes one advantage a response. It needs Rewards, Groups unless both
// baseline and scale go without, Lengths for LengthWeightedMean and Baselines for
// GivenBaseline.
func (o GroupRelative) Estimate(dst []float64, in *Input) error {
	if err := o.check("GroupRelative", dst, in); err != nil {
		return written(dst, err)
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	return written(dst, o.estimate(dst, in, g))
}

// check checks fields and input but for the rewards.
func (o *GroupRelative) check(estimator string, dst []float64, in *Input) error {
	err := first(o.validate(estimator), in.responses(estimator, dst, o.perGroup()))
	if err == nil && o.Baseline == LengthWeightedMean {
		err = in.lengths(estimator)
	}
	if err == nil && o.Baseline == GivenBaseline {
		err = in.baselines(estimator, len(in.Rewards))
	}
	return err
}

func (o *GroupRelative) estimate(dst []float64, in *Input, g *workspace) error {
	if err := g.gather(in, o.perGroup(), o.Baseline == LengthWeightedMean || o.Scale == LeaveOneOutStd, o.NaN, o.Overlong); err != nil {
		return err
	}
	batch := stats{n: 2, high: math.Inf(1)} // neither a singleton nor without spread
	if o.perBatch() {
		batch = describe(g.values, g.buffer, o.DDof, o.Scale == BatchStd)
	}
	g.lines = grow(g.lines, g.count)
	for p := range g.lines {
		group := stats{n: 2, high: math.Inf(1)}
		if o.perGroup() {
			values, buffer := g.group(p)
			group = describe(values, buffer, o.DDof, o.Scale == GroupStd)
		}
		g.lines[p] = o.line(&group, &batch)
		if o.Baseline == LengthWeightedMean && g.lines[p].kind == computed {
			mean, err := g.lengthWeightedMean(p, group.low, in.Lengths)
			if err != nil {
				return err
			}
			g.lines[p].mean = mean + o.Shift
		}
	}
	for i, r := range in.Rewards {
		if in.silent(i) {
			dst[i] = 0
			continue
		}
		l := &g.lines[g.of[i]]
		mean := l.mean
		if o.Baseline == GivenBaseline {
			mean = in.Baselines[i] + o.Shift
		}
		switch l.kind {
		case computed:
			dst[i] = l.factor * ((r - l.low) - mean) / l.divisor
		case zero:
			dst[i] = 0
		case raw:
			dst[i] = r
		}
	}
	if o.Scale == LeaveOneOutStd {
		for p := range g.lines {
			if g.lines[p].kind == computed {
				o.divideByOthers(dst, g, p, in)
			}
		}
	}
	return nil
}

// line puts baseline, scale and policies together for the responses of a group.
func (o *GroupRelative) line(group, batch *stats) line {
	if group.n == 1 || batch.n == 1 {
		if o.Singleton == SingletonReward {
			return line{kind: raw}
		}
		return line{kind: zero}
	}
	l := line{factor: 1, divisor: 1}
	if group.spread() <= o.Tolerance || batch.spread() <= o.Tolerance {
		if o.ZeroSpread == ZeroSpreadZero {
			return line{kind: zero}
		}
	} else {
		switch o.Scale {
		case GroupStd:
			l.divisor = divisor(group.std, o.Epsilon, o.EpsilonPlace)
		case BatchStd:
			l.divisor = divisor(batch.std, o.Epsilon, o.EpsilonPlace)
		}
	}
	switch o.Baseline {
	case GroupMean, LengthWeightedMean:
		l.low, l.mean = group.low, group.mean+o.Shift
	case LeaveOneOut: // r - others' mean = n/(n-1) (r - mean)
		l.factor = float64(group.n) / float64(group.n-1)
		l.low, l.mean = group.low, group.mean+o.Shift/l.factor
	case BatchMean:
		l.low, l.mean = batch.low, batch.mean+o.Shift
	case NoBaseline:
		l.mean = o.Shift
	}
	return l
}

// lengthWeightedMean is sum len (r - low) / sum len over the rewards of group p.
func (g *workspace) lengthWeightedMean(p int, low float64, lengths []int) (float64, error) {
	values, buffer := g.group(p)
	if len(values) == 0 {
		return 0, nil
	}
	total := 0
	for k, v := range values {
		n := lengths[g.member[g.start[p]+k]]
		total += n
		buffer[k] = float64(n) * (v - low)
	}
	if total == 0 {
		return 0, &ValueError{"Lengths", g.member[g.start[p]], -1, 0, "every response of its group is empty"}
	}
	return sum(buffer, magnitude(buffer)) / float64(total), nil
}
