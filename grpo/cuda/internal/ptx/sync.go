package ptx

// sync is an instruction at which threads wait for one another.
type sync struct {
	in      *instr
	barrier bool                           // of the block, else of lanes of a warp
	members int                            // slot of the lanes' mask
	done    func(list []*thread, b *block) // runs when all are there, and writes their results
}

// arrive makes the thread wait.
func (s *sync) arrive(t *thread) int {
	t.at = s
	if s.barrier {
		t.state = atBarrier
		return stop
	}
	t.state = atWarp
	t.mask = uint32(t.r[s.members])
	if t.mask>>t.lane&1 == 0 {
		t.fault(s.in, Divergence, "lane %d is not in its own mask %#x", t.lane, t.mask)
	}
	return stop
}

func (c *compiler) sync(it *item) *sync {
	in := it.in
	s := &sync{in: in, members: -1}
	switch in.name {
	case "bar", "barrier":
		c.barrier(in, s)
	case "shfl":
		c.shuffle(in, s)
	case "vote":
		c.vote(in, s)
	case "match":
		c.match(in, s)
	case "redux":
		c.redux(in, s)
	}
	return s
}

// barrier compiles bar.sync, bar.red and bar.warp.sync.
func (c *compiler) barrier(in *instr, s *sync) {
	c.only(in, "cta sync red warp aligned popc and or pred u32")
	if in.has("warp") {
		s.members = c.src(0)
		s.done = func(list []*thread, b *block) {
			w := list[0].warp
			if lanes(list) != w.live {
				return // a part of the warp: nothing is put in order
			}
			if w.epoch++; w.epoch >= maxWarpSync {
				list[0].fault(in, Unsupported, "more than %d bar.warp.sync between two barriers", maxWarpSync)
			}
			for _, t := range list {
				t.restamp()
			}
		}
		return
	}
	s.barrier = true
	id := 0
	if in.has("red") {
		id = 1
	}
	if o := c.arg(id); o.kind != immOperand || o.bits > 15 || len(in.operands) != 1+2*id {
		c.fail("a barrier of a part of the block, or with a number in a register")
	}
	if id == 0 {
		if !in.has("sync") {
			c.fail("form of bar")
		}
		s.done = func([]*thread, *block) {}
		return
	}
	d, p, negate := c.dst(), c.src(2), c.arg(2).negate
	s.done = func(list []*thread, _ *block) {
		n := 0
		for _, t := range list {
			if t.r[p]&1 != 0 != negate {
				n++
			}
		}
		v := uint64(n)
		if in.has("and") {
			v = truth(n == len(list))
		} else if in.has("or") {
			v = truth(n > 0)
		}
		for _, t := range list {
			t.r[d] = v
		}
	}
}

func lanes(list []*thread) (m uint32) {
	for _, t := range list {
		m |= 1 << t.lane
	}
	return m
}

// shuffle compiles shfl.sync.MODE.b32 d{|p}, a, b, c, mask.
func (c *compiler) shuffle(in *instr, s *sync) {
	c.only(in, "sync up down bfly idx b32")
	if !in.has("sync") || len(in.operands) != 5 {
		c.fail("form of shfl")
	}
	to := c.arg(0)
	p := -1
	if to.pair != nil {
		p = c.def(*to.pair)
	}
	d, a, b, x := c.def(operand{kind: to.kind, name: to.name}), c.src(1), c.src(2), c.src(3)
	s.members = c.src(4)
	mode := in.mods[1]
	s.done = func(list []*thread, _ *block) {
		var value [warpSize]uint64
		there := lanes(list)
		for _, t := range list {
			value[t.lane] = t.r[a]
		}
		for _, t := range list {
			n, clamp, segment := int(t.r[b]&31), int(t.r[x]&31), int(t.r[x]>>8&31)
			hi, lo := t.lane&segment|clamp&^segment, t.lane&segment
			j, valid := 0, false
			switch mode {
			case "up":
				j = t.lane - n
				valid = j >= hi
			case "down":
				j = t.lane + n
				valid = j <= hi
			case "bfly":
				j = t.lane ^ n
				valid = j <= hi
			case "idx":
				j = lo | n&^segment
				valid = j <= hi
			}
			if !valid {
				j = t.lane
			}
			if there>>j&1 == 0 {
				t.fault(in, Divergence, "reads lane %d, which takes no part (lanes %#x do)", j, there)
			}
			t.r[d] = value[j]
			if p >= 0 {
				t.r[p] = truth(valid)
			}
		}
	}
}

// vote compiles vote.sync.
func (c *compiler) vote(in *instr, s *sync) {
	c.only(in, "sync all any uni ballot pred b32")
	if !in.has("sync") || len(in.operands) != 3 {
		c.fail("form of vote")
	}
	d, p, negate := c.dst(), c.src(1), c.arg(1).negate
	s.members = c.src(2)
	s.done = func(list []*thread, _ *block) {
		ballot := uint32(0)
		for _, t := range list {
			if t.r[p]&1 != 0 != negate {
				ballot |= 1 << t.lane
			}
		}
		all := lanes(list)
		v := uint64(ballot)
		switch {
		case in.has("all"):
			v = truth(ballot == all)
		case in.has("any"):
			v = truth(ballot != 0)
		case in.has("uni"):
			v = truth(ballot == 0 || ballot == all)
		}
		for _, t := range list {
			t.r[d] = v
		}
	}
}

// match compiles match.any.sync and match.all.sync: which lanes hold the same value.
func (c *compiler) match(in *instr, s *sync) {
	c.only(in, "any all sync b32 b64")
	if !in.has("sync") || len(in.operands) != 3 {
		c.fail("form of match")
	}
	to := c.arg(0)
	p := -1
	if to.pair != nil {
		p = c.def(*to.pair)
	}
	d, a := c.def(operand{kind: to.kind, name: to.name}), c.src(1)
	s.members = c.src(2)
	m := mask(sizes[c.operandType(in)])
	s.done = func(list []*thread, _ *block) {
		for _, t := range list {
			same := uint32(0)
			for _, u := range list {
				if u.r[a]&m == t.r[a]&m {
					same |= 1 << u.lane
				}
			}
			if in.has("all") && same != lanes(list) {
				same = 0
			}
			defer func() { // the source may be the destination
				t.r[d] = uint64(same)
				if p >= 0 {
					t.r[p] = truth(same != 0)
				}
			}()
		}
	}
}

// redux compiles redux.sync: a reduction over the lanes.
func (c *compiler) redux(in *instr, s *sync) {
	c.only(in, "sync add min max and or xor b32 u32 s32")
	if !in.has("sync") || len(in.operands) != 3 {
		c.fail("form of redux")
	}
	d, a := c.dst(), c.src(1)
	s.members = c.src(2)
	f := c.combine(in, c.operandType(in))
	s.done = func(list []*thread, _ *block) {
		v := list[0].r[a]
		for _, t := range list[1:] {
			v = f(v, t.r[a])
		}
		for _, t := range list {
			t.r[d] = v & 0xffffffff
		}
	}
}
