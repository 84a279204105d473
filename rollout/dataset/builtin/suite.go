package builtin

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

// A suite is the tests of one problem in the making, and the random numbers from
// which they are drawn.
type suite struct {
	*rand.Rand
	tests []rollout.Test
}

// generate yields what the generator makes of the seed, anew in each range.
func generate(seed uint64, name string, generator func(*suite)) iter.Seq2[rollout.Test, error] {
	return func(yield func(rollout.Test, error) bool) {
		h := fnv.New64a()
		h.Write([]byte(name))
		s := &suite{Rand: rand.New(rand.NewPCG(seed, h.Sum64()))}
		generator(s)
		rollout.Tests(s.tests...)(yield)
	}
}

// run adds a test of a program: each argument is a line of input, or several if
// it is a slice of slices.
func (s *suite) run(output any, input ...any) {
	s.tests = append(s.tests, rollout.Test{Input: lines(input...), Expected: lines(output)})
}

// call adds a test of a function: each argument becomes a line of JSON.
func (s *suite) call(result any, args ...any) {
	in := make([]string, len(args))
	for i, a := range args {
		in[i] = encode(a)
	}
	s.tests = append(s.tests, rollout.Test{Input: strings.Join(in, "\n"), Expected: encode(result)})
}

// between draws from lo..hi.
func (s *suite) between(lo, hi int) int { return lo + s.IntN(hi-lo+1) }

// between64 draws from lo..hi, which may be more than an int holds.
func (s *suite) between64(lo, hi int64) int64 { return lo + s.Int64N(hi-lo+1) }

// ints draws n numbers from lo..hi.
func (s *suite) ints(n, lo, hi int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = s.between(lo, hi)
	}
	return x
}

// letters draws a string of n bytes of the alphabet.
func (s *suite) letters(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.IntN(len(alphabet))]
	}
	return string(b)
}

// lines writes each part on a line, with spaces between the elements of a slice.
func lines(parts ...any) string {
	var b strings.Builder
	for _, part := range parts {
		switch x := part.(type) {
		case []int:
			b.WriteString(strings.Trim(fmt.Sprint(x), "[]"))
		case []string:
			b.WriteString(strings.Join(x, "\n"))
		case [][]int:
			for i, row := range x {
				if i > 0 {
					b.WriteByte('\n')
				}
				b.WriteString(strings.Trim(fmt.Sprint(row), "[]"))
			}
			if len(x) == 0 {
				continue
			}
		default:
			fmt.Fprint(&b, x)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// encode is x as JSON. A value of this package that has no JSON is a mistake of
// the package, which every test of the set would show.
func encode(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		panic("builtin: " + err.Error())
	}
	return string(b)
}

func trimNewline(s string) string { return strings.TrimSuffix(s, "\n") }
