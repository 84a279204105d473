package builtin

func calendarGap(s *suite) {
	leap := func(y int) int {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 1
		}
		return 0
	}
	length := func(m, y int) int {
		switch m {
		case 2:
			return 28 + leap(y)
		case 4, 6, 9, 11:
			return 30
		}
		return 31
	}
	number := func(d, m, y int) int { // days since the end of 1599
		for i := 1; i < m; i++ {
			d += length(i, y)
		}
		for i := 1600; i < y; i++ {
			d += 365 + leap(i)
		}
		return d
	}
	add := func(questions ...[]int) {
		answers := make([][]int, len(questions))
		for i, q := range questions {
			answers[i] = []int{number(q[3], q[4], q[5]) - number(q[0], q[1], q[2])}
		}
		s.run(answers, len(questions), questions)
	}
	draw := func(from, to int) []int {
		y := s.between(from, to)
		m := s.between(1, 12)
		return []int{s.between(1, length(m, y)), m, y}
	}
	add([]int{1, 3, 2024, 2, 3, 2024}, []int{28, 2, 2024, 1, 3, 2024}, []int{31, 12, 1999, 1, 1, 2001})
	add([]int{5, 6, 1777, 5, 6, 1777})
	add([]int{31, 12, 2023, 31, 12, 2024})
	add([]int{28, 2, 1900, 1, 3, 1900}, []int{28, 2, 2000, 1, 3, 2000}, []int{1, 1, 1600, 31, 12, 9999})
	for _, n := range []int{10, 100} {
		var questions [][]int
		for range n {
			questions = append(questions, append(draw(1600, 1900), draw(1901, 2400)...))
		}
		add(questions...)
	}
	var far [][]int
	for range 60 {
		far = append(far, append(draw(1600, 1700), draw(9000, 9999)...))
	}
	add(far...)
}
