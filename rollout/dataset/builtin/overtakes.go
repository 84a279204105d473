package builtin

func overtakes(s *suite) {
	add := func(start, finish []int) {
		place := map[int]int{}
		for i, car := range start {
			place[car] = i
		}
		order := make([]int, len(finish))
		for i, car := range finish {
			order[i] = place[car]
		}
		s.run(inversions(order), len(start), start, finish)
	}
	draw := func(n, swaps int) (start, finish []int) {
		for i, gap := range s.ints(n, 1, 80) {
			if i > 0 {
				gap += start[i-1]
			}
			start = append(start, gap)
		}
		s.Shuffle(n, func(i, j int) { start[i], start[j] = start[j], start[i] })
		finish = append(finish, start...)
		for range swaps {
			i, j := s.IntN(n), s.IntN(n)
			finish[i], finish[j] = finish[j], finish[i]
		}
		return start, finish
	}
	add([]int{44, 7, 16, 5}, []int{7, 5, 44, 16})
	add([]int{1}, []int{1})
	add([]int{3, 2, 1}, []int{3, 2, 1})
	add([]int{1, 2, 3, 4}, []int{4, 3, 2, 1})
	add(draw(10, 5))
	add(draw(300, 100))
	add(draw(12000, 12000))
}

// inversions counts the pairs of x that are out of order, and sorts x by merging.
func inversions(x []int) int {
	if len(x) < 2 {
		return 0
	}
	a, b := append([]int(nil), x[:len(x)/2]...), append([]int(nil), x[len(x)/2:]...)
	count := inversions(a) + inversions(b)
	for i := range x {
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			x[i], a = a[0], a[1:]
		} else {
			x[i], b = b[0], b[1:]
			count += len(a)
		}
	}
	return count
}
