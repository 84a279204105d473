package problems

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// redraws bounds how often a problem's tests are drawn again because they do not
// catch every systematic flaw of its wording.
const redraws = 10

// drawInputs draws the inputs of n tests until they catch the flaw of each phrase
// that has one. A flaw that stays uncaught, such as abs(x) % k on positive
// numbers, changes no answer and does not count as one.
func (p *Problem) drawInputs(n int, rng *rand.Rand) {
	for range redraws {
		p.Inputs = p.Inputs[:0]
		for range n {
			p.Inputs = append(p.Inputs, p.input(rng))
		}
		all := true
		for i, phrase := range p.Phrases {
			if phrase == nil || phrase.Flaw == NoFilter {
				continue
			}
			only := [3]bool{}
			only[i] = true
			p.Caught[i] = !p.Reading.Same(p.flawed(only), p.Inputs)
			all = all && p.Caught[i]
		}
		if all {
			return
		}
	}
}

// input draws 4 to 9 integers of which at least two survive the filter. Often one
// of them sits on the boundary of the filter, and often one occurs twice.
func (p *Problem) input(rng *rand.Rand) []int {
	for {
		a := make([]int, 4+rng.IntN(6))
		for i := range a {
			a[i] = rng.IntN(41) - 20
		}
		if rng.Float64() < 0.6 {
			boundary := 0
			if p.Reading.Filter.constant() {
				boundary = p.Reading.Filter.K
			}
			a[rng.IntN(len(a))] = boundary
		}
		if rng.Float64() < 0.5 {
			a[rng.IntN(len(a))] = a[rng.IntN(len(a))]
		}
		if len(p.Reading.apply(a)) >= 2 {
			return a
		}
	}
}

// tests renders the inputs, and what the Go evaluator answers.
func (p *Problem) tests() []rollout.Test {
	tests := make([]rollout.Test, len(p.Inputs))
	for i, a := range p.Inputs {
		words := make([]string, len(a))
		for j, x := range a {
			words[j] = strconv.Itoa(x)
		}
		tests[i].Input = fmt.Sprintf("%d\n%s\n", len(a), strings.Join(words, " "))
		output, _ := p.Reading.Evaluate(a) // two survivors: it never fails
		tests[i].Expected = output + "\n"
	}
	return tests
}
