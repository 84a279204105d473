package atropos

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/grouprl/grouprl/advantage"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/rollout"
)

// Extension is the key of GroupOverrides under which FromGroup puts what the wire
// format has no word for, and Group finds it. Other trainers pass over it.
const Extension = "grouprl"

type extension struct {
	Problem  string
	Round    int
	Samples  []int
	Versions [][][2]int64 // of each completion runs of (version, tokens); of one for all a single run
	Statuses []rollout.Status
}

// FromGroup turns a group into what goes over the wire: prompt and completion one
// after the other, Ignore and NoLogProb on the prompt, the reward as score,
// SetAdvantageToZero where the window cut the completion. All completions have
// log-probabilities or none. Text is not sent.
//
// Errors: *rollout.PackError for a group that could not be trained on.
func FromGroup(g *rollout.Group) (*ScoredData, error) {
	var batch grpo.Batch[float32]
	if err := rollout.Pack(&batch, g); err != nil {
		return nil, err
	}
	d := new(ScoredData)
	x := extension{Problem: g.Problem.ID, Round: g.Round}
	truncated := false
	for i, c := range g.Completions {
		n := len(c.Prompt)
		tokens := append(slices.Clone(c.Prompt), c.Tokens...)
		mask := slices.Clone(tokens)
		for t := range n {
			mask[t] = Ignore
		}
		d.Tokens = append(d.Tokens, tokens)
		d.Masks = append(d.Masks, mask)
		d.Scores = append(d.Scores, g.Verdicts[i].Reward)
		if batch.RolloutLogProbs != nil {
			row := make([]float32, n, len(tokens))
			for t := range row {
				row[t] = NoLogProb
			}
			d.InferenceLogProbs = append(d.InferenceLogProbs, append(row, c.LogProbs...))
		}
		d.Overrides = append(d.Overrides, Override{})
		if c.Truncated() {
			truncated = true
			d.Overrides[i][SetAdvantageToZero] = true
		}
		x.Samples = append(x.Samples, c.Sample)
		x.Statuses = append(x.Statuses, g.Verdicts[i].Status)
		runs := [][2]int64{}
		for _, v := range c.Versions {
			if k := len(runs) - 1; k >= 0 && runs[k][0] == v {
				runs[k][1]++
			} else {
				runs = append(runs, [2]int64{v, 1})
			}
		}
		x.Versions = append(x.Versions, runs)
	}
	if !truncated {
		d.Overrides = nil
	}
	d.GroupOverrides = map[string]any{Extension: x}
	return d, nil
}

// Group turns what came over the wire into a group whose completions hold the tokens
// that are trained. What FromGroup sent comes back as it was, without texts, tests
// and the details of the verdicts. A group of another environment gets id as its
// problem's ID, and verdicts that say Accepted for a positive score and WrongAnswer
// for any other, since the reward is all that is known.
//
// Errors: *ShapeError, also for a sequence with untrained tokens after trained ones,
// of several turns: a Completion is one piece. Pack takes those too.
func (d *ScoredData) Group(id string) (*rollout.Group, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	x := extension{Problem: id}
	if v, ok := d.GroupOverrides[Extension]; ok {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, &x)
		}
		if n := len(d.Tokens); err != nil || len(x.Samples) != n || len(x.Versions) != n || len(x.Statuses) != n {
			return nil, &ShapeError{-1, "group_overrides", fmt.Sprintf("%s: not what FromGroup writes", Extension)}
		}
	}
	g := &rollout.Group{Problem: &rollout.Problem{ID: x.Problem, Tests: noTests}, Round: x.Round}
	for i, tokens := range d.Tokens {
		n := 0
		for n < len(tokens) && d.Masks[i][n] == Ignore {
			n++
		}
		for t := n; t < len(tokens); t++ {
			if d.Masks[i][t] != tokens[t] {
				return nil, &ShapeError{i, "masks", fmt.Sprintf("%d at token %d, which is %d and after the first trained one", d.Masks[i][t], t, tokens[t])}
			}
		}
		c := &rollout.Completion{Sample: i, Prompt: slices.Clone(tokens[:n]), Tokens: slices.Clone(tokens[n:])}
		if d.InferenceLogProbs != nil {
			c.LogProbs = slices.Clone(d.InferenceLogProbs[i][n:])
		}
		if i < len(d.Overrides) && d.Overrides[i].Truncated() {
			c.Finish = rollout.Length
		}
		v := rollout.Verdict{Status: rollout.WrongAnswer, Reward: d.Scores[i], Test: -1}
		if v.Reward > 0 {
			v.Status = rollout.Accepted
		}
		if x.Samples != nil {
			c.Sample, v.Status = x.Samples[i], x.Statuses[i]
			for _, run := range x.Versions[i] {
				if run[1] < 0 || run[1] > int64(max(len(c.Tokens), 1)-len(c.Versions)) {
					return nil, &ShapeError{i, "group_overrides", "versions for more tokens than there are"}
				}
				for range run[1] {
					c.Versions = append(c.Versions, run[0])
				}
			}
		}
		g.Completions = append(g.Completions, c)
		g.Verdicts = append(g.Verdicts, v)
	}
	return g, nil
}

func noTests(yield func(rollout.Test, error) bool) {
	yield(rollout.Test{}, fmt.Errorf("atropos: a problem's tests do not go over the wire"))
}

// Normalized appends to dst one advantage a sequence, as the reference trainer
// computes them:
//
//	(score - mean) / max(std, 1e-8), std with divisor n
//
// within the group; a single sequence keeps its score. Then those with
// SetAdvantageToZero become 0: truncated sequences count in the mean and the spread.
// Where all scores are equal the advantages are 0, also where rounding makes the
// reference trainer compute something else.
func (d *ScoredData) Normalized(dst []float64) ([]float64, error) {
	if err := d.Check(); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = append(dst, d.Scores...)
	truncated := d.Truncated(nil)
	if len(d.Scores) == 1 {
		if truncated[0] {
			dst[start] = 0
		}
		return dst, nil
	}
	recipe := advantage.GroupRelative{Epsilon: 1e-8, EpsilonPlace: advantage.FloorStd}
	return dst, recipe.Estimate(dst[start:], &advantage.Input{Rewards: d.Scores, Groups: make([]int, len(d.Scores)), Truncated: truncated})
}

// Pack writes the groups of a batch into dst, whatever environment they come from:
// one response a sequence, one token for each but the first of its tokens, in order.
// Position t of a response is the model's prediction of its token t+1. It sets
//
//	Offsets          from 0
//	Mask             whether masks trains the token: prompts, and turns that the model did not write, are not
//	RolloutLogProbs  inference_logprobs of the tokens; nil if no group has any
//	Advantages       as (*ScoredData).Normalized
//	Groups           the index of the group
//	Keys             the index of the sequence
//	Rewards          scores
//
// reusing their memory, and sets every other field to nil. tokens [T] are the ids
// whose log-probabilities the trainer fills in; with tokens[i] before each it has the
// inputs too: first [S] are the sequences' first tokens.
//
// Errors: *ShapeError, and dst is as it was. Log-probabilities that only some groups
// have are one.
func Pack[F grpo.Float](dst *grpo.Batch[F], groups ...*ScoredData) (first, tokens []int32, err error) {
	var advantages []float64
	for _, d := range groups {
		if advantages, err = d.Normalized(advantages); err != nil {
			return nil, nil, err
		}
		if (d.InferenceLogProbs == nil) != (groups[0].InferenceLogProbs == nil) {
			return nil, nil, &ShapeError{-1, "inference_logprobs", "some groups have them, some have not"}
		}
		for i, row := range d.Tokens {
			if len(row) == 0 {
				return nil, nil, &ShapeError{i, "tokens", "none"}
			}
		}
	}
	b := grpo.Batch[F]{
		Offsets: append(dst.Offsets[:0], 0), Mask: dst.Mask[:0], Advantages: append(dst.Advantages[:0], advantages...),
		Groups: dst.Groups[:0], Keys: dst.Keys[:0], Rewards: dst.Rewards[:0],
	}
	if len(groups) > 0 && groups[0].InferenceLogProbs != nil {
		b.RolloutLogProbs = dst.RolloutLogProbs[:0]
	}
	for k, d := range groups {
		for i, row := range d.Tokens {
			first = append(first, row[0])
			tokens = append(tokens, row[1:]...)
			for _, m := range d.Masks[i][1:] {
				b.Mask = append(b.Mask, m != Ignore)
			}
			if d.InferenceLogProbs != nil {
				for _, l := range d.InferenceLogProbs[i][1:] {
					b.RolloutLogProbs = append(b.RolloutLogProbs, F(l))
				}
			}
			b.Offsets = append(b.Offsets, len(tokens))
			b.Groups = append(b.Groups, k)
			b.Keys = append(b.Keys, uint64(len(b.Keys)))
			b.Rewards = append(b.Rewards, d.Scores[i])
		}
	}
	*dst = b
	return first, tokens, nil
}
