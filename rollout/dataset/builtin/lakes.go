package builtin

func lakes(s *suite) {
	add := func(rows ...string) {
		// Sets of squares that flow together; set 0 is the sea around the map.
		height, width := len(rows), len(rows[0])
		set := make([]int, height*width+1)
		for i := range set {
			set[i] = i
		}
		find := func(i int) int {
			for set[i] != i {
				i = set[i]
			}
			return i
		}
		square := func(y, x int) int { // -1: land
			if y < 0 || y == height || x < 0 || x == width {
				return 0
			}
			if rows[y][x] == '#' {
				return -1
			}
			return 1 + y*width + x
		}
		join := func(a, b int) {
			if a >= 0 && b >= 0 {
				set[find(a)] = find(b)
			}
		}
		for y := -1; y < height; y++ {
			for x := -1; x < width; x++ {
				join(square(y, x), square(y+1, x))
				join(square(y, x), square(y, x+1))
			}
		}
		size := map[int]int{}
		for y := range height {
			for x := range width {
				if i := square(y, x); i > 0 && find(i) != find(0) {
					size[find(i)]++
				}
			}
		}
		largest := 0
		for _, n := range size {
			largest = max(largest, n)
		}
		s.run([]int{len(size), largest}, []int{height, width}, rows)
	}
	add("######", "#~#~~#", "##~###", "#~~##~", "######")
	add("~")
	add("#")
	add("###", "#~#", "###")
	add("####", "#~~#", "#~##", "#~##")
	add("~~~", "~#~", "~~~")
	for _, size := range []int{8, 30, 60} {
		rows := make([]string, size)
		for i := range rows {
			rows[i] = s.letters(size, "##~")
		}
		add(rows...)
	}
}
