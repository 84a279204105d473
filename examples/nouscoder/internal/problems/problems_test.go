package problems

import (
	"reflect"
	"strings"
	"testing"
)

// The sets of these tests, and a corpus as the program uses it.
var (
	train   = Set{Seed: 1, Tests: 4, Simple: 0.25}
	heldout = Set{Seed: 2, Tests: 5, HeldOut: true}
	corpus  = Corpus{Set: train, Systematic: 0.67, Random: 0.3}
	control = Corpus{Set: train, Random: 0.5}
)

// drop every number that is at most 3, add 2, running totals: by hand.
func TestEvaluateByHand(t *testing.T) {
	a := []int{5, 3, -4, 8, 5}
	for _, test := range []struct {
		r    Reading
		want string
	}{
		{Reading{Stage{Greater, 3}, Stage{Add, 2}, Stage{Prefix, 0}}, "7\n17\n24"},          // 7 10 7
		{Reading{Stage{AtLeast, 3}, Stage{Add, 2}, Stage{PrefixBefore, 0}}, "0\n7\n12\n22"}, // 7 5 10 7
		{Reading{Stage{Less, 5}, Stage{Square, 0}, Stage{Sum, 0}}, "25"},                    // 9 16
		{Reading{Stage{Even, 0}, Stage{Modulo, 3}, Stage{Sorted, 0}}, "2 2"},                // -4 % 3 is 2 in Python
		{Reading{Stage{Even, 0}, Stage{AbsoluteModulo, 3}, Stage{Sorted, 0}}, "1 2"},
		{Reading{Stage{Odd, 0}, Stage{Opposite, 0}, Stage{Distinct, 0}}, "2"}, // -5 -3 -5
		{Reading{Stage{NoFilter, 0}, Stage{Multiply, 2}, Stage{Range, 0}}, "24"},
		{Reading{Stage{NoFilter, 0}, Stage{Multiply, 2}, Stage{RangePlusOne, 0}}, "25"},
		{Reading{Stage{NonNegative, 0}, Stage{NoMap, 0}, Stage{Reversed, 0}}, "5 8 3 5"},
		{Reading{Stage{Positive, 0}, Stage{NoMap, 0}, Stage{SortedDescending, 0}}, "8 5 5 3"},
		{Reading{Stage{Divisible, 4}, Stage{Absolute, 0}, Stage{Last, 0}}, "8"},
		{Reading{Stage{NotDivisible, 4}, Stage{Subtract, 1}, Stage{Max, 0}}, "4"},
		{Reading{Stage{Negative, 0}, Stage{Opposite, 0}, Stage{Count, 0}}, "1"},
		{Reading{Stage{AtMost, 3}, Stage{NoMap, 0}, Stage{Min, 0}}, "-4"},
	} {
		got, ok := test.r.Evaluate(a)
		if got != test.want || !ok {
			t.Errorf("%s of %v: got %q, %v; want %q", test.r.Composition(), a, got, ok, test.want)
		}
	}
	if out, ok := (Reading{Stage{Greater, 12}, Stage{}, Stage{Max, 0}}).Evaluate(a); ok {
		t.Errorf("the largest of nothing is %q", out)
	}
}

func TestProgramsReadAsPython(t *testing.T) {
	r := Reading{Stage{Greater, 3}, Stage{Opposite, 0}, Stage{Prefix, 0}}
	head := "n = int(input())\na = list(map(int, input().split()))\n"
	tail := "s = 0\nfor x in b:\n    s += x\n    print(s)\n"
	for style, want := range map[Style]string{
		Comprehension: head + "b = [-x for x in a if x > 3]\n" + tail,
		Loop:          head + "b = []\nfor x in a:\n    if x > 3:\n        b.append(-x)\n" + tail,
		Functions: "def keep(x):\n    return x > 3\ndef change(x):\n    return -x\n" + head +
			"b = [change(x) for x in a if keep(x)]\n" + tail,
	} {
		if got := Decode(Program(style, r)); got != want {
			t.Errorf("style %d:\n%s\nwant\n%s", style, got, want)
		}
	}
}

// A phrase's flaw belongs to the wording: another wording of each such operation has none.
func TestTenPhrasesCarryAFlaw(t *testing.T) {
	flaws := 0
	for op, of := range wordings {
		plain := 0
		for _, p := range of {
			if p.Flaw == NoFilter {
				plain++
			} else {
				flaws++
			}
		}
		if plain == 0 {
			t.Errorf("%s has no plain wording", operations[op].name)
		}
	}
	if flaws != 10 {
		t.Errorf("%d phrases carry a flaw, want 10", flaws)
	}
}

// Statements have words of the vocabulary only, never a placeholder, and everything
// about a problem but its inputs can be read from the statement.
func TestStatements(t *testing.T) {
	answers := map[string]Reading{}
	for i := range 2000 {
		p := train.Problem(i)
		if _, err := Prompt(p.Statement); err != nil {
			t.Fatalf("%s: %v", p.Statement, err)
		}
		for _, w := range strings.Fields(p.Statement) {
			if w == "k" || w == "R" {
				t.Fatalf("placeholder left in %q", p.Statement)
			}
		}
		r := p.Reading
		for _, s := range []*Stage{&r.Filter, &r.Map, &r.Reduce} {
			if !s.constant() {
				s.K = 0
			}
		}
		if other, seen := answers[p.Statement]; seen && other != r {
			t.Fatalf("%q asks for %v and %v", p.Statement, r, other)
		}
		answers[p.Statement] = r
	}
	if _, err := Prompt("drop every prime number"); err == nil || !strings.Contains(err.Error(), `"prime"`) {
		t.Errorf("an unknown word is not named: %v", err)
	}
}

func TestHeldOutCompositionsAreUnseen(t *testing.T) {
	seen := map[string]bool{}
	simple := 0
	const n = 4000
	for i := range n {
		r := train.Problem(i).Reading
		seen[r.Composition()] = true
		if r.stages() == 1 {
			simple++
		}
	}
	if share := float64(simple) / n; share < 0.25 || share > 0.4 {
		t.Errorf("%.2f of the problems have one stage", share) // a quarter of the draws, of which none is held out
	}
	compositions := map[string]bool{}
	for i := range 400 {
		p := heldout.Problem(i)
		if p.Reading.stages() != 2 || seen[p.Reading.Composition()] {
			t.Fatalf("%s is not held out", p.ID)
		}
		compositions[p.Reading.Composition()] = true
	}
	if len(compositions) < 80 {
		t.Errorf("only %d held-out compositions", len(compositions))
	}
}

// The tests of a problem tell its systematic flaws from the right program wherever
// any input could, and the counted ones always.
func TestInputsCatchFlaws(t *testing.T) {
	carries, caught := 0, 0
	for i := range 2000 {
		p := heldout.Problem(i)
		for _, a := range p.Inputs {
			if len(p.Reading.apply(a)) < 2 {
				t.Fatalf("%s: fewer than two of %v survive", p.ID, a)
			}
		}
		for s, phrase := range p.Phrases {
			if phrase == nil || phrase.Flaw == NoFilter {
				continue
			}
			carries++
			if p.Caught[s] {
				caught++
			}
			only := [3]bool{}
			only[s] = true
			if p.Caught[s] == p.Reading.Same(p.flawed(only), p.Inputs) {
				t.Fatalf("%s: %q counted wrongly", p.ID, phrase.Text)
			}
		}
	}
	if share := float64(caught) / float64(carries); share < 0.85 {
		t.Errorf("the tests catch %.2f of the flaws", share)
	}
}

// About half of either corpus is wrong; only in the first does one wording in ten
// have a wrong majority.
func TestCorpusFlaws(t *testing.T) {
	shares := func(c Corpus) (wrong float64, byPhrase map[string]float64) {
		const n = 4000
		flawed, of := map[string]float64{}, map[string]float64{}
		byPhrase = map[string]float64{}
		for i := range n {
			e := c.Example(i)
			if e.Wrong {
				wrong += 1.0 / n
			}
			for s, stage := range []Stage{e.Written.Filter, e.Written.Map, e.Written.Reduce} {
				if phrase := e.Problem.Phrases[s]; e.Problem.Caught[s] {
					of[phrase.Text]++
					if stage.Op == phrase.Flaw {
						flawed[phrase.Text]++
					}
				}
			}
		}
		for text, k := range of {
			byPhrase[text] = flawed[text] / k
		}
		return wrong, byPhrase
	}
	wrong, byPhrase := shares(corpus)
	if wrong < 0.4 || wrong > 0.6 {
		t.Errorf("%.2f of the corpus is wrong", wrong)
	}
	if len(byPhrase) != 10 {
		t.Errorf("%d phrases with a flaw occur", len(byPhrase))
	}
	for text, share := range byPhrase {
		if share < 0.51 {
			t.Errorf("%q is written wrong in %.2f: not the usual answer", text, share)
		}
	}
	wrong, byPhrase = shares(control)
	if wrong < 0.4 || wrong > 0.6 {
		t.Errorf("%.2f of the control corpus is wrong", wrong)
	}
	for text, share := range byPhrase {
		if share > 0.3 {
			t.Errorf("control: %q is written wrong in %.2f", text, share)
		}
	}
}

// A problem and an example are functions of the seed and their number alone.
func TestDrawsDoNotDependOnOrder(t *testing.T) {
	late := corpus.Example(7)
	for i := range 7 {
		corpus.Example(i)
	}
	again := corpus.Example(7)
	if !reflect.DeepEqual(late.Program, again.Program) || !reflect.DeepEqual(late.Problem.Inputs, again.Problem.Inputs) {
		t.Error("the seventh example changed")
	}
	other := Corpus{Set: Set{Seed: 3, Tests: 4}, Systematic: 0.67}.Example(7)
	if reflect.DeepEqual(late.Problem.Inputs, other.Problem.Inputs) {
		t.Error("the seed does not matter")
	}
}
