package builtin

func ringTurn(s *suite) {
	add := func(height, width, steps int) {
		grid, turned := make([][]int, height), make([][]int, height)
		for y := range grid {
			grid[y] = s.ints(width, 0, 99)
			turned[y] = append([]int(nil), grid[y]...)
		}
		// Step by step: each square of the border takes what its neighbour against
		// the turn has.
		for range steps {
			next := make([][]int, height)
			for y := range next {
				next[y] = append([]int(nil), turned[y]...)
			}
			for y := range height {
				for x := range width {
					from := turned[y][x]
					switch {
					case height == 1 || width == 1:
						from = turned[(y+height-1)%height][(x+width-1)%width]
					case y == 0 && x > 0: // top, moving right
						from = turned[y][x-1]
					case x == width-1: // right side, moving down
						from = turned[y-1][x]
					case y == height-1: // bottom, moving left
						from = turned[y][x+1]
					case x == 0: // left side, moving up
						from = turned[y+1][x]
					}
					next[y][x] = from
				}
			}
			turned = next
		}
		s.call(turned, grid, steps)
	}
	add(3, 4, 2)
	add(1, 1, 5)
	add(1, 4, 1)
	add(4, 1, 6)
	add(2, 2, 3)
	add(3, 3, 0)
	add(5, 5, 16)
	for range 4 {
		add(s.between(2, 7), s.between(2, 7), s.between(2, 60))
	}
}
