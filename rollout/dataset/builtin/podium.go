package builtin

import "fmt"

func podium(s *suite) {
	type rider struct {
		name            string
		seconds, faults int
	}
	before := func(a, b rider) bool {
		if ta, tb := a.seconds+5*a.faults, b.seconds+5*b.faults; ta != tb {
			return ta < tb
		}
		if a.faults != b.faults {
			return a.faults < b.faults
		}
		return a.name < b.name
	}
	add := func(riders ...rider) {
		input := make([]string, len(riders))
		places := make([]string, min(3, len(riders)))
		for i, r := range riders {
			input[i] = fmt.Sprint(r.name, " ", r.seconds, " ", r.faults)
			place := 0
			for _, other := range riders {
				if before(other, r) {
					place++
				}
			}
			if place < 3 {
				places[place] = r.name
			}
		}
		s.run(places, len(riders), input)
	}
	add(rider{"mika", 61, 2}, rider{"ada", 66, 1}, rider{"tom", 70, 0}, rider{"zoe", 80, 0})
	add(rider{"solo", 100, 3})
	add(rider{"amy", 90, 2}, rider{"zed", 95, 1}, rider{"lou", 100, 0})
	add(rider{"yan", 99, 0}, rider{"bea", 99, 0}, rider{"cal", 120, 0}, rider{"abe", 99, 0})
	add(rider{"a", 98, 0}, rider{"b", 102, 0}, rider{"c", 1000, 0}, rider{"d", 9, 0})
	for _, n := range []int{2, 10, 500} {
		riders := make([]rider, n)
		for i := range riders {
			riders[i] = rider{fmt.Sprintf("%s%c%c", s.letters(4, "abcdefgh"), 'a'+i/26, 'a'+i%26), s.between(80, 130), s.between(0, 4)}
		}
		add(riders...)
	}
}
