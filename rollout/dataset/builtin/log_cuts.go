package builtin

import "slices"

func logCuts(s *suite) {
	add := func(length int, marks ...int) {
		known := map[[2]int]int{}
		var price func(left, right int) int // of all cuts strictly between
		price = func(left, right int) int {
			if p, ok := known[[2]int{left, right}]; ok {
				return p
			}
			best := -1
			for _, m := range marks {
				if left < m && m < right {
					p := max(m-left, right-m) + price(left, m) + price(m, right)
					if best < 0 || p < best {
						best = p
					}
				}
			}
			best = max(best, 0)
			known[[2]int{left, right}] = best
			return best
		}
		s.run(price(0, length), []int{length, len(marks)}, marks)
	}
	draw := func(length, m int) []int {
		marks := s.ints(m, 1, length-1)
		slices.Sort(marks)
		return slices.Compact(marks)
	}
	add(10, 2, 5, 9)
	add(2, 1)
	add(100, 50)
	add(20, 1, 2, 3, 4)
	add(20, 2, 9, 10, 18, 19)
	for range 4 {
		add(40, draw(40, 7)...)
	}
	add(1e6, draw(1e6, 50)...)
}
