package builtin

import "strings"

func darkStreet(s *suite) {
	add := func(street string) {
		best, first, at := 0, 0, 1
		for run := range strings.SplitSeq(street, "*") {
			if len(run) > best {
				best, first = len(run), at
			}
			at += len(run) + 1
		}
		s.run([]int{best, first}, street)
	}
	add("*..*...**...")
	add("*")
	add(".")
	add("*****")
	add("..*..")
	add("*.*....")
	for _, n := range []int{10, 50, 1000} {
		add(s.letters(n, "*.."))
	}
	add(strings.Repeat(".", 20000))
}
