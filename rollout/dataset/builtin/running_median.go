package builtin

import "sort"

func runningMedian(s *suite) {
	add := func(readings ...int) {
		// Keep how often each value has come, and look for the middle by counting.
		values := append([]int{}, readings...)
		sort.Ints(values)
		count := make([]int, len(values))
		nth := func(n int) int { // n-th smallest so far, from 0
			for i, c := range count {
				if n -= c; n < 0 {
					return values[i]
				}
			}
			return 0
		}
		medians := make([]float64, len(readings))
		for n, reading := range readings {
			count[sort.SearchInts(values, reading)]++
			medians[n] = float64(nth(n/2)+nth((n+1)/2)) / 2
		}
		if readings == nil {
			readings = []int{}
		}
		s.call(medians, readings)
	}
	add(7, 2, 5, 2)
	add()
	add(-3)
	add(-3, -4)
	add(1, 1, 1)
	for _, n := range []int{10, 200} {
		add(s.ints(n, -50, 50)...)
	}
	add(s.ints(9000, -1e9, 1e9)...)
}
