package builtin

import "strconv"

func digitLadder(s *suite) {
	add := func(n int64) {
		// Digit by digit: the smallest one that leaves a way to reach n, which is
		// to fill the rest with nines.
		length := len(strconv.FormatInt(n, 10))
		prefix, last := int64(0), int64(1)
		for i := range length {
			digit := last
			for reach(prefix*10+digit, length-1-i) < n {
				digit++
			}
			prefix, last = prefix*10+digit, digit
		}
		s.run(prefix, n)
	}
	add(1320)
	add(1)
	add(10)
	add(9)
	add(1234)
	add(999)
	add(100000)
	for range 5 {
		add(s.between64(1, 10000000))
	}
	add(987654321012345678)
	add(s.between64(1e16, 999999999999999999))
}

// reach is the number followed by n nines.
func reach(prefix int64, n int) int64 {
	for range n {
		prefix = prefix*10 + 9
	}
	return prefix
}
