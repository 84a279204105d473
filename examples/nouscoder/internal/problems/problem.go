// Package problems is a generated family of small programming problems: filter a
// list of integers, map what is left, reduce and print. Every problem has a
// statement in words, tests whose answers come from Go evaluators, and programs in
// real Python, right and flawed, to learn the language from.
package problems

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// largestConstant is the largest constant of a statement; the smallest is 2. Flawed
// programs are off by one, so programs have constants up to one more.
const largestConstant = 12

// Problem is one problem of the family.
type Problem struct {
	rollout.Problem // statement, tests and reference, as the library takes them

	Reading Reading    // what the statement asks for
	Phrases [3]*Phrase // its wording of filter, map and reduction; nil: no such stage
	Inputs  [][]int    // [tests]
	Caught  [3]bool    // the tests catch the phrase's systematic flaw
}

// Tricky reports whether the wording holds a phrase with a systematic flaw that the
// problem's tests catch.
func (p *Problem) Tricky() bool { return p.Caught[0] || p.Caught[1] || p.Caught[2] }

// A Set is a stream of problems. Its i-th problem is a function of the set and i
// alone, so a position in it is the whole state of a trainer's data.
type Set struct {
	Seed    uint64
	HeldOut bool    // compositions that no other set has; else only those that are not held out
	Tests   int     // tests of each problem
	Simple  float64 // share of problems with only one of filter and map; they are never held out
	Plain   bool    // no operation with a constant: a smaller language, learnt sooner
}

// HeldOut reports whether a composition is one of the held-out quarter: those of
// two stages whose hash says so. Paraphrases are not held out.
func HeldOut(r Reading) bool {
	h := fnv.New32a()
	h.Write([]byte(r.Composition()))
	return r.stages() == 2 && h.Sum32()%4 == 0
}

// Problem draws the i-th problem.
func (s Set) Problem(i int) *Problem {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(i)))
	p := &Problem{}
	p.Reading = s.reading(rng)
	p.Phrases = [3]*Phrase{phrase(p.Reading.Filter.Op, rng), phrase(p.Reading.Map.Op, rng), phrase(p.Reading.Reduce.Op, rng)}
	p.drawInputs(s.Tests, rng)

	kind := "train"
	if s.HeldOut {
		kind = "heldout"
	}
	p.ID = fmt.Sprintf("%s-%d-%d/%s", kind, s.Seed, i, p.Reading.Composition())
	p.Statement = p.statement(rng)
	p.Reference = Decode(Program(Comprehension, p.Reading))
	p.Source = "nouscoder/" + kind
	p.Tests = rollout.Tests(p.tests()...)
	return p
}

// reading draws a composition of the right side of the split, and constants.
func (s Set) reading(rng *rand.Rand) Reading {
	for {
		r := Reading{
			Filter: Stage{Even + Op(rng.IntN(int(Negative-Even+1))), constant(rng)},
			Map:    Stage{Multiply + Op(rng.IntN(int(Opposite-Multiply+1))), constant(rng)},
			Reduce: Stage{Op: Sum + Op(rng.IntN(int(Prefix-Sum+1)))},
		}
		if !s.HeldOut && rng.Float64() < s.Simple {
			if rng.IntN(2) == 0 {
				r.Filter.Op = NoFilter
			} else {
				r.Map.Op = NoMap
			}
		}
		if r.Reduce.Op == Count && r.Map.Op != NoMap || r.Filter.Op == Positive && r.Map.Op == Absolute {
			continue // the map would change nothing
		}
		if s.Plain && (r.Filter.constant() || r.Map.constant()) {
			continue
		}
		if HeldOut(r) == s.HeldOut {
			return r
		}
	}
}

func constant(rng *rand.Rand) int { return 2 + rng.IntN(largestConstant-1) }

// phrase draws a wording.
func phrase(op Op, rng *rand.Rand) *Phrase {
	if of := wordings[op]; len(of) > 0 {
		return of[rng.IntN(len(of))]
	}
	return nil
}

// flawed is the right reading with the systematic flaw of the chosen phrases.
func (p *Problem) flawed(chosen [3]bool) Reading {
	r := p.Reading
	for i, stage := range []*Stage{&r.Filter, &r.Map, &r.Reduce} {
		if phrase := p.Phrases[i]; chosen[i] && phrase != nil && phrase.Flaw != NoFilter {
			stage.Op = phrase.Flaw
		}
	}
	return r
}

// statement words the problem after one of the templates.
func (p *Problem) statement(rng *rand.Rand) string {
	t := templates[rng.IntN(len(templates))]
	var clauses []string
	for i, stage := range []Stage{p.Reading.Filter, p.Reading.Map} {
		if p.Phrases[i] != nil {
			clauses = append(clauses, fill(p.Phrases[i].Text, stage.K))
		}
	}
	text := t.open + " " + strings.Join(clauses, " "+t.join+" ") + " " + t.close
	words := strings.Fields(text)
	for i, w := range words {
		if w == "R" {
			words[i] = p.Phrases[2].Text
		}
	}
	return strings.Join(words, " ")
}
