package builtin

func backpack(s *suite) {
	type thing = []int // weight, value
	add := func(c int, things ...thing) {
		// One number ranks choices by value and then by lightness: value*1000
		// less the weight, which never exceeds 800.
		best := make([]int, c+1) // of what weighs at most w
		for _, t := range things {
			for w := c; w >= t[0]; w-- {
				best[w] = max(best[w], best[w-t[0]]+t[1]*1000-t[0])
			}
		}
		value := (best[c] + 999) / 1000
		s.run([]int{value, value*1000 - best[c]}, []int{len(things), c}, things)
	}
	draw := func(n, weight, value int) []thing {
		things := make([]thing, n)
		for i := range things {
			things[i] = thing{s.between(1, weight), s.between(1, value)}
		}
		return things
	}
	add(10, thing{6, 30}, thing{5, 21}, thing{5, 20}, thing{4, 10})
	add(1, thing{2, 5})
	add(5, thing{5, 1})
	add(9, thing{5, 7}, thing{3, 7}, thing{6, 7})
	add(10, thing{3, 4})
	add(20, draw(6, 10, 8)...)
	add(60, draw(15, 20, 30)...)
	add(800, draw(50, 40, 1000)...)
}
