package builtin

import "slices"

func brokenStairs(s *suite) {
	add := func(n int, strides, broken []int) {
		// Forwards: every step hands its ways on.
		ways := make([]int, n+1)
		ways[0] = 1
		for step := range n {
			for _, k := range strides {
				if to := step + k; to <= n && !slices.Contains(broken, to) {
					ways[to] = (ways[to] + ways[step]) % 1000000007
				}
			}
		}
		s.run(ways[n], []int{n, len(strides), len(broken)}, strides, broken)
	}
	add(5, []int{1, 2}, []int{3})
	add(1, []int{1}, nil)
	add(3, []int{1, 3}, []int{3})
	add(4, []int{2, 1}, nil)
	add(6, []int{4, 5}, nil)
	add(30, []int{1, 2, 3}, []int{7, 12, 20})
	add(34, []int{1, 3}, nil)
	draw := func(n, most int) []int { // different numbers of 1..n-1
		x := s.ints(most, 1, n-1)
		slices.Sort(x)
		x = slices.Compact(x)
		s.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		return x
	}
	add(40, draw(8, 4), draw(40, 6))
	add(90, []int{1, 2, 5}, nil)
	add(4000, []int{1, 2, 3, 7, 10}, draw(4000, 300))
}
