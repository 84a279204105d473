package builtin

func cables(s *suite) {
	type cable = []int
	add := func(n int, cables ...cable) {
		// Every house carries the name of its part; joining renames one part.
		part := make([]int, n+1)
		for i := range part {
			part[i] = i
		}
		parts, mornings := n, 0
		for _, c := range cables {
			if parts == 1 {
				break
			}
			mornings++
			from, to := part[c[0]], part[c[1]]
			if from == to {
				continue
			}
			for i := range part {
				if part[i] == from {
					part[i] = to
				}
			}
			parts--
		}
		if parts > 1 {
			mornings = -1
		}
		s.run(mornings, []int{n, len(cables)}, cables)
	}
	draw := func(n, m int) []cable {
		cables := make([]cable, m)
		for i := range cables {
			cables[i] = cable{s.between(1, n), s.between(1, n)}
		}
		return cables
	}
	add(4, cable{1, 2}, cable{3, 4}, cable{2, 1}, cable{3, 2}, cable{1, 4})
	add(1)
	add(1, cable{1, 1})
	add(2)
	add(3, cable{1, 2}, cable{2, 1}, cable{3, 3})
	add(8, draw(8, 30)...)
	add(100, draw(100, 200)...)
	// All but one house are connected early, the last one at the very end.
	late := make([]cable, 0, 6000)
	for i := 2; i < 3000; i++ {
		late = append(late, cable{s.between(1, i-1), i})
	}
	late = append(late, draw(2999, 6000-len(late)-1)...)
	add(3000, append(late, cable{17, 3000})...)
}
