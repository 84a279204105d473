package builtin

import "fmt"

func clockChimes(s *suite) {
	// Strikes in the first t minutes after midnight: half hours, and per twelve
	// hours 1 + 2 + ... + 12.
	upTo := func(t int64) int64 {
		hours := t / 60
		rest := hours % 12
		return (t+30)/60 + hours/12*78 + rest*(rest+1)/2
	}
	add := func(h, m int, d int64) {
		start := int64(h*60 + m)
		s.run(upTo(start+d)-upTo(start), fmt.Sprintf("%02d:%02d %d", h, m, d))
	}
	add(11, 45, 60)
	add(0, 0, 30)
	add(12, 0, 1)
	add(23, 59, 1)
	add(12, 30, 30)
	add(5, 17, 720)
	add(22, 10, 1440)
	for range 4 {
		add(s.IntN(24), s.IntN(60), s.between64(1, 3000))
	}
	add(s.IntN(24), s.IntN(60), 1e15-s.Int64N(1000))
}
