package builtin

func firstClash(s *suite) {
	type booking = []int
	add := func(bookings ...booking) {
		// Hour by hour: who has taken it. Times of the tests stay below 100000.
		owner := map[int]int{}
		var clash any
		for later, b := range bookings {
			earlier := -1
			for hour := b[0]; hour < b[1]; hour++ {
				if i, ok := owner[hour]; ok && (earlier < 0 || i < earlier) {
					earlier = i
				}
				owner[hour] = later
			}
			if earlier >= 0 {
				clash = []int{earlier, later}
				break
			}
		}
		if bookings == nil {
			bookings = []booking{}
		}
		s.call(clash, bookings)
	}
	draw := func(n, end, longest int) []booking {
		bookings := make([]booking, n)
		for i := range bookings {
			begin := s.IntN(end)
			bookings[i] = booking{begin, begin + s.between(1, longest)}
		}
		return bookings
	}
	add(booking{9, 11}, booking{14, 16}, booking{11, 14}, booking{10, 15})
	add()
	add(booking{1, 2})
	add(booking{5, 9}, booking{6, 7})
	add(booking{6, 7}, booking{5, 9})
	add(booking{5, 9}, booking{5, 9})
	add(booking{0, 5}, booking{10, 15}, booking{12, 13}, booking{3, 4})
	for range 6 {
		add(draw(8, 60, 9)...)
	}
	apart := make([]booking, 10000)
	for i, place := range s.Perm(len(apart)) {
		apart[i] = booking{place * 8, place*8 + s.between(1, 8)}
	}
	add(apart...)
}
