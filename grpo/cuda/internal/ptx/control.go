package ptx

// control compiles what ends a block: jumps, exits, barriers and warp instructions.
// Anything else is code inside a block, made conditional where it has a predicate.
func (c *compiler) control(it *item) {
	in := it.in
	p, want := -1, truth(!in.negate)
	if in.pred != "" {
		p = c.use(operand{kind: regOperand, name: in.pred})
	}
	// otherwise makes an end conditional: without the predicate, the next block
	otherwise := func(end func(t *thread) int) func(t *thread) int {
		if p < 0 {
			return end
		}
		after := c.blockOf[it.index+1]
		return func(t *thread) int {
			if t.r[p]&1 != want {
				return after
			}
			return end(t)
		}
	}
	to := func(item int) func(t *thread) int {
		b := c.blockOf[item]
		return func(*thread) int { return b }
	}
	switch in.name {
	case "bra":
		c.only(in, "uni")
		if it.jump < 0 {
			c.arg(0)
		}
		it.link = func() func(t *thread) int {
			target := c.successors(it)[0]
			if p < 0 {
				return to(target)
			}
			yes, no := c.blockOf[target], c.blockOf[it.index+1]
			return func(t *thread) int {
				if t.r[p]&1 == want {
					return yes
				}
				return no
			}
		}
	case "brx":
		c.only(in, "idx uni")
		x := c.src(0)
		if len(it.sc.f.targets[c.arg(1).name]) == 0 {
			c.fail("no targets %s", c.arg(1).name)
		}
		it.link = func() func(t *thread) int {
			var table []int
			for _, l := range c.jumps(it) {
				table = append(table, c.blockOf[c.label(it, l)])
			}
			return otherwise(func(t *thread) int {
				i := uint32(t.r[x])
				if int(i) >= len(table) {
					t.fault(in, OutOfBounds, "target %d of %d", i, len(table))
				}
				return table[i]
			})
		}
	case "ret", "exit":
		c.only(in, "uni")
		it.link = func() func(t *thread) int {
			if in.name == "ret" && it.sc.parent != nil {
				return otherwise(to(it.sc.back))
			}
			return otherwise(func(t *thread) int {
				t.state = exited
				return stop
			})
		}
	case "trap":
		it.link = func() func(t *thread) int {
			return otherwise(func(t *thread) int {
				t.fault(in, Trap, "")
				return stop
			})
		}
	case "bar", "barrier", "shfl", "vote", "match", "redux":
		s := c.sync(it)
		it.link = func() func(t *thread) int {
			after := c.blockOf[it.index+1]
			return otherwise(func(t *thread) int {
				t.next = after
				return s.arrive(t)
			})
		}
	default:
		code := c.family(in)
		if it.code = code; p >= 0 {
			it.code = func(t *thread) {
				if t.r[p]&1 == want {
					code(t)
				}
			}
		}
	}
}

// family compiles an instruction of one thread.
func (c *compiler) family(in *instr) op {
	f, ok := families[in.name]
	if !ok {
		c.fail("instruction %s", in.name)
	}
	code := f(c, in)
	if code == nil {
		c.fail("form of %s", in.name)
	}
	return code
}
