package rollout

import (
	"fmt"
	"math"

	"github.com/grouprl/grouprl/grpo"
)

// PackError says which part of a group cannot be packed, and why.
type PackError struct {
	Problem string // its ID
	Group   int    // index among the groups given
	Sample  int    // index within the group; -1: the group itself
	Token   int    // index within the completion; -1: the completion itself
	Field   string
	Why     string
}

func (e *PackError) Error() string {
	s := fmt.Sprintf("rollout: pack: group %d (problem %q)", e.Group, e.Problem)
	if e.Sample >= 0 {
		s += fmt.Sprintf(", completion %d", e.Sample)
	}
	if e.Token >= 0 {
		s += fmt.Sprintf(", token %d", e.Token)
	}
	return s + ": " + e.Field + ": " + e.Why
}

// Pack writes groups into dst as one batch: the completions of the first group,
// then those of the second, ...; S completions, T sampled tokens, prompts are not
// packed. It sets
//
//	Offsets          from 0 to T
//	RolloutLogProbs  Completion.LogProbs, bit for bit; nil if no completion has any
//	Groups           a hash of (Problem.ID, Group.Round): equal within a group, different between groups, also those that another rank packs
//	Keys             a hash of (Problem.ID, Group.Round, Completion.Sample)
//	Rewards          Verdict.Reward
//
// reusing their memory, and sets every other field to nil: LogProbs, OldLogProbs,
// RefLogProbs, Entropies, Advantages, TokenAdvantages, Episodes and Mask are the
// trainer's to fill, and those of an earlier step must not slip in.
// (*Group).Truncated, Lengths and Versions append what else a trainer needs in
// the same order.
//
// What cannot be a batch is a *PackError, and dst is as it was: a nil or empty
// group, verdicts that do not match the completions, an Unjudged verdict, a
// reward or log-probability that is not finite, log-probabilities that do not
// match the tokens or that only some completions have, versions that are neither
// none, one, nor one a token, and two completions with one key.
func Pack[F grpo.Float](dst *grpo.Batch[F], groups ...*Group) error {
	s, t := 0, 0
	var logProbs *bool // whether completions have them
	seen := make(map[uint64]struct{})
	for i, g := range groups {
		if g == nil {
			return &PackError{Group: i, Sample: -1, Token: -1, Field: "Group", Why: "nil"}
		}
		e := PackError{Group: i, Sample: -1, Token: -1}
		if g.Problem == nil {
			e.Field, e.Why = "Problem", "nil"
			return &e
		}
		e.Problem = g.Problem.ID
		if len(g.Completions) == 0 {
			e.Field, e.Why = "Completions", "none"
			return &e
		}
		if len(g.Verdicts) != len(g.Completions) {
			e.Field, e.Why = "Verdicts", fmt.Sprintf("%d for %d completions", len(g.Verdicts), len(g.Completions))
			return &e
		}
		for j, c := range g.Completions {
			e.Sample = j
			if c == nil {
				e.Field, e.Why = "Completions", "nil"
				return &e
			}
			if e.Token, e.Field, e.Why = c.check(); e.Field != "" {
				return &e
			}
			has := c.LogProbs != nil
			if len(c.Tokens) > 0 {
				if logProbs == nil {
					logProbs = &has
				} else if *logProbs != has {
					e.Field, e.Why = "LogProbs", "some completions have them, some have not"
					return &e
				}
			}
			v := &g.Verdicts[j]
			if v.Status == Unjudged {
				e.Field, e.Why = "Verdict", "Unjudged"
				return &e
			}
			if math.IsNaN(v.Reward) || math.IsInf(v.Reward, 0) {
				e.Field, e.Why = "Reward", fmt.Sprint(v.Reward)
				return &e
			}
			key := responseKey(g.Problem.ID, g.Round, c.Sample)
			if _, twice := seen[key]; twice {
				e.Field, e.Why = "Sample", fmt.Sprintf("sample %d of round %d is packed twice", c.Sample, g.Round)
				return &e
			}
			seen[key] = struct{}{}
			s++
			t += len(c.Tokens)
		}
	}

	b := grpo.Batch[F]{
		Offsets: resize(dst.Offsets, s+1),
		Groups:  resize(dst.Groups, s),
		Keys:    resize(dst.Keys, s),
		Rewards: resize(dst.Rewards, s),
	}
	if logProbs != nil && *logProbs {
		b.RolloutLogProbs = resize(dst.RolloutLogProbs, t)
	}
	s, t = 0, 0
	b.Offsets[0] = 0
	for _, g := range groups {
		for j, c := range g.Completions {
			for k, l := range c.LogProbs {
				b.RolloutLogProbs[t+k] = F(l)
			}
			t += len(c.Tokens)
			b.Offsets[s+1] = t
			b.Groups[s] = int(groupKey(g.Problem.ID, g.Round))
			b.Keys[s] = responseKey(g.Problem.ID, g.Round, c.Sample)
			b.Rewards[s] = g.Verdicts[j].Reward
			s++
		}
	}
	*dst = b
	return nil
}

// check names the first field that is inconsistent; field "" is none.
func (c *Completion) check() (token int, field, why string) {
	if c.LogProbs != nil && len(c.LogProbs) != len(c.Tokens) {
		return -1, "LogProbs", fmt.Sprintf("%d for %d tokens", len(c.LogProbs), len(c.Tokens))
	}
	for t, l := range c.LogProbs {
		if l := float64(l); math.IsNaN(l) || math.IsInf(l, 0) {
			return t, "LogProbs", fmt.Sprintf("%v: a sampled token has a finite log-probability", l)
		}
	}
	if n := len(c.Versions); n > 1 && n != len(c.Tokens) {
		return -1, "Versions", fmt.Sprintf("%d for %d tokens: want none, one, or one a token", n, len(c.Tokens))
	}
	return -1, "", ""
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// Truncated appends to dst whether the window cut each completion: the flags that
// an advantage estimator's overlong policy reads.
func (g *Group) Truncated(dst []bool) []bool {
	for _, c := range g.Completions {
		dst = append(dst, c.Truncated())
	}
	return dst
}

// Lengths appends each completion's number of sampled tokens to dst.
func (g *Group) Lengths(dst []int) []int {
	for _, c := range g.Completions {
		dst = append(dst, len(c.Tokens))
	}
	return dst
}

// Versions appends to dst the policy version that sampled each token, one a
// token: packed as Pack packs log-probabilities. A completion without versions
// gives Unversioned for each of its tokens.
func (g *Group) Versions(dst []int64) []int64 {
	for _, c := range g.Completions {
		for t := range c.Tokens {
			dst = append(dst, c.Version(t))
		}
	}
	return dst
}

// Informative reports whether the group's rewards differ by more than tol, which
// makes it DAPO's rule for Refill: a group whose completions are all right or all
// wrong has advantage 0 everywhere and teaches nothing. A single completion is
// never informative.
func (g *Group) Informative(tol float64) bool {
	if len(g.Verdicts) == 0 {
		return false
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i := range g.Verdicts {
		low, high = min(low, g.Verdicts[i].Reward), max(high, g.Verdicts[i].Reward)
	}
	return high-low > tol
}
