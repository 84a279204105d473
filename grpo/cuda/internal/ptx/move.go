package ptx

// mov copies, packs registers into a wider one or unpacks.
func mov(c *compiler, in *instr) op {
	c.only(in, "pred b16 u16 s16 b32 u32 s32 f32 b64 u64 s64 f64 f16 bf16 f16x2 bf16x2")
	typ := c.operandType(in)
	if len(in.operands) != 2 {
		return nil
	}
	c.it.copy = true
	m := mask(sizes[typ])
	if typ == "pred" {
		m = 1
	}
	to, from := c.arg(0), c.arg(1)
	switch {
	case to.kind == vectorOperand:
		a := c.use(from)
		w := 8 * sizes[typ] / len(to.list)
		d := make([]int, len(to.list))
		for i, o := range to.list {
			d[i] = c.def(o)
		}
		return func(t *thread) {
			v := t.r[a]
			for i, s := range d {
				t.r[s] = v >> (i * w) & (1<<w - 1)
			}
		}
	case from.kind == vectorOperand:
		d := c.def(to)
		w := 8 * sizes[typ] / len(from.list)
		a := make([]int, len(from.list))
		for i, o := range from.list {
			a[i] = c.use(o)
		}
		return func(t *thread) {
			v := uint64(0)
			for i, s := range a {
				v |= t.r[s] & (1<<w - 1) << (i * w)
			}
			t.r[d] = v
		}
	}
	d, a := c.def(to), c.use(from)
	return func(t *thread) { t.r[d] = t.r[a] & m }
}

// selp is p ? a : b.
func selp(c *compiler, in *instr) op {
	d, a, b, p := c.abc(3)
	m := mask(sizes[c.operandType(in)])
	return func(t *thread) {
		if t.r[p]&1 != 0 {
			t.r[d] = t.r[a] & m
		} else {
			t.r[d] = t.r[b] & m
		}
	}
}

// slct is c >= 0 ? a : b.
func slct(c *compiler, in *instr) op {
	if len(in.mods) < 2 {
		return nil
	}
	d, a, b, x := c.abc(3)
	last := in.mods[len(in.mods)-1]
	m := mask(sizes[in.mods[len(in.mods)-2]])
	return func(t *thread) {
		pick := int32(t.r[x]) >= 0
		if last == "f32" {
			pick = f32(t.r[x]) >= 0
		}
		if pick {
			t.r[d] = t.r[a] & m
		} else {
			t.r[d] = t.r[b] & m
		}
	}
}
