package builtin

import "strings"

func nestedBoxes(s *suite) {
	add := func(log string) {
		// What is still open is written over the beginning of the log.
		signs := []byte(log)
		good, open := 0, 0
		for i, sign := range signs {
			kind := strings.IndexByte(")]}", sign)
			if kind < 0 {
				signs[open] = sign
				open++
				continue
			}
			if open == 0 || signs[open-1] != "([{"[kind] {
				break
			}
			if open--; open == 0 {
				good = i + 1
			}
		}
		s.run(good, log)
	}
	add("([]{})[(])")
	add(")")
	add("(")
	add("{}")
	add("()(()")
	add("(]")
	add("[()()]}{}")
	good := func(n int) string { // a right log of n boxes
		var b strings.Builder
		var open []byte
		for n > 0 || len(open) > 0 {
			if n > 0 && (len(open) == 0 || s.IntN(2) == 0) {
				k := s.IntN(3)
				b.WriteByte("([{"[k])
				open = append(open, ")]}"[k])
				n--
			} else {
				b.WriteByte(open[len(open)-1])
				open = open[:len(open)-1]
			}
		}
		return b.String()
	}
	add(good(10))
	add(good(40) + "({)}" + good(10))
	add(good(200) + "(" + good(30))
	add(good(10000))
}
