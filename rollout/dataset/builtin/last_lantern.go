package builtin

func lastLantern(s *suite) {
	// A round over an even number leaves the even ones. A round over an odd number
	// ends by putting out the last, so the next one starts with leaving one.
	var last func(n int64, leave bool) int64
	last = func(n int64, leave bool) int64 {
		switch {
		case n == 1:
			return 1
		case leave && n%2 == 0:
			return 2*last(n/2, true) - 1
		case leave:
			return 2*last(n/2+1, false) - 1
		case n%2 == 0:
			return 2 * last(n/2, false)
		}
		return 2 * last(n/2, true)
	}
	for _, n := range []int64{5, 1, 2, 3, 4, 6, 7, 8, 1023, 1024, 1025} {
		s.run(last(n, false), n)
	}
	for range 3 {
		n := s.between64(10, 100000)
		s.run(last(n, false), n)
	}
	n := s.between64(1e14, 1e15)
	s.run(last(n, false), n)
}
