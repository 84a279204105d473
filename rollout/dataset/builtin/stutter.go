package builtin

import (
	"fmt"
	"strings"
)

func stutter(s *suite) {
	add := func(runs ...string) { // neighbours must differ in their letter
		stored := ""
		for _, r := range runs {
			if len(r) >= 3 {
				r = fmt.Sprint(r[:1], len(r))
			}
			stored += r
		}
		s.run(stored, strings.Join(runs, ""))
	}
	add("h", "e", "lll", "oo", "O")
	add("a")
	add("bb")
	add("ccc")
	add("a", "b", "aa", "b", "aaaa")
	add(strings.Repeat("z", 12), "Z", strings.Repeat("q", 4987))
	for _, n := range []int{10, 300} {
		runs := make([]string, n)
		for i := range runs {
			letter := s.letters(1, []string{"ab", "XY"}[i%2])
			runs[i] = strings.Repeat(letter, s.between(1, 14))
		}
		add(runs...)
	}
}
