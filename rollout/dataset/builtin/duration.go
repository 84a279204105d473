package builtin

import (
	"fmt"
	"strings"
)

func duration(s *suite) {
	wrong := func(text string) { s.call(nil, text) }
	right := func(hours, minutes, seconds int) { // a negative part is missing
		var text strings.Builder
		total := 0
		for i, n := range []int{hours, minutes, seconds} {
			if n >= 0 {
				fmt.Fprintf(&text, "%d%c", n, "hms"[i])
				total += n * []int{3600, 60, 1}[i]
			}
		}
		s.call(total, text.String())
	}
	right(2, 5, 10)
	wrong("")
	wrong("5m2h")
	wrong("12")
	wrong("3m 5s")
	wrong("1h1h")
	wrong("1h30")
	wrong("h")
	wrong("-5s")
	s.call(425, "007m05s")
	right(-1, -1, 0)
	right(0, -1, -1)
	right(-1, 90, -1)
	for range 4 {
		right(s.between(-3, 30), s.between(-20, 100), s.between(0, 200))
	}
}
