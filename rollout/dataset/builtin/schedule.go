package builtin

func schedule(s *suite) {
	type pair = []int // first, second
	add := func(n int, conditions ...pair) {
		// From the lowest number on, look for a job whose conditions are all met;
		// after each job start over.
		before := make([][]int, n+1)
		for _, c := range conditions {
			before[c[1]] = append(before[c[1]], c[0])
		}
		done := make([]bool, n+1)
		ready := func(job int) bool {
			for _, first := range before[job] {
				if !done[first] {
					return false
				}
			}
			return !done[job]
		}
		var order []int
		for job := 1; job <= n; job++ {
			if ready(job) {
				done[job] = true
				order = append(order, job)
				job = 0
			}
		}
		if len(order) == n {
			s.run(order, []int{n, len(conditions)}, conditions)
		} else {
			s.run("impossible", []int{n, len(conditions)}, conditions)
		}
	}
	draw := func(n, m int) []pair { // conditions that can be met
		place := s.Perm(n)
		pairs := make([]pair, m)
		for i := range pairs {
			a, b := s.IntN(n), s.IntN(n-1)
			if b >= a {
				b++
			}
			if place[a] > place[b] {
				a, b = b, a
			}
			pairs[i] = pair{a + 1, b + 1}
		}
		return pairs
	}
	add(5, pair{4, 1}, pair{1, 2}, pair{5, 2})
	add(1)
	add(3)
	add(2, pair{1, 2}, pair{2, 1})
	add(4, pair{4, 1}, pair{4, 1})
	add(5, pair{2, 3}, pair{3, 4}, pair{4, 2})
	add(12, draw(12, 10)...)
	add(12, append(draw(12, 8), pair{3, 5}, pair{5, 3})...)
	add(200, draw(200, 300)...)
	add(3000, draw(3000, 20000)...)
}
