package builtin

func towerView(s *suite) {
	add := func(heights ...int) {
		// next[i] is the first taller tower; from i+1 on, leap over towers whose
		// own next is already known.
		n := len(heights)
		next := make([]int, n)
		total := 0
		for i := n - 1; i >= 0; i-- {
			j := i + 1
			for j < n && heights[j] <= heights[i] {
				j = next[j]
			}
			next[i] = j
			if j < n {
				total += j - i
			}
		}
		s.run(total, n, heights)
	}
	add(3, 1, 4, 2, 2, 5)
	add(7)
	add(5, 5, 5)
	add(5, 5, 6)
	add(3, 2, 1)
	for _, n := range []int{10, 500} {
		add(s.ints(n, 1, 12)...)
	}
	add(s.ints(20000, 1, 1e9)...)
	falling := make([]int, 20000)
	for i := range falling {
		falling[i] = 1e9 - 7*i
	}
	add(falling...)
}
