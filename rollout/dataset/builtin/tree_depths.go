package builtin

func treeDepths(s *suite) {
	// The tree is grown person by person with its depths, and then renumbered.
	add := func(bosses ...int) { // -1, or the number of somebody before
		n := len(bosses)
		depth := make([]int, n)
		number := s.Perm(n)
		boss, depths := make([]any, n), make([]int, n)
		for i, b := range bosses {
			if b >= 0 {
				depth[i] = depth[b] + 1
				boss[number[i]] = number[b]
			}
			depths[number[i]] = depth[i]
		}
		s.call(depths, boss)
	}
	add(-1, 0, 0, 1)
	add()
	add(-1)
	add(-1, 0)
	add(-1, 0, 1, 2, 3, 4)
	add(-1, -1, 1, 0, 0, -1)
	for _, n := range []int{10, 200} {
		bosses := make([]int, n)
		for i := range bosses {
			bosses[i] = s.between(-1, i-1)
		}
		add(bosses...)
	}
	chain := make([]int, 20000)
	for i := range chain {
		chain[i] = i - 1
	}
	add(chain...)
}
