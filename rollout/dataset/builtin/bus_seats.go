package builtin

func busSeats(s *suite) {
	type stop = []int // off, waiting
	add := func(room int, stops ...stop) {
		aboard, walked, fullest := 0, 0, 0
		for _, x := range stops {
			aboard += x[1] - x[0]
			if aboard > room {
				walked += aboard - room
				aboard = room
			}
			fullest = max(fullest, aboard)
		}
		s.run([]int{walked, fullest}, []int{room, len(stops)}, stops)
	}
	add(5, stop{0, 4}, stop{2, 6}, stop{5, 1})
	add(1, stop{0, 0})
	add(2, stop{0, 9}, stop{0, 1}, stop{2, 0}, stop{0, 1})
	add(50, stop{0, 10}, stop{10, 20})
	for _, n := range []int{5, 50, 1000} {
		room, aboard := s.between(10, 40), 0
		stops := make([]stop, n)
		for i := range stops {
			off, waiting := s.between(0, aboard), s.between(0, room/2)
			stops[i] = stop{off, waiting}
			aboard = min(room, aboard-off+waiting)
		}
		add(room, stops...)
	}
}
