package builtin

import "strings"

func wordCount(s *suite) {
	// All pairs of letters that may end a word are nine states less "ab"; a word
	// grows by a letter as one pair follows another.
	const modulus = 1000000007
	type matrix = [9][9]int64
	pair := func(i int) string { return string("abc"[i/3]) + string("abc"[i%3]) }
	allowed := func(word string) bool {
		for _, bad := range []string{"ab", "aaa", "bbb", "ccc"} {
			if strings.Contains(word, bad) {
				return false
			}
		}
		return true
	}
	multiply := func(x, y *matrix) (z matrix) {
		for i := range 9 {
			for j := range 9 {
				for k := range 9 {
					z[i][j] = (z[i][j] + x[i][k]*y[k][j]) % modulus
				}
			}
		}
		return z
	}
	var step matrix
	for i := range 9 {
		for j := range 9 {
			if pair(i)[1] == pair(j)[0] && allowed(pair(i)+pair(j)[1:]) {
				step[i][j] = 1
			}
		}
	}
	var power func(n int64) matrix
	power = func(n int64) (m matrix) {
		if n == 0 {
			for i := range m {
				m[i][i] = 1
			}
			return m
		}
		m = power(n / 2)
		m = multiply(&m, &m)
		if n%2 == 1 {
			m = multiply(&m, &step)
		}
		return m
	}
	add := func(n int64) {
		words := int64(3)
		if n > 1 {
			m := power(n - 2)
			words = 0
			for i := range 9 {
				for j := range 9 {
					if allowed(pair(i)) {
						words += m[i][j]
					}
				}
			}
		}
		s.run(words%modulus, n)
	}
	for _, n := range []int64{3, 1, 2, 4, 10, 50} {
		add(n)
	}
	add(s.between64(100, 1000))
	add(s.between64(5000, 20000))
	add(s.between64(1e17, 1e18))
	add(1e18)
}
