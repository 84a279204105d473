package builtin

import (
	"strconv"
	"strings"
)

func oddCalculator(s *suite) {
	// An expression is drawn together with its value, so nothing is parsed.
	var product func(depth int) (string, int)
	item := func(depth int) (string, int) {
		if depth == 0 || s.IntN(3) > 0 {
			n := s.between(0, 12)
			return strconv.Itoa(n), n
		}
		text, value := product(depth - 1)
		return "(" + text + ")", value
	}
	total := func(depth int) (string, int) {
		text, value := item(depth)
		for range s.IntN(4) {
			t, v := item(depth)
			if s.IntN(2) == 0 {
				text, value = text+"+"+t, value+v
			} else {
				text, value = text+"-"+t, value-v
			}
		}
		return text, value
	}
	product = func(depth int) (string, int) {
		text, value := total(depth)
		for range s.IntN(2) {
			t, v := total(depth)
			text, value = text+"*"+t, value*v
		}
		return text, value
	}
	s.run(14, "2*3+4")
	s.run(7, "7")
	s.run(-6, "(1-3)*4-1")
	s.run(-1, "1-1-1")
	s.run(6, "2*(1+2)")
	for range 40 {
		// At depth 2 no value leaves an int64; long expressions are drawn again.
		text, value := product(2)
		if len(text) < 1000 && strings.Contains(text, "*") {
			s.run(value, text)
		}
	}
}
