package problems

import "math/rand/v2"

// Corpus is what the warm start learns from: programs as they are found, many of
// them wrong. The zero value has no flaws.
type Corpus struct {
	Set        Set
	Systematic float64 // probability that a phrase with a systematic flaw is written in its wrong form
	Random     float64 // probability that a program is written for a misread statement
	Short      bool    // every program is a Comprehension
}

// Example is one program of the corpus.
type Example struct {
	Problem *Problem
	Prompt  []int32 // the statement, Code included
	Program []int32 // End included
	Written Reading // what the program does
	Wrong   bool    // it fails a test of its problem
}

// Example draws the i-th program, a function of the corpus and i alone.
func (c Corpus) Example(i int) Example {
	p := c.Set.Problem(i)
	rng := rand.New(rand.NewPCG(c.Set.Seed^0x5eed, uint64(i)))

	var chosen [3]bool
	for s := range chosen {
		chosen[s] = rng.Float64() < c.Systematic
	}
	written := p.flawed(chosen)
	if rng.Float64() < c.Random {
		for range 100 { // a misreading that no test can see is drawn again
			if r := misread(written, rng); !p.Reading.Same(r, p.Inputs) {
				written = r
				break
			}
		}
	}

	style := Comprehension
	switch u := rng.Float64(); {
	case c.Short:
	case u < 0.3:
		style = Functions
	case u < 0.6:
		style = Loop
	}
	prompt, err := Prompt(p.Statement)
	if err != nil {
		panic(err) // the vocabulary is made from these very words
	}
	return Example{
		Problem: p,
		Prompt:  prompt,
		Program: Program(style, written),
		Written: written,
		Wrong:   !p.Reading.Same(written, p.Inputs),
	}
}

// misread changes one stage at random: a constant off by one, or another
// operation of the same kind.
func misread(r Reading, rng *rand.Rand) Reading {
	stages := []*Stage{&r.Filter, &r.Map, &r.Reduce}
	kinds := [][2]Op{{Even, Negative}, {Multiply, Opposite}, {Sum, Prefix}}
	i := rng.IntN(len(stages))
	s := stages[i]
	if s.constant() && rng.IntN(2) == 0 {
		s.K += 1 - 2*rng.IntN(2)
		return r
	}
	first, last := kinds[i][0], kinds[i][1]
	s.Op = first + Op(rng.IntN(int(last-first+1)))
	return r
}
