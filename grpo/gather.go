package grpo

import (
	"math"

	"github.com/grouprl/grouprl/grpo/internal/pass"
)

// reading is what an objective reads of a batch.
type reading[F Float] struct {
	o       *Objective
	b       *Batch[F]
	checked Fields // declared by a part: a non-finite value is an error by name
	given   Fields // filled in for the rules: checked, and whatever undeclared rules may read
	coupled bool   // a value that is dropped takes its whole response along

	tokenwise bool // no rule looks at more than the ratios
}

// read checks an objective against a batch: part by part, then field by field.
func read[F Float](o *Objective, b *Batch[F]) (reading[F], error) {
	rd := reading[F]{o: o, b: b}
	if err := o.Validate(); err != nil {
		return rd, err
	}
	if err := b.check(); err != nil {
		return rd, err
	}
	if given := len(b.Advantages) > 0; given == (len(b.TokenAdvantages) > 0) && b.Len() > 0 {
		if given {
			return rd, &BatchError{"Batch.Advantages", "both Advantages and TokenAdvantages are given: want one of the two"}
		}
		return rd, &FieldError{"Advantages", "every objective"}
	}
	if len(b.TokenAdvantages) > 0 && o.Ratio.Level.Shared() {
		return rd, &ObjectiveError{"Ratio.Level", "token advantages need a ratio whose derivative goes to the token: " +
			"at the level \"" + o.Ratio.Level.String() + "\" all tokens of a response share one"}
	}
	open := false
	for _, p := range [...]struct {
		name   string
		fields Fields
	}{
		{"Ratio.Anchor", o.Ratio.Anchor.needs()}, {"KL", o.KL.needs()}, {"Aggregation", o.aggregationNeeds()},
	} {
		if err := rd.require(p.name, p.fields); err != nil {
			return rd, err
		}
	}
	if o.Entropy.on() {
		if err := rd.require("Entropy", FieldEntropy); err != nil {
			return rd, err
		}
	}
	if err := rd.rule("Surrogate", o.Surrogate, &open); err != nil {
		return rd, err
	}
	for _, w := range o.Weights {
		if err := rd.rule("Weights", w, &open); err != nil {
			return rd, err
		}
	}
	rd.given = rd.checked
	if open {
		rd.given |= rd.available()
	}
	rd.coupled = o.Ratio.Level != TokenLevel || len(o.Weights) > 0 || o.KL.Factor.Level == SequenceLevel
	return rd, nil
}

func (rd *reading[F]) rule(name string, rule any, open *bool) error {
	n, ok := rule.(Needer)
	if !ok {
		*open = true
		return nil
	}
	return rd.require(name, n.Needs())
}

// require marks fields as read by a part and returns a *FieldError if the batch
// lacks one. OldLogProbs never lack: nil means on-policy.
func (rd *reading[F]) require(by string, f Fields) error {
	rd.checked |= f
	if missing := f &^ (rd.available() | FieldOld); missing != 0 && rd.b.Len() > 0 {
		for _, x := range fieldNames {
			if missing&x.field != 0 {
				return &FieldError{x.name, by}
			}
		}
	}
	return nil
}

var fieldNames = [...]struct {
	field Fields
	name  string
}{
	{FieldOld, "OldLogProbs"}, {FieldRollout, "RolloutLogProbs"}, {FieldRef, "RefLogProbs"}, {FieldEntropy, "Entropies"},
	{FieldRewards, "Rewards"}, {FieldGroups, "Groups"}, {FieldEpisodes, "Episodes"}, {FieldKeys, "Keys"},
}

func (rd *reading[F]) available() (f Fields) {
	b := rd.b
	for _, x := range [...]struct {
		field Fields
		n     int
	}{
		{FieldOld, len(b.OldLogProbs)}, {FieldRollout, len(b.RolloutLogProbs)}, {FieldRef, len(b.RefLogProbs)},
		{FieldEntropy, len(b.Entropies)}, {FieldRewards, len(b.Rewards)}, {FieldGroups, len(b.Groups)},
		{FieldEpisodes, len(b.Episodes)}, {FieldKeys, len(b.Keys)},
	} {
		if x.n > 0 {
			f |= x.field
		}
	}
	return f
}

// gather finds counted tokens lo to hi-1 of response i in the batch: s.lps, s.anchors and
// s.others as they are, and s.r, what the rules see but for the ratio, in float64.
// Log-probabilities are unpacked only for rules that may look at them.
func (rd *reading[F]) gather(s *scratch[F], i, lo, hi int) error {
	s.lo = lo
	s.resize(hi - lo)
	b, o, r := rd.b, rd.o, &s.r
	*r = Response{Length: s.length, Reward: math.NaN(), Advantage: s.advantage}
	ok := s.advantages(b, i)
	if len(b.Rewards) > 0 {
		r.Reward = b.Rewards[i]
		ok = ok && (rd.checked&FieldRewards == 0 || finite(r.Reward))
	}
	if len(b.Groups) > 0 {
		r.Group = b.Groups[i]
	}
	if len(b.Keys) > 0 {
		r.key = b.Keys[i]
	}

	lp, old, rollout, ref, entropy := rd.columns(s)
	unpack := func(dst []float64, src []F, f Fields) []float64 {
		if len(src) == 0 {
			return nil
		}
		if !pass.Widen(dst, src) && rd.checked&f != 0 {
			ok = false
		}
		return dst
	}
	r.Entropy = unpack(s.entropy, entropy, FieldEntropy)
	if !rd.tokenwise {
		r.LogProb = unpack(s.lp, lp, 0)
		r.Old = r.LogProb
		if rd.offPolicy() {
			r.Old = unpack(s.old, old, FieldOld)
		}
		r.Rollout = unpack(s.rollout, rollout, FieldRollout)
		r.Ref = unpack(s.ref, ref, FieldRef)
		r.Anchor = [...][]float64{Old: r.Old, Rollout: r.Rollout, Current: r.LogProb}[o.Ratio.Anchor]
	}

	if !ok {
		return rd.firstBad(s, i)
	}
	return nil
}

// columns finds the block's tokens of the fields that the objective reads, nil for the
// others, and among them s.lps, s.anchors and s.others.
func (rd *reading[F]) columns(s *scratch[F]) (lp, old, rollout, ref, entropy []F) {
	b, o := rd.b, rd.o
	lp = s.column(columnLogProbs, b.LogProbs)
	old = lp
	if rd.offPolicy() {
		old = s.column(columnOld, b.OldLogProbs)
	}
	if rd.given&FieldRollout != 0 {
		rollout = s.column(columnRollout, b.RolloutLogProbs)
	}
	if rd.given&FieldRef != 0 {
		ref = s.column(columnRef, b.RefLogProbs)
	}
	if rd.given&FieldEntropy != 0 {
		entropy = s.column(columnEntropies, b.Entropies)
	}
	s.lps = lp
	s.anchors = [...][]F{Old: old, Rollout: rollout, Current: lp}[o.Ratio.Anchor]
	s.others = [...][]F{AgainstRef: ref, AgainstOld: old, AgainstRollout: rollout}[o.KL.Against]
	return lp, old, rollout, ref, entropy
}

// offPolicy reports whether OldLogProbs are read and are others than LogProbs.
func (rd *reading[F]) offPolicy() bool { return rd.given&FieldOld != 0 && len(rd.b.OldLogProbs) > 0 }

// firstBad finds the first non-finite value that the objective reads in the block,
// token by token, and lists all its bad tokens in s.bad.
func (rd *reading[F]) firstBad(s *scratch[F], i int) error {
	b := rd.b
	if len(b.TokenAdvantages) == 0 && !finite(b.Advantages[i]) {
		return &ValueError{"Advantages", i, -1, b.Advantages[i]}
	}
	if rd.checked&FieldRewards != 0 && !finite(s.r.Reward) {
		return &ValueError{"Rewards", i, -1, s.r.Reward}
	}
	columns := [...]struct {
		name  string
		x     []F
		field Fields
	}{
		{"LogProbs", b.LogProbs, 0}, {"OldLogProbs", b.OldLogProbs, FieldOld},
		{"RolloutLogProbs", b.RolloutLogProbs, FieldRollout}, {"RefLogProbs", b.RefLogProbs, FieldRef},
		{"Entropies", b.Entropies, FieldEntropy},
	}
	s.bad = s.bad[:0]
	var first error
	for t, a := range s.advantage {
		token := s.at(t)
		name, bad := "TokenAdvantages", a
		for _, c := range columns {
			if len(c.x) > 0 && (c.field == 0 || rd.checked&c.field != 0) && !finite(float64(c.x[token])) {
				name, bad = c.name, float64(c.x[token])
				break
			}
		}
		if finite(bad) {
			continue
		}
		if first == nil {
			first = &ValueError{name, i, token, bad}
		}
		s.bad = append(s.bad, t)
	}
	return first
}

// drop marks the tokens that err is about, or the whole response where tokens are
// coupled, to be left out of the next attempt. It returns false if err is of
// another kind.
func (rd *reading[F]) drop(s *scratch[F], i int, err error) bool {
	v, ok := err.(*ValueError)
	if !ok {
		return false
	}
	if s.skip == nil {
		s.skip = make([]bool, rd.b.Offsets[i+1]-rd.b.Offsets[i])
	}
	if v.Token < 0 || rd.coupled {
		for t := range s.skip {
			s.skip[t] = true
		}
		return true
	}
	bad := make([]int, len(s.bad)) // at reads what marking would change
	for k, t := range s.bad {
		bad[k] = s.at(t) - s.from
	}
	for _, t := range bad {
		s.skip[t] = true
	}
	return true
}
