package builtin

func bridges(s *suite) {
	type road = []int
	add := func(n int, roads ...road) {
		// Roads that join what was apart form trees. Any other road closes a ring,
		// and takes the vitality of the tree roads on that ring.
		parent, depth := make([]int, n+1), make([]int, n+1)
		next := make([][]int, n+1) // tree neighbours
		part := make([]int, n+1)
		for i := range part {
			part[i] = i
		}
		find := func(i int) int {
			for part[i] != i {
				i = part[i]
			}
			return i
		}
		var others []road
		for _, r := range roads {
			a, b := find(r[0]), find(r[1])
			if a == b {
				others = append(others, r)
				continue
			}
			part[a] = b
			next[r[0]] = append(next[r[0]], r[1])
			next[r[1]] = append(next[r[1]], r[0])
		}
		var hang func(town int)
		hang = func(town int) {
			for _, t := range next[town] {
				if t != parent[town] {
					parent[t], depth[t] = town, depth[town]+1
					hang(t)
				}
			}
		}
		vital := make([]bool, n+1) // the road from a town to its parent
		for town := 1; town <= n; town++ {
			if find(town) == town {
				hang(town)
			} else {
				vital[town] = true
			}
		}
		for _, r := range others {
			for a, b := r[0], r[1]; a != b; {
				if depth[a] < depth[b] {
					a, b = b, a
				}
				vital[a] = false
				a = parent[a]
			}
		}
		count := 0
		for _, v := range vital {
			if v {
				count++
			}
		}
		s.run(count, []int{n, len(roads)}, roads)
	}
	draw := func(n, m int) []road {
		roads := make([]road, m)
		for i := range roads {
			a, b := s.between(1, n), s.between(1, n-1)
			if b >= a {
				b++
			}
			roads[i] = road{a, b}
		}
		return roads
	}
	add(6, road{1, 2}, road{2, 3}, road{3, 1}, road{3, 4}, road{4, 5})
	add(1)
	add(2, road{1, 2})
	add(2, road{1, 2}, road{2, 1})
	add(4, road{1, 2}, road{2, 3}, road{3, 4})
	add(7, road{1, 2}, road{2, 3}, road{3, 1}, road{3, 4}, road{4, 5}, road{5, 6}, road{6, 4})
	add(10, draw(10, 10)...)
	add(10, draw(10, 14)...)
	add(100, draw(100, 120)...)
	add(500, draw(500, 550)...)
	ring := make([]road, 3000, 4500)
	for i := range ring {
		ring[i] = road{i + 1, (i+1)%3000 + 1}
	}
	add(3000, append(ring[1:], draw(3000, 1200)...)...)
}
