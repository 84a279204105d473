package builtin

func patch(s *suite) {
	add := func(a, b string) {
		// Cheapest first: cost 0, 1, 2, ... and all pairs (i, j) of prefixes that
		// can be had for it.
		type pair struct{ i, j int }
		reached := map[pair]bool{}
		at := [][]pair{{{0, 0}}} // by cost
		for cost := 0; ; cost++ {
			for len(at) < cost+5 {
				at = append(at, nil)
			}
			for k := 0; k < len(at[cost]); k++ {
				p := at[cost][k]
				if reached[p] {
					continue
				}
				reached[p] = true
				if p.i == len(a) && p.j == len(b) {
					s.run(cost, a, b)
					return
				}
				if p.i < len(a) {
					at[cost+3] = append(at[cost+3], pair{p.i + 1, p.j})
				}
				if p.j < len(b) {
					at[cost+2] = append(at[cost+2], pair{p.i, p.j + 1})
				}
				if p.i < len(a) && p.j < len(b) {
					price := 4
					if a[p.i] == b[p.j] {
						price = 0
					}
					at[cost+price] = append(at[cost+price], pair{p.i + 1, p.j + 1})
				}
			}
		}
	}
	add("stone", "tonic")
	add("a", "a")
	add("a", "b")
	add("a", "abcd")
	add("abcd", "d")
	add("abc", "bcd")
	add(s.letters(5, "ab"), s.letters(8, "ab"))
	add(s.letters(9, "abc"), s.letters(6, "abc"))
	add(s.letters(180, "abcd"), s.letters(170, "abcd"))
	add(s.letters(180, "abcdefghijklmnopqrstuvwxyz"), s.letters(180, "abcdefghijklmnopqrstuvwxyz"))
}
