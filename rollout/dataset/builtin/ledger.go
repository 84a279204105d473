package builtin

func ledger(s *suite) {
	add := func(payments []int) {
		// From the back: what must be there before payment i is what must be
		// there after it, less the payment.
		need := 0
		for i := len(payments) - 1; i >= 0; i-- {
			need = max(0, need-payments[i])
		}
		s.run(need, len(payments), payments)
	}
	add([]int{5, -8, 4, -3})
	add([]int{7})
	add([]int{-7})
	add([]int{0})
	add([]int{3, -1, 2})
	for _, n := range []int{10, 100, 3000} {
		add(s.ints(n, -100, 100))
	}
	add(s.ints(40000, -1000000, 1000000))
}
