package ptx

// control compiles what ends a block: jumps, exits, barriers and warp instructions.
// It wraps predicated code too, and reports whether the item is done with.
func (c *compiler) control(it *item) bool {
	in := it.in
	taken := func(*thread) bool { return true }
	if in.pred != "" {
		p := c.use(operand{kind: regOperand, name: in.pred})
		want := uint64(1)
		if in.negate {
			want = 0
		}
		taken = func(t *thread) bool { return t.r[p]&1 == want }
	}
	next := func() int { return c.blockOf[it.index+1] }
	// ends run after split has filled blockOf; the targets are looked up once, on first use
	end := func(f func(t *thread, next int) int) {
		after := -1
		it.end = func(t *thread) int {
			if after < 0 {
				after = next()
			}
			if !taken(t) {
				return after
			}
			return f(t, after)
		}
	}
	switch in.name {
	case "bra":
		c.only(in, "uni")
		target := -1
		end(func(t *thread, _ int) int {
			if target < 0 {
				i := it.jump
				if i < 0 {
					i = c.label(it, in.operands[0].name)
				}
				target = c.blockOf[i]
			}
			return target
		})
	case "brx":
		c.only(in, "idx uni")
		x := c.src(0)
		var table []int
		end(func(t *thread, _ int) int {
			if table == nil {
				for _, l := range c.jumps(it) {
					table = append(table, c.blockOf[c.label(it, l)])
				}
			}
			i := uint32(t.r[x])
			if int(i) >= len(table) {
				t.fault(in, OutOfBounds, "target %d of %d", i, len(table))
			}
			return table[i]
		})
	case "ret", "exit":
		c.only(in, "uni")
		if in.name == "ret" && it.sc.parent != nil {
			end(func(*thread, int) int { return c.blockOf[it.sc.back] })
			break
		}
		end(func(t *thread, _ int) int {
			t.state = exited
			return stop
		})
	case "trap":
		end(func(t *thread, _ int) int {
			t.fault(in, Trap, "")
			return stop
		})
	case "bar", "barrier", "shfl", "vote", "match", "redux":
		s := c.sync(it)
		end(func(t *thread, next int) int {
			t.next = next
			return s.arrive(t)
		})
	default:
		if in.pred == "" {
			return false
		}
		family, ok := families[in.name]
		if !ok {
			c.fail("instruction %s", in.name)
		}
		code := family(c, in)
		if code == nil {
			c.fail("form of %s", in.name)
		}
		it.code = func(t *thread) {
			if taken(t) {
				code(t)
			}
		}
	}
	return true
}
