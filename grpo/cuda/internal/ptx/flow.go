package ptx

// split cuts the items into blocks, wires the ends and guards every read of a
// register that some path has not written.
func (c *compiler) split() {
	n := len(c.items)
	leader := make([]bool, n+1)
	leader[0] = true
	for i, it := range c.items {
		if it.link != nil {
			leader[i+1] = true
		}
		for _, s := range c.successors(it) {
			leader[s] = true
		}
	}
	c.blockOf = make([]int, n+1)
	blocks := 0
	for i := range n {
		if leader[i] && i > 0 {
			blocks++
		}
		c.blockOf[i] = blocks
	}
	c.blockOf[n] = blocks
	guards := c.guards()
	c.p.blocks = make([]codeBlock, blocks+1)
	for i, it := range c.items {
		b := &c.p.blocks[c.blockOf[i]]
		if b.steps++; b.first == nil {
			b.first = it.in
		}
		if g := guards[i]; g != nil {
			b.body = append(b.body, g)
		}
		if it.link == nil {
			b.body = append(b.body, it.code)
		} else {
			b.end = it.link()
		}
		if leader[i+1] && it.link == nil {
			next := c.blockOf[i+1]
			b.end = func(*thread) int { return next }
		}
	}
}

// successors are the items that may run after one that ends a block; for others, the next.
func (c *compiler) successors(it *item) (list []int) {
	if it.link == nil {
		return nil
	}
	in := it.in
	switch in.name {
	case "bra", "brx":
		if it.jump >= 0 {
			list = append(list, it.jump)
		} else {
			for _, l := range c.jumps(it) {
				list = append(list, c.label(it, l))
			}
		}
		if in.pred == "" {
			return list
		}
	case "ret", "exit":
		if in.name == "ret" && it.sc.parent != nil {
			list = append(list, it.sc.back)
		}
		if in.pred == "" {
			return list
		}
	}
	if it.index+1 < len(c.items) {
		list = append(list, it.index+1)
	}
	return list
}

func (c *compiler) jumps(it *item) []string {
	if it.in.name == "bra" {
		return []string{it.in.operands[0].name}
	}
	return it.sc.f.targets[it.in.operands[1].name]
}

func (c *compiler) label(it *item, name string) int {
	i, ok := it.sc.labels[name]
	if !ok {
		c.it = it
		c.fail("label %s", name)
	}
	return i
}

type slotSet []uint64

func (b slotSet) has(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }
func (b slotSet) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b slotSet) clear(i int)    { b[i>>6] &^= 1 << (i & 63) }

// guards finds, by a must-be-written analysis over the whole program, the reads that
// no proof covers, and returns for each item the check that runs before it. Most
// programs need none. A mov passes junk on without a report: compilers write such
// movs for values that are never used.
func (c *compiler) guards() []op {
	n, words := len(c.items), (len(c.p.template)+63)/64
	in := make([]slotSet, n) // nil: not reached
	entry := make(slotSet, words)
	for s := range len(c.p.template) {
		if c.p.slots[s] == "" {
			entry.set(s) // constants, special registers and parameters
		}
	}
	transfer := func(it *item, b slotSet) slotSet {
		out := append(slotSet(nil), b...)
		good := true
		if it.copy {
			for _, u := range it.uses {
				good = good && b.has(u)
			}
		}
		for _, d := range it.defs {
			switch {
			case good && it.in.pred == "":
				out.set(d)
			case !good:
				out.clear(d)
			}
		}
		return out
	}
	work := []int{0}
	in[0] = entry
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		it := c.items[i]
		out := transfer(it, in[i])
		next := c.successors(it)
		if it.link == nil && i+1 < n {
			next = append(next, i+1)
		}
		for _, s := range next {
			if in[s] == nil {
				in[s] = append(slotSet(nil), out...)
				work = append(work, s)
				continue
			}
			changed := false
			for w := range out {
				if v := in[s][w] & out[w]; v != in[s][w] {
					in[s][w] = v
					changed = true
				}
			}
			if changed {
				work = append(work, s)
			}
		}
	}
	tracked := make(slotSet, words)
	any := false
	for i, it := range c.items {
		for _, u := range it.uses {
			if in[i] != nil && !in[i].has(u) {
				tracked.set(u)
				any = true
			}
		}
	}
	for grown := any; grown; { // whatever junk may be moved into is tracked too
		grown = false
		for _, it := range c.items {
			if !it.copy {
				continue
			}
			for _, u := range it.uses {
				for _, d := range it.defs {
					if tracked.has(u) && !tracked.has(d) {
						tracked.set(d)
						grown = true
					}
				}
			}
		}
	}
	c.p.tracked = any
	guards := make([]op, n)
	if !any {
		return guards
	}
	for i, it := range c.items {
		guards[i] = c.guard(it, tracked)
	}
	return guards
}

func (c *compiler) guard(it *item, tracked slotSet) op {
	var uses, defs []int
	pred := -1
	for _, u := range it.uses {
		if tracked.has(u) {
			uses = append(uses, u)
		}
	}
	for _, d := range it.defs {
		if tracked.has(d) {
			defs = append(defs, d)
		}
	}
	if uses == nil && defs == nil {
		return nil
	}
	in, names, moves := it.in, c.p.slots, it.copy
	if in.pred != "" {
		c.it = it
		pred = c.register(in.pred)
	}
	return func(t *thread) {
		if pred >= 0 {
			if tracked.has(pred) && !t.def[pred] {
				t.fault(in, Uninitialised, "register %s", names[pred])
			}
			if (t.r[pred] != 0) == in.negate {
				return
			}
		}
		good := true
		for _, u := range uses {
			if !t.def[u] {
				if !moves || u == pred {
					t.fault(in, Uninitialised, "register %s", names[u])
				}
				good = false
			}
		}
		for _, d := range defs {
			t.def[d] = good
		}
	}
}
