package grpo

import (
	"fmt"
	"math"
	"slices"
)

func init() { Register("real", REAL{}) }

// REAL treats a group as a classification problem (ms-swift 4.6.0): right responses
// shall have the larger score, whatever the size of their reward.
//
//	S_i = mean_t d_t / Tau        the sequence level's log-ratio
//	L = mean over groups of log(1 + sum_wrong e^S) + log(1 + sum_right e^-S)
//
//	dL/dS_i = e^S_i / (1 + sum_wrong e^S) / G       wrong, and minus the same of -S where right
//
// Right is Reward > 0. Groups with one label only are left out; a step without
// another group is an error. The advantage is not read. The responses of a group
// may lie in different micro-batches: it is a Planner whose two sums a group are of
// the whole step. Each response reports its own share of the loss, so use it with
// the Sum aggregation.
type REAL struct {
	Tau float64 // > 0; ms-swift 0.5

	Groups *REALGroups // filled in by Resolve
}

// REALGroups are the log-sums of a step's groups, in ascending order of Group.
type REALGroups struct {
	Groups []REALGroup
	Count  int // of those with both labels: G
}

// REALGroup holds log(1 + sum e^S) of the wrong and log(1 + sum e^-S) of the right
// responses of a group, and how many they are.
type REALGroup struct {
	Group                  int
	LogWrong, LogRight     float64
	CountWrong, CountRight int
}

// score returns what a response adds to its log-sum, and its sign there.
func (o REAL) score(r *Response) (s, sign float64) {
	sign = 1
	if r.Reward > 0 {
		sign = -1
	}
	return sign * r.LogRatio[0] / o.Tau, sign
}

// Observe implements Planner: rows of group, sign and score.
func (o REAL) Observe(s *Sample, r *Response) {
	score, sign := o.score(r)
	s.Add(float64(r.Group), sign, score)
}

// Resolve implements Planner.
func (o REAL) Resolve(s *Sample) (any, error) {
	o.Groups = &REALGroups{}
	for i := range s.Len() {
		row := s.Row(i)
		n := len(o.Groups.Groups)
		if n == 0 || o.Groups.Groups[n-1].Group != int(row[0]) {
			o.Groups.Groups = append(o.Groups.Groups, REALGroup{Group: int(row[0])})
			n++
		}
		g := &o.Groups.Groups[n-1]
		if row[1] > 0 {
			g.LogWrong, g.CountWrong = logAdd(g.LogWrong, row[2]), g.CountWrong+1
		} else {
			g.LogRight, g.CountRight = logAdd(g.LogRight, row[2]), g.CountRight+1
		}
	}
	for _, g := range o.Groups.Groups {
		if g.CountWrong > 0 && g.CountRight > 0 {
			o.Groups.Count++
		}
	}
	if o.Groups.Count == 0 && s.Len() > 0 {
		return nil, fmt.Errorf("no group has both right and wrong responses")
	}
	return o, nil
}

// logAdd returns log(e^a + e^b).
func logAdd(a, b float64) float64 {
	high, low := max(a, b), min(a, b)
	return high + math.Log1p(math.Exp(low-high))
}

// Resolved implements Planner.
func (o REAL) Resolved() bool { return o.Groups != nil }

// Loss implements Surrogate: the response's share of the loss, spread over its tokens.
func (o REAL) Loss(loss, dloss []float64, r *Response) {
	value, slope := o.share(r)
	n := float64(len(loss))
	for t := range loss {
		loss[t], dloss[t] = value/n, slope/n
	}
}

// share returns the response's part of the loss and its derivative with respect to
// the log-ratio. What does not depend on it is shared out evenly.
func (o REAL) share(r *Response) (value, slope float64) {
	i, ok := slices.BinarySearchFunc(o.Groups.Groups, r.Group, func(g REALGroup, id int) int { return g.Group - id })
	if !ok || o.Groups.Groups[i].CountWrong == 0 || o.Groups.Groups[i].CountRight == 0 {
		return 0, 0
	}
	g := o.Groups.Groups[i]
	s, sign := o.score(r)
	log, count := g.LogWrong, g.CountWrong
	if sign < 0 {
		log, count = g.LogRight, g.CountRight
	}
	p := math.Exp(s - log)
	rest := (log + math.Expm1(-log)) / float64(count) // the p of a label add up to 1 - e^-log
	return (p + rest) / float64(o.Groups.Count), sign * p / o.Tau / float64(o.Groups.Count)
}

// Held implements Holder: nothing is.
func (REAL) Held(held []bool, _ *Response) { clear(held) }

// DefinedAt implements Leveler: at the sequence level.
func (REAL) DefinedAt(l Level) bool { return l == SequenceLevel }

// Needs implements Needer.
func (REAL) Needs() Fields { return FieldGroups | FieldRewards }

// Validate implements Validator.
func (o REAL) Validate() error {
	if !(o.Tau > 0) || o.Tau > maxBound {
		return fmt.Errorf("temperature %v: want a finite number > 0", o.Tau)
	}
	return nil
}

// String returns the formula.
func (o REAL) String() string {
	return fmt.Sprintf("mean_g log(1 + sum_wrong e^S) + log(1 + sum_right e^-S), S = log r/%v", o.Tau)
}

// NewREAL returns the REAL objective with ms-swift's temperature 0.5.
func NewREAL() Objective {
	return Objective{Ratio: Ratio{Level: SequenceLevel}, Surrogate: REAL{Tau: 0.5}, Aggregation: Sum{}}
}
