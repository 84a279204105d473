package builtin

import (
	"fmt"
	"slices"
)

func exactChange(s *suite) {
	add := func(sum int64, coins ...int) {
		// Coins in falling order; stop where all that are left are too few or the
		// rest is paid.
		sorted := slices.Sorted(slices.Values(coins))
		slices.Reverse(sorted)
		left := make([]int64, len(sorted)+1)
		for i := len(sorted) - 1; i >= 0; i-- {
			left[i] = left[i+1] + int64(sorted[i])
		}
		type key struct {
			i   int
			sum int64
		}
		known := map[key]int{}
		var ways func(i int, sum int64) int
		ways = func(i int, sum int64) int {
			if sum < 0 || sum > left[i] {
				return 0
			}
			if i == len(sorted) {
				return 1
			}
			if w, ok := known[key{i, sum}]; ok {
				return w
			}
			w := ways(i+1, sum) + ways(i+1, sum-int64(sorted[i]))
			known[key{i, sum}] = w
			return w
		}
		s.run(ways(0, sum), fmt.Sprint(len(coins), sum), coins)
	}
	total := func(coins []int) (sum int64) { // of some of them
		for _, c := range coins {
			sum += int64(c * s.IntN(2))
		}
		return sum
	}
	add(10, 5, 5, 10, 3, 2)
	add(0, 7)
	add(7, 7)
	add(8, 7)
	add(3, 1, 1, 1, 1, 1)
	coins := s.ints(10, 1, 20)
	add(total(coins), coins...)
	coins = s.ints(14, 1, 1000)
	add(total(coins), coins...)
	coins = s.ints(28, 1, 50)
	add(total(coins), coins...)
	for i := range coins {
		coins[i] = 1e6 * s.between(1, 1000)
	}
	add(total(coins), coins...)
}
