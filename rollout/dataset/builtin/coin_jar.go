package builtin

import "fmt"

func coinJar(s *suite) {
	// Cents come first here and the text is made of them, so nothing is parsed.
	add := func(cents ...int) {
		total := 0
		amounts := make([]string, len(cents))
		for i, c := range cents {
			total += c
			switch {
			case c%100 == 0 && i%2 == 0:
				amounts[i] = fmt.Sprint(c / 100)
			case c%10 == 0:
				amounts[i] = fmt.Sprintf("%d.%d", c/100, c/10%10)
			default:
				amounts[i] = fmt.Sprintf("%d.%02d", c/100, c%100)
			}
		}
		s.run(fmt.Sprintf("%d.%02d", total/100, total%100), len(cents), amounts)
	}
	add(350, 1207, 100)
	add(29)
	add(0)
	add(5, 5, 10)
	add(100000000, 99999999, 1)
	for _, n := range []int{10, 100, 2000} {
		add(s.ints(n, 0, 5000)...)
	}
}
