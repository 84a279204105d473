package builtin

func nearestPair(s *suite) {
	type point = []int
	add := func(points ...point) {
		var pair any
		best := int64(-1)
		for i, p := range points {
			for j := i + 1; j < len(points); j++ {
				dx, dy := int64(p[0]-points[j][0]), int64(p[1]-points[j][1])
				if d := dx*dx + dy*dy; best < 0 || d < best {
					best, pair = d, []int{i, j}
				}
			}
		}
		if points == nil {
			points = []point{}
		}
		s.call(pair, points)
	}
	add(point{0, 0}, point{5, 5}, point{4, 1}, point{8, 4})
	add()
	add(point{3, 3})
	add(point{1, 1}, point{1, 1})
	add(point{0, 0}, point{3, 3}, point{0, 5}, point{100, 100})
	add(point{0, 0}, point{1, 0}, point{0, 1}, point{1, 1})
	// Squares of the distances: 10^18 + 1 and 10^18.
	add(point{0, 0}, point{1e9, 1}, point{-1e9, 0})
	for _, n := range []int{10, 60} {
		points := make([]point, n)
		for i := range points {
			points[i] = s.ints(2, -8*n, 8*n)
		}
		add(points...)
	}
}
