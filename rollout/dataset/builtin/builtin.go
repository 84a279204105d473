// Package builtin is a small set of programming problems written for this
// library: enough to try a verifier, a trainer or a policy without downloading
// anything.
//
// One problem is two files of one name. ferry.md holds what people read: the
// statement, a right program, and programs with a flaw each, under a heading that
// names the verdict they must get. ferry.go holds what makes the tests: a
// generator that draws inputs from a seed, and a solution in Go, independent of
// the Python one, that computes the expected outputs. The first test is the
// example at the end of the statement.
package builtin

import (
	"embed"
	"fmt"
	"iter"

	"github.com/grouprl/grouprl/rollout"
)

//go:embed *.md
var files embed.FS

// problems lists the set in the order in which All yields it: programs that read
// stdin, easy to hard, and then functions, easy to hard.
var problems = []struct {
	name     string
	generate func(s *suite)
}{
	{"thermostat", thermostat},
	{"ferry", ferry},
	{"dark_street", darkStreet},
	{"ledger", ledger},
	{"podium", podium},
	{"stutter", stutter},
	{"coin_jar", coinJar},
	{"bus_seats", busSeats},
	{"calendar_gap", calendarGap},
	{"clock_chimes", clockChimes},
	{"digit_ladder", digitLadder},
	{"last_lantern", lastLantern},

	{"parcel_pairs", parcelPairs},
	{"tower_view", towerView},
	{"ovens", ovens},
	{"fence_paint", fencePaint},
	{"calm_stretch", calmStretch},
	{"rope_cuts", ropeCuts},
	{"lakes", lakes},
	{"nested_boxes", nestedBoxes},
	{"odd_calculator", oddCalculator},
	{"broken_stairs", brokenStairs},
	{"backpack", backpack},
	{"cables", cables},
	{"schedule", schedule},
	{"tolls", tolls},
	{"drill_maze", drillMaze},
	{"skyline", skyline},
	{"patch", patch},
	{"pots", pots},

	{"overtakes", overtakes},
	{"chant", chant},
	{"palindrome_toll", palindromeToll},
	{"log_cuts", logCuts},
	{"courier", courier},
	{"word_count", wordCount},
	{"exact_change", exactChange},
	{"pile_game", pileGame},
	{"twin_digits", twinDigits},
	{"bridges", bridges},

	{"split_bill", splitBill},
	{"zigzag", zigzag},
	{"word_census", wordCensus},
	{"inventories", inventories},
	{"duration", duration},
	{"newest_version", newestVersion},
	{"running_median", runningMedian},
	{"first_clash", firstClash},
	{"ring_turn", ringTurn},
	{"tree_depths", treeDepths},
	{"nearest_pair", nearestPair},
	{"trip_report", tripReport},
}

// Problem is a problem of the set with all of its programs.
type Problem struct {
	rollout.Problem
	Programs []Program // the first is the reference
}

// Program is a Python program whose verdict is known.
type Program struct {
	Status rollout.Status // the verdict it must get
	Note   string         // what it does wrong; "" for the reference
	Source string
}

// All yields the problems with tests drawn from the seed. The same seed gives the
// same tests on every machine. Programs with verdict TimeLimit need a limit of
// one second or less to get it soon; the references need less than 50 ms a test.
func All(seed uint64) iter.Seq2[*Problem, error] {
	return func(yield func(*Problem, error) bool) {
		for _, p := range problems {
			text, err := files.ReadFile(p.name + ".md")
			if err != nil {
				yield(nil, err)
				return
			}
			problem, err := parse(string(text))
			if err != nil {
				yield(nil, fmt.Errorf("builtin: %s.md: %w", p.name, err))
				return
			}
			problem.ID = "builtin/" + p.name
			problem.Source = "builtin"
			problem.Tests = generate(seed, p.name, p.generate)
			for example := range problem.Tests {
				problem.Statement += problem.example(example)
				break
			}
			if !yield(problem, nil) {
				return
			}
		}
	}
}

// example is the end of the statement: the first test.
func (p *Problem) example(t rollout.Test) string {
	input, output := "Example input", "Example output"
	if p.Entry != "" {
		input, output = "Example arguments, one a line", "Example result"
	}
	return fmt.Sprintf("\n\n%s:\n\n```\n%s\n```\n\n%s:\n\n```\n%s\n```\n",
		input, trimNewline(t.Input), output, trimNewline(t.Expected))
}
