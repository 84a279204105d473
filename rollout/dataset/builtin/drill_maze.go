package builtin

import "strings"

func drillMaze(s *suite) {
	add := func(rows ...string) {
		// With walls as they are, measure from both ends; then the best way goes
		// through one square, wall or not, to which both ends have a neighbour.
		height, width := len(rows), len(rows[0])
		const far = 1 << 20
		measure := func(y, x int) [][]int {
			d := make([][]int, height)
			for i := range d {
				d[i] = make([]int, width)
				for j := range d[i] {
					d[i][j] = far
				}
			}
			d[y][x] = 0
			for changed := true; changed; {
				changed = false
				for y := range height {
					for x := range width {
						if best := 1 + nearest(d, y, x); rows[y][x] == '.' && best < d[y][x] {
							d[y][x], changed = best, true
						}
					}
				}
			}
			return d
		}
		from, to := measure(0, 0), measure(height-1, width-1)
		best := from[height-1][width-1]
		for y := range height {
			for x := range width {
				best = min(best, nearest(from, y, x)+nearest(to, y, x)+2)
			}
		}
		if best >= far {
			best = -1
		}
		s.run(best, []int{height, width}, rows)
	}
	draw := func(height, width int, squares string) []string {
		rows := make([]string, height)
		for i := range rows {
			row := []byte(s.letters(width, squares))
			if i == 0 {
				row[0] = '.'
			}
			if i == height-1 {
				row[width-1] = '.'
			}
			rows[i] = string(row)
		}
		return rows
	}
	add("..#.", "#.##", "..#.", ".##.")
	add(".")
	add(".#.")
	add(".##.")
	add("..", "..")
	add(".#....", ".#.##.", "...##.", "###.#.", ".....#", ".....#", "......")
	add(".......", "######.", ".......", ".######", "...#...", "######.", "######.")
	for range 6 {
		add(draw(s.between(4, 8), s.between(4, 8), "#.")...)
	}
	for range 3 {
		add(draw(15, 15, "##...")...)
	}
	add(draw(50, 50, "#...")...)
	add(draw(30, 30, strings.Repeat(".", 12)+"#")...)
}

// nearest is the least of the four neighbours of (y, x).
func nearest(d [][]int, y, x int) int {
	least := 1 << 20
	if y > 0 {
		least = min(least, d[y-1][x])
	}
	if y+1 < len(d) {
		least = min(least, d[y+1][x])
	}
	if x > 0 {
		least = min(least, d[y][x-1])
	}
	if x+1 < len(d[y]) {
		least = min(least, d[y][x+1])
	}
	return least
}
