package builtin

func ovens(s *suite) {
	add := func(k int, minutes ...int) {
		// The clock runs minute by minute; at each, free ovens take loaves in the
		// order of their numbers.
		free := make([]int, k)
		done, last := 0, 0
		for now, i := 0, 0; i < len(minutes); now++ {
			for oven := 0; oven < k && i < len(minutes); oven++ {
				if free[oven] <= now {
					free[oven] = now + minutes[i]
					done, last = max(done, free[oven]), oven+1
					i++
				}
			}
		}
		s.run([]int{done, last}, []int{len(minutes), k}, minutes)
	}
	add(2, 30, 20, 20, 10)
	add(3, 5)
	add(1, 4, 5, 6)
	add(2, 10, 10, 10)
	add(3, 50, 10, 10, 10)
	for _, n := range []int{20, 300} {
		add(s.between(2, 9), s.ints(n, 1, 30)...)
	}
	add(7000, s.ints(15000, 1, 1000)...)
}
