package builtin

func splitBill(s *suite) {
	add := func(cents, people int) {
		pay := make([]int, people)
		for i := range pay { // those who are left share what is left, rounded up
			left := people - i
			pay[i] = (cents + left - 1) / left
			cents -= pay[i]
		}
		total := 0
		for _, p := range pay {
			total += p
		}
		s.call(pay, total, people)
	}
	add(1000, 3)
	add(0, 2)
	add(5, 1)
	add(3, 5)
	add(10, 5)
	for range 5 {
		add(s.between(0, 100000), s.between(1, 40))
	}
}
