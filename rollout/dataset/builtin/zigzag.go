package builtin

func zigzag(s *suite) {
	add := func(values ...int) {
		// Multiply every second number by -1 and compare with what that does to
		// the numbers before it: all steps of a zigzag then point the same way.
		up, down := true, true
		for i := 1; i < len(values); i++ {
			rising := values[i] > values[i-1]
			falling := values[i] < values[i-1]
			if i%2 == 0 {
				rising, falling = falling, rising
			}
			up, down = up && rising, down && falling
		}
		if values == nil {
			values = []int{}
		}
		s.call(up || down, values)
	}
	add(3, 8, 1, 4)
	add()
	add(5)
	add(4, 4)
	add(1, 2)
	add(2, 1)
	add(9, 2, 5, 3)
	add(1, 2, 3)
	add(1, 3, 2, 2, 4)
	for range 8 {
		add(s.ints(s.between(3, 5), -3, 3)...)
	}
	long := s.ints(1000, 1, 50)
	for i := range long {
		long[i] *= 2*(i%2) - 1
	}
	add(long...)
	long[500], long[501] = long[501], long[500]
	add(long...)
}
