package builtin

func ropeCuts(s *suite) {
	add := func(k int, ropes ...int) {
		// Bit by bit from the top: keep a bit if the pieces are still enough.
		length := 0
		for bit := 1 << 30; bit > 0; bit /= 2 {
			pieces := 0
			for _, r := range ropes {
				pieces += r / (length + bit)
			}
			if pieces >= k {
				length += bit
			}
		}
		s.run(length, []int{len(ropes), k}, ropes)
	}
	add(5, 10, 7, 4)
	add(1, 9)
	add(10, 9)
	add(2, 8, 8)
	add(9, 9)
	add(4, 1, 1, 1)
	for _, n := range []int{5, 50} {
		add(s.between(3, 4*n), s.ints(n, 1, 300)...)
	}
	add(s.between(10000, 1e6), s.ints(3000, 1, 1e9)...)
}
