package builtin

func calmStretch(s *suite) {
	add := func(d int, x ...int) {
		// When a reading breaks the calm, look back from it for the new beginning.
		best, left := 0, 0
		low, high := x[0], x[0]
		for right := range x {
			low, high = min(low, x[right]), max(high, x[right])
			if high-low > d {
				low, high, left = x[right], x[right], right
				for max(high, x[left-1])-min(low, x[left-1]) <= d {
					left--
					low, high = min(low, x[left]), max(high, x[left])
				}
			}
			best = max(best, right-left+1)
		}
		s.run(best, []int{len(x), d}, x)
	}
	add(3, 10, 12, 15, 13, 12, 14, 11, 9)
	add(0, 5)
	add(0, 5, 5, 6, 6, 6)
	add(2, 1, 2, 3, 4, 5, 6)
	add(1e9, 0, 1e9, 3)
	for _, n := range []int{20, 400} {
		add(s.between(2, 8), s.ints(n, 0, 15)...)
	}
	add(5e8, s.ints(20000, 0, 1e9)...)
	add(1000, s.ints(20000, 500, 1500)...)
}
