package builtin

import (
	"cmp"
	"slices"
)

func fencePaint(s *suite) {
	add := func(stretches ...[]int) {
		// From left to right, once is the end of what has one coat and twice the
		// end of what has two.
		sorted := slices.SortedFunc(slices.Values(stretches), func(x, y []int) int { return cmp.Compare(x[0], y[0]) })
		length, once, twice := 0, 0, 0
		for _, x := range sorted {
			a, b := x[0], x[1]
			second := min(b, once) // a:second is below the paint of an earlier stretch
			if from := max(a, twice); second > from {
				length += second - from
				twice = second
			}
			once = max(once, b)
		}
		s.run(length, len(stretches), stretches)
	}
	draw := func(n, end, longest int) [][]int {
		stretches := make([][]int, n)
		for i := range stretches {
			a := s.between(0, end-1)
			stretches[i] = []int{a, min(end, a+s.between(1, longest))}
		}
		return stretches
	}
	add([]int{2, 9}, []int{5, 12}, []int{6, 7}, []int{12, 15})
	add([]int{0, 1})
	add([]int{0, 5}, []int{5, 9})
	add([]int{3, 4}, []int{3, 4}, []int{3, 4})
	add([]int{0, 10}, []int{1, 3}, []int{2, 4}, []int{8, 20})
	add(draw(10, 40, 15)...)
	add(draw(200, 1000, 30)...)
	add(draw(8000, 1e9, 1e6)...)
}
