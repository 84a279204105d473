package builtin

func tripReport(s *suite) {
	type leg = []int // km, minutes
	add := func(legs ...leg) {
		km, minutes, slowest, steady := 0, 0, 0, true
		after := []leg{}
		for i, l := range legs {
			km, minutes = km+l[0], minutes+l[1]
			after = append(after, leg{km, minutes})
			// a/b < c/d is a*d < c*b.
			if s := legs[slowest]; l[0]*s[1] < s[0]*l[1] {
				slowest = i
			}
			steady = steady && l[0]*legs[0][1] == legs[0][0]*l[1]
		}
		report := map[string]any{"km": km, "speed": nil, "slowest": nil, "steady": steady, "after": after}
		if len(legs) > 0 {
			report["speed"] = float64(km*60) / float64(minutes)
			report["slowest"] = slowest
		}
		if legs == nil {
			legs = []leg{}
		}
		s.call(report, legs)
	}
	add(leg{90, 60}, leg{10, 30}, leg{5, 15})
	add()
	add(leg{3, 7})
	add(leg{10, 10}, leg{20, 20}, leg{7, 7})
	add(leg{1, 3}, leg{2, 6}, leg{5, 6})
	for _, n := range []int{3, 8, 100} {
		legs := make([]leg, n)
		for i := range legs {
			legs[i] = leg{s.between(1, 9), s.between(1, 9)}
		}
		add(legs...)
	}
}
