package builtin

import "slices"

func pots(s *suite) {
	add := func(litres ...int) {
		// Mixes come into being in rising order, so two sorted queues do: pots as
		// they were and mixes.
		var pure, mixed []int64
		for _, x := range slices.Sorted(slices.Values(litres)) {
			pure = append(pure, int64(x))
		}
		smallest := func() int64 {
			from := &pure
			if len(pure) == 0 || len(mixed) > 0 && mixed[0] < pure[0] {
				from = &mixed
			}
			x := (*from)[0]
			*from = (*from)[1:]
			return x
		}
		minutes := int64(0)
		for len(pure)+len(mixed) > 1 {
			mix := smallest() + smallest()
			minutes += mix
			mixed = append(mixed, mix)
		}
		s.run(minutes, len(litres), litres)
	}
	add(4, 3, 2, 2)
	add(5)
	add(1, 2)
	add(7, 7, 7)
	add(1, 1, 1, 1, 1, 1, 1)
	for _, n := range []int{10, 300} {
		add(s.ints(n, 1, 1000)...)
	}
	add(s.ints(12000, 1, 1e6)...)
}
