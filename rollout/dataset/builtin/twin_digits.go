package builtin

import "fmt"

func twinDigits(s *suite) {
	// upTo counts 1..n by the last digit: a number without twins is one with a
	// digit fewer, without twins, and a last digit that differs from its own last.
	// ending(n, d) counts those up to n whose last digit is d.
	type key struct{ n, d int64 }
	known := map[key]int64{}
	var ending func(n, d int64) int64
	ending = func(n, d int64) int64 {
		if n < d || n == 0 {
			return 0
		}
		if n < 10 {
			return min(d, 1) // the number d itself; 0 does not count
		}
		if count, ok := known[key{n, d}]; ok {
			return count
		}
		// 10*m + d <= n is m <= (n-d)/10.
		count := min(d, 1)
		for last := range int64(10) {
			if last != d {
				count += ending((n-d)/10, last)
			}
		}
		known[key{n, d}] = count
		return count
	}
	upTo := func(n int64) (count int64) {
		for d := range int64(10) {
			count += ending(n, d)
		}
		return count
	}
	add := func(a, b int64) { s.run(upTo(b)-upTo(a-1), fmt.Sprint(a, b)) }
	add(95, 105)
	add(1, 1)
	add(11, 11)
	add(1, 9)
	add(12, 12)
	add(1, 1000)
	add(100, 122)
	add(9, 10)
	for range 4 {
		b := s.between64(10, 20000)
		add(s.between64(1, b), b)
	}
	add(s.between64(1, 1e9), s.between64(1e17, 1e18))
	add(1, 1e18)
}
