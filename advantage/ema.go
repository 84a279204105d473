package advantage

import "math"

// EMA is a baseline that remembers earlier steps, one for each id: a prompt, a role, or
// one id for all. It is state, so it lives outside the estimators: Baselines fills
// Input.Baselines before the step, Update learns the step's rewards after it. All of it
// is exported, and it round-trips as JSON.
//
//	b_id <- Decay b_id + (1 - Decay) mean of the step's rewards of id
//
// starting from Initial. One update a step, by the mean, so that the order of the
// responses does not matter; prime-rl's role-conditioned baselines (RAE, arXiv
// 2506.24119) are updated response by response.
type EMA struct {
	Decay   float64         `json:"decay"`   // 0 (default): the last step's mean
	Initial float64         `json:"initial"` // of an id never seen; default 0
	Values  map[int]float64 `json:"values"`  // by id; nil: none seen
}

// Baselines overwrites dst [S] with the baseline of each response's id.
func (e *EMA) Baselines(dst []float64, ids []int) error {
	if len(dst) != len(ids) {
		return &LengthError{"dst", len(dst), len(ids)}
	}
	for i, id := range ids {
		b, ok := e.Values[id]
		if !ok {
			b = e.Initial
		}
		dst[i] = b
	}
	return nil
}

// Update moves the baselines of the ids of a step. After an error nothing has changed.
func (e *EMA) Update(ids []int, rewards []float64) error {
	if !(e.Decay >= 0 && e.Decay <= 1) {
		return &OptionError{"EMA", "Decay", "must be between 0 and 1"}
	}
	if len(ids) != len(rewards) {
		return &LengthError{"ids", len(ids), len(rewards)}
	}
	g := pool.Get().(*workspace)
	defer pool.Put(g)
	if err := g.gather(&Input{Rewards: rewards, Groups: ids}, true, true, NaNError, ZeroAfter); err != nil {
		return err
	}
	for p := range g.count {
		values, buffer := g.group(p)
		s := describe(values, buffer, 0, false)
		if m := s.low + s.mean; math.IsNaN(m) || math.IsInf(m, 0) {
			return &ValueError{"Rewards", g.member[g.start[p]], -1, values[0], "the mean of its id overflows"}
		}
	}
	if e.Values == nil {
		e.Values = make(map[int]float64, g.count)
	}
	for p := range g.count {
		values, buffer := g.group(p)
		s := describe(values, buffer, 0, false)
		id := ids[g.member[g.start[p]]]
		b, ok := e.Values[id]
		if !ok {
			b = e.Initial
		}
		e.Values[id] = float64(e.Decay*b) + float64((1-e.Decay)*(s.low+s.mean))
	}
	return nil
}
