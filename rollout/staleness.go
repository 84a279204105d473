package rollout

import (
	"fmt"
	"math"
)

// Unversioned is the version of a token whose completion carries none.
const Unversioned int64 = math.MinInt64

// Version returns the policy version that sampled token t, Unversioned if the
// completion does not say.
func (c *Completion) Version(t int) int64 {
	switch n := len(c.Versions); {
	case n == 1:
		return c.Versions[0]
	case t >= n:
		return Unversioned
	}
	return c.Versions[t]
}

// AgeRule says which of a completion's tokens gives it its age, where the
// inference engine's weights were exchanged while it was sampled.
type AgeRule int

// Rules for the age of a completion.
const (
	OldestToken AgeRule = iota // the strictest, and what the clip range has to cope with
	FirstToken                 // the version at which generation began (AReaL's staleness counts submissions)
	NewestToken                // the version at which it ended: keeps long completions
)

// Staleness bounds how many versions (optimiser steps) the policy that sampled a
// completion may lie behind the one that is trained. The zero value is on-policy:
// only the current version counts.
type Staleness struct {
	Max int64   // versions behind, at most; 0: on-policy
	Age AgeRule // OldestToken (0), FirstToken or NewestToken
}

// VersionError is a completion whose age cannot be told: it carries no version,
// a wrong number of them, or one from the future.
type VersionError struct {
	Sample  int
	Version int64 // of its offending token; Unversioned: none given
	Current int64
	Why     string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("rollout: sample %d has no age at version %d: %s", e.Sample, e.Current, e.Why)
}

// Capacity is how many more groups may be begun without some of them growing too
// old before they are trained on, at batch groups a step:
//
//	(Max + version + 1) * batch - (accepted + running)
//
// where version is the trainer's (0 before the first step), accepted counts the
// groups handed over since version 0, trained on or waiting, and running those
// being sampled or verified. Groups that were refused or dropped count in
// neither. It is AReaL's rule (https://arxiv.org/abs/2505.24298). At 0 or less no
// group should be begun until a step has been made; Throttle sees to that in a Groups.
//
// Groups that are trained on in the order in which they were begun, as InputOrder
// yields them, are then never older than Max. In ArrivalOrder a slow one may be;
// Fresh finds it.
func (s Staleness) Capacity(version, batch, accepted, running int64) int64 {
	return (s.Max+version+1)*batch - (accepted + running)
}

// Lag returns how many versions c lies behind version, by the Age rule. A
// completion without tokens is as old as its only version.
func (s Staleness) Lag(c *Completion, version int64) (int64, error) {
	fail := func(v int64, why string) (int64, error) {
		return 0, &VersionError{Sample: c.Sample, Version: v, Current: version, Why: why}
	}
	n := len(c.Versions)
	switch {
	case n == 0:
		return fail(Unversioned, "it carries no policy versions")
	case n > 1 && n != len(c.Tokens):
		return fail(Unversioned, fmt.Sprintf("%d versions for %d tokens", n, len(c.Tokens)))
	}
	oldest, newest := c.Versions[0], c.Versions[0]
	for _, v := range c.Versions {
		oldest, newest = min(oldest, v), max(newest, v)
	}
	if newest > version {
		return fail(newest, fmt.Sprintf("version %d sampled it, which is yet to come", newest))
	}
	switch s.Age {
	case FirstToken:
		return version - c.Versions[0], nil
	case NewestToken:
		return version - newest, nil
	}
	return version - oldest, nil
}

// Fresh reports whether every completion of g lies at most Max versions behind
// version: the rule that drops whole groups.
func (s Staleness) Fresh(g *Group, version int64) (bool, error) {
	for _, c := range g.Completions {
		if lag, err := s.Lag(c, version); err != nil || lag > s.Max {
			return false, err
		}
	}
	return true, nil
}

// Trim returns g without its completions that lie more than Max versions behind,
// g itself if all are fresh, or nil if fewer than minGroup would be left: the
// rule that drops single completions. g is not changed.
func (s Staleness) Trim(g *Group, version int64, minGroup int) (*Group, error) {
	t := &Group{Problem: g.Problem, Round: g.Round, Lost: g.Lost}
	for i, c := range g.Completions {
		lag, err := s.Lag(c, version)
		if err != nil {
			return nil, err
		}
		if lag <= s.Max {
			t.Completions = append(t.Completions, c)
			t.Verdicts = append(t.Verdicts, g.Verdicts[i])
		}
	}
	switch n := len(t.Completions); {
	case n < max(minGroup, 1):
		return nil, nil
	case n == len(g.Completions):
		return g, nil
	}
	return t, nil
}
