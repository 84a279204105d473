package grpo

import "math"

// reading is what an objective reads of a batch.
type reading[F Float] struct {
	o       *Objective
	b       *Batch[F]
	checked Fields // declared by a part: a non-finite value is an error by name
	given   Fields // filled in for the rules: checked, and whatever undeclared rules may read
	coupled bool   // a value that is dropped takes its whole response along
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

// scratch is the working memory of one worker. Its slices hold one response.
type scratch struct {
	r      Response
	tokens []int  // index into [T] of each counted token, if they are not consecutive
	skip   []bool // [response's tokens] dropped by NonFinite; nil: none yet
	from   int    // first token of the response
	bad    []int  // counted tokens that the last error was about

	memory                                []float64
	old, rollout, ref, entropy, advantage []float64
	lp, d, q, logRatio, ratio             []float64
	loss, dloss, weight, grad             []float64
	klValue, klSlope, tmp                 []float64
	inside, held                          []bool
	bounded                               bool // Clamp or Cap: inside is in use
}

const scratchSlices = 17

// grow makes room for responses of n tokens.
func (s *scratch) grow(n int) {
	if cap(s.lp) < n {
		n += n / 8
		s.memory = make([]float64, scratchSlices*n)
		for i, p := range s.floats() {
			*p = s.memory[i*n : (i+1)*n : (i+1)*n]
		}
		s.inside = make([]bool, n)
		s.held = make([]bool, n)
		s.tokens = make([]int, n)
	}
}

func (s *scratch) floats() [scratchSlices]*[]float64 {
	return [...]*[]float64{
		&s.old, &s.rollout, &s.ref, &s.entropy, &s.advantage, &s.lp, &s.d, &s.q, &s.logRatio, &s.ratio,
		&s.loss, &s.dloss, &s.weight, &s.grad, &s.klValue, &s.klSlope, &s.tmp,
	}
}

// resize sets the length of every slice.
func (s *scratch) resize(n int) {
	for _, p := range s.floats() {
		*p = (*p)[:n]
	}
	s.inside, s.held = s.inside[:n], s.held[:n]
}

// at returns the index into [T] of counted token t.
func (s *scratch) at(t int) int {
	if len(s.tokens) > 0 {
		return s.tokens[t]
	}
	return s.from + t
}

// gather packs the counted tokens of response i into s and s.r. length is their
// number with those that NonFinite dropped.
func (rd *reading[F]) gather(s *scratch, i int) (length int, err error) {
	b := rd.b
	from, to := b.Offsets[i], b.Offsets[i+1]
	s.grow(to - from)
	s.from = from
	s.tokens = s.tokens[:0]
	n := to - from
	length = n
	if len(b.Mask) > 0 || s.skip != nil {
		n, length = 0, 0
		s.tokens = s.tokens[:to-from]
		for t := from; t < to; t++ {
			if len(b.Mask) > 0 && !b.Mask[t] {
				continue
			}
			length++
			if s.skip == nil || !s.skip[t-from] {
				s.tokens[n] = t
				n++
			}
		}
		s.tokens = s.tokens[:n]
		if n == to-from {
			s.tokens = s.tokens[:0] // consecutive after all
		}
	}
	s.resize(n)
	s.r = Response{Length: length, Reward: math.NaN()}
	if n == 0 {
		return length, nil
	}
	r := &s.r
	finite := pack(s.lp, b.LogProbs, s)
	r.LogProb = s.lp
	take := func(dst []float64, src []F, f Fields) []float64 {
		if rd.given&f == 0 || len(src) == 0 {
			return nil
		}
		if !pack(dst, src, s) && rd.checked&f != 0 {
			finite = false
		}
		return dst
	}
	r.Old = take(s.old, b.OldLogProbs, FieldOld)
	if r.Old == nil {
		r.Old = s.lp
	}
	r.Rollout = take(s.rollout, b.RolloutLogProbs, FieldRollout)
	r.Ref = take(s.ref, b.RefLogProbs, FieldRef)
	r.Entropy = take(s.entropy, b.Entropies, FieldEntropy)
	r.Anchor = [...][]float64{Old: r.Old, Rollout: r.Rollout, Current: s.lp}[rd.o.Ratio.Anchor]
	if len(b.TokenAdvantages) > 0 {
		finite = pack(s.advantage, b.TokenAdvantages, s) && finite
	} else {
		a := b.Advantages[i]
		finite = finite && a-a == 0
		for t := range s.advantage {
			s.advantage[t] = a
		}
	}
	r.Advantage = s.advantage
	if len(b.Rewards) > 0 {
		r.Reward = b.Rewards[i]
		finite = finite && (rd.checked&FieldRewards == 0 || r.Reward-r.Reward == 0)
	}
	if len(b.Groups) > 0 {
		r.Group = b.Groups[i]
	}
	if len(b.Keys) > 0 {
		r.key = b.Keys[i]
	}
	if !finite {
		return length, rd.firstBad(s, i)
	}
	return length, nil
}

// pack copies the counted tokens of src to dst and reports whether all are finite.
func pack[F Float](dst []float64, src []F, s *scratch) bool {
	bad := 0.0
	if len(s.tokens) > 0 {
		for t, k := range s.tokens {
			x := float64(src[k])
			dst[t] = x
			bad += x - x
		}
		return bad == 0
	}
	src = src[s.from : s.from+len(dst)]
	for t, x := range src {
		x := float64(x)
		dst[t] = x
		bad += x - x
	}
	return bad == 0
}

// firstBad finds the first non-finite value of a gathered response, token by
// token, and lists all its bad tokens in s.bad.
func (rd *reading[F]) firstBad(s *scratch, i int) error {
	r := &s.r
	if len(rd.b.TokenAdvantages) == 0 && !finite(rd.b.Advantages[i]) {
		return &ValueError{"Advantages", i, -1, rd.b.Advantages[i]}
	}
	if rd.checked&FieldRewards != 0 && !finite(r.Reward) {
		return &ValueError{"Rewards", i, -1, r.Reward}
	}
	columns := [...]struct {
		name string
		x    []float64
		read bool
	}{
		{"LogProbs", r.LogProb, true},
		{"OldLogProbs", r.Old, rd.checked&FieldOld != 0 && len(rd.b.OldLogProbs) > 0},
		{"RolloutLogProbs", r.Rollout, rd.checked&FieldRollout != 0},
		{"RefLogProbs", r.Ref, rd.checked&FieldRef != 0},
		{"Entropies", r.Entropy, rd.checked&FieldEntropy != 0},
		{"TokenAdvantages", r.Advantage, len(rd.b.TokenAdvantages) > 0},
	}
	s.bad = s.bad[:0]
	var first error
	for t := range r.LogProb {
		for _, c := range columns {
			if c.read && !finite(c.x[t]) {
				if first == nil {
					first = &ValueError{c.name, i, s.at(t), c.x[t]}
				}
				s.bad = append(s.bad, t)
				break
			}
		}
	}
	return first
}

// badToken returns a *ValueError for the first token t of response i for which
// isBad(t), with x[t] as its value, and lists all such tokens in s.bad.
func (s *scratch) badToken(field string, i int, x []float64, isBad func(t int) bool) error {
	s.bad = s.bad[:0]
	for t := range x {
		if isBad(t) {
			s.bad = append(s.bad, t)
		}
	}
	if len(s.bad) == 0 { // each is finite but their sum is not
		return &ValueError{field, i, -1, sum(x)}
	}
	return &ValueError{field, i, s.at(s.bad[0]), x[s.bad[0]]}
}

// drop marks the tokens that err is about, or the whole response where tokens are
// coupled, to be left out of the next attempt. It returns false if err is of
// another kind.
func (rd *reading[F]) drop(s *scratch, i int, err error) bool {
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

func finite(x float64) bool { return x-x == 0 }
