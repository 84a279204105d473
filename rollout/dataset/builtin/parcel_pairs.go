package builtin

func parcelPairs(s *suite) {
	add := func(k int, weights ...int) {
		count := map[int]int{}
		for _, w := range weights {
			count[w%k]++
		}
		pairs := 0
		for r, c := range count {
			switch other := (k - r) % k; {
			case other == r:
				pairs += c * (c - 1) / 2
			case other > r:
				pairs += c * count[other]
			}
		}
		s.run(pairs, []int{len(weights), k}, weights)
	}
	add(5, 3, 7, 10, 5, 2)
	add(1, 4, 4, 4)
	add(2, 9)
	add(4, 2, 2, 6, 1)
	add(10, 5, 15, 5, 20)
	for _, n := range []int{20, 300} {
		add(s.between(2, 20), s.ints(n, 1, 1000)...)
	}
	add(997, s.ints(20000, 1, 1e9)...)
}
