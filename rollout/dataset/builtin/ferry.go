package builtin

func ferry(s *suite) {
	add := func(lane int, cars ...int) {
		crossings := 0
		for i := 0; i < len(cars); crossings++ {
			for room := lane; i < len(cars) && cars[i] <= room; i++ {
				room -= cars[i]
			}
		}
		s.run(crossings, []int{len(cars), lane}, cars)
	}
	add(10, 4, 6, 3, 5, 4)
	add(7, 7)
	add(5, 5, 5, 5)
	add(9, 1, 1, 1, 1, 1)
	for _, n := range []int{5, 20, 200, 1000} {
		add(s.between(20, 60), s.ints(n, 2, 20)...)
	}
}
