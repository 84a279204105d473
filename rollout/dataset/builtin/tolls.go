package builtin

func tolls(s *suite) {
	type road = []int // town, town, price
	add := func(toll []int, roads ...road) {
		// Improve along all roads until nothing changes.
		n := len(toll)
		const far = 1 << 30
		cost := make([]int, n+1)
		for i := 2; i <= n; i++ {
			cost[i] = far
		}
		for changed := true; changed; {
			changed = false
			for _, r := range roads {
				for _, way := range [][2]int{{r[0], r[1]}, {r[1], r[0]}} {
					if c := cost[way[0]] + r[2] + toll[way[1]-1]; c < cost[way[1]] {
						cost[way[1]], changed = c, true
					}
				}
			}
		}
		var answer any = cost[n]
		if cost[n] >= far {
			answer = "unreachable"
		}
		s.run(answer, []int{n, len(roads)}, toll, roads)
	}
	draw := func(n, m int) []road {
		roads := make([]road, m)
		for i := range roads {
			roads[i] = road{s.between(1, n), s.between(1, n), s.between(0, 1000)}
		}
		return roads
	}
	add([]int{9, 1, 7, 2}, road{1, 2, 5}, road{2, 4, 9}, road{1, 3, 1}, road{3, 4, 5})
	add([]int{50})
	add([]int{3, 4})
	add([]int{8, 0, 0}, road{2, 1, 5}, road{3, 2, 6}, road{3, 1, 12})
	add([]int{1, 100, 1}, road{1, 2, 1}, road{2, 3, 1}, road{1, 3, 500}, road{1, 3, 90})
	add(s.ints(10, 0, 1000), draw(10, 9)...)
	add(s.ints(30, 0, 1000), draw(30, 90)...)
	add(s.ints(600, 0, 1000), draw(600, 3000)...)
}
