package builtin

func courier(s *suite) {
	type stop = []int
	blocks := func(a, b stop) int { return max(a[0]-b[0], b[0]-a[0]) + max(a[1]-b[1], b[1]-a[1]) }
	add := func(stops ...stop) {
		// Every order, given up as soon as it is no better than the best.
		best := 1 << 30
		done := make([]bool, len(stops))
		var visit func(at stop, left, so int)
		visit = func(at stop, left, so int) {
			if so >= best {
				return
			}
			if left == 0 {
				best = so
				return
			}
			for i, next := range stops {
				if !done[i] {
					done[i] = true
					visit(next, left-1, so+blocks(at, next))
					done[i] = false
				}
			}
		}
		visit(stop{0, 0}, len(stops), 0)
		s.run(best, len(stops), stops)
	}
	draw := func(n, most int) []stop {
		stops := make([]stop, n)
		for i := range stops {
			stops[i] = s.ints(2, -most, most)
		}
		return stops
	}
	add(stop{2, 0}, stop{-3, 0}, stop{8, 1})
	add(stop{0, 0})
	add(stop{5, 5}, stop{5, 5})
	add(stop{1, 0}, stop{-2, 0}, stop{5, 0}, stop{-10, 0})
	add(draw(4, 5)...)
	add(draw(6, 20)...)
	add(draw(7, 100)...)
	add(draw(10, 1000)...)
	add(draw(10, 1000)...)
}
