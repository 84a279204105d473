package builtin

func pileGame(s *suite) {
	after := func(stones int) []int { // what a move leaves of a pile
		var left []int
		if stones >= 1 {
			left = append(left, stones-1)
		}
		if stones >= 2 {
			left = append(left, stones-2)
		}
		if stones > 4 && stones%2 == 0 { // of 2 and 4, half is 1 and 2
			left = append(left, stones/2)
		}
		return left
	}
	add := func(piles ...int) {
		// A pile is worth the least number that no move leads to (Sprague and
		// Grundy); the player to move loses where the exclusive or of all is 0.
		worth := make([]int, 5001)
		for stones := range worth {
			var taken [5]bool
			for _, left := range after(stones) {
				taken[worth[left]] = true
			}
			for taken[worth[stones]] {
				worth[stones]++
			}
		}
		all := 0
		for _, stones := range piles {
			all ^= worth[stones]
		}
		winning := 0
		for _, stones := range piles {
			for _, left := range after(stones) {
				if all^worth[stones]^worth[left] == 0 {
					winning++
				}
			}
		}
		s.run(winning, len(piles), piles)
	}
	add(2, 3)
	add(1)
	add(2)
	add(4)
	add(6, 6)
	add(3, 4, 4)
	add(1, 2, 2, 3)
	for range 6 {
		add(s.ints(3, 1, 6)...)
	}
	add(s.ints(20, 1, 100)...)
	add(s.ints(200, 1, 5000)...)
	add(s.ints(199, 1, 5000)...)
}
