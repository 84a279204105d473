package builtin

func thermostat(s *suite) {
	add := func(low, high int, readings ...int) {
		// The state after reading i is decided by the last reading up to i
		// outside the limits.
		state := func(i int) int {
			for ; i >= 0; i-- {
				if readings[i] < low {
					return 1
				}
				if readings[i] > high {
					return 0
				}
			}
			return 0
		}
		hours, switches := 0, 0
		for i := range readings {
			hours += state(i)
			if state(i) != state(i-1) {
				switches++
			}
		}
		s.run([]int{hours, switches}, []int{low, high}, len(readings), readings)
	}
	add(18, 22, 20, 17, 19, 22, 23, 18, 16)
	add(0, 1, 0)
	add(0, 1, -5)
	add(-4, 4, -4, -5, 4, 5, -4)
	for _, n := range []int{20, 200, 1000} {
		add(16, 20, s.ints(n, 13, 23)...)
	}
}
