package builtin

func inventories(s *suite) {
	type stock = map[string]int
	add := func(first, second stock) {
		sum := stock{}
		for _, shop := range []stock{first, second} {
			for name, n := range shop {
				if sum[name] += n; sum[name] == 0 {
					delete(sum, name)
				}
			}
		}
		s.call(sum, first, second)
	}
	draw := func(n int) stock {
		shop := stock{}
		for range n {
			shop[s.letters(2, "pqrstuv")] = s.between(-3, 3)
		}
		return shop
	}
	add(stock{"apples": 5, "nuts": 2}, stock{"nuts": -2, "pears": 1})
	add(stock{}, stock{})
	add(stock{"tea": 0}, stock{})
	add(stock{"tea": 1}, stock{"tea": -4})
	add(stock{}, stock{"salt": 7})
	for _, n := range []int{5, 20, 60} {
		add(draw(n), draw(n))
	}
}
