package builtin

import "slices"

func skyline(s *suite) {
	add := func(heights ...int) {
		// longest[r] is the longest picture that ends with the height of rank r;
		// a Fenwick tree keeps the greatest of longest[1..r].
		ranks := slices.Compact(slices.Sorted(slices.Values(heights)))
		tree := make([]int, len(ranks)+1)
		best := 0
		for _, h := range heights {
			r, _ := slices.BinarySearch(ranks, h)
			longest := 1
			for i := r; i > 0; i -= i & -i {
				longest = max(longest, tree[i]+1)
			}
			for i := r + 1; i < len(tree); i += i & -i {
				tree[i] = max(tree[i], longest)
			}
			best = max(best, longest)
		}
		s.run(len(heights)-best, len(heights), heights)
	}
	add(3, 9, 4, 5, 5, 7)
	add(1)
	add(4, 4, 4)
	add(5, 4, 3)
	add(10, 1, 2, 3)
	for _, n := range []int{8, 30, 500} {
		add(s.ints(n, 1, n)...)
	}
	add(s.ints(20000, 1, 1e9)...)
}
