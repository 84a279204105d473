package ptx

import "math/bits"

// logic compiles and, or, xor, not and cnot, of bits and of predicates.
func logic(c *compiler, in *instr) op {
	c.only(in, "pred b16 b32 b64")
	m := uint64(1)
	if typ := c.operandType(in); typ != "pred" {
		m = mask(sizes[typ])
	}
	if in.name == "not" || in.name == "cnot" {
		d, a, _, _ := c.abc(1)
		if in.name == "cnot" {
			return func(t *thread) { t.r[d] = truth(t.r[a]&m == 0) }
		}
		return func(t *thread) { t.r[d] = ^t.r[a] & m }
	}
	d, a, b, _ := c.abc(2)
	switch in.name {
	case "and":
		return func(t *thread) { t.r[d] = t.r[a] & t.r[b] & m }
	case "or":
		return func(t *thread) { t.r[d] = (t.r[a] | t.r[b]) & m }
	}
	return func(t *thread) { t.r[d] = (t.r[a] ^ t.r[b]) & m }
}

// lop3 is any function of three bits, by its truth table.
func lop3(c *compiler, in *instr) op {
	c.only(in, "b32")
	if o := c.arg(4); o.kind != immOperand || o.bits > 255 || len(in.operands) != 5 {
		return nil
	}
	d, x, y, z := c.dst(), c.src(1), c.src(2), c.src(3)
	table := uint32(c.arg(4).bits)
	return func(t *thread) {
		a, b, e := uint32(t.r[x]), uint32(t.r[y]), uint32(t.r[z])
		v := uint32(0)
		for i := range 8 {
			if table>>i&1 == 0 {
				continue
			}
			term := ^uint32(0)
			for j, w := range [3]uint32{e, b, a} {
				if i>>j&1 == 0 {
					w = ^w
				}
				term &= w
			}
			v |= term
		}
		t.r[d] = uint64(v)
	}
}

// shift compiles shl and shr: amounts past the width clamp to it.
func shift(c *compiler, in *instr) op {
	c.only(in, "b16 u16 s16 b32 u32 s32 b64 u64 s64")
	n := c.integerType(in)
	d, a, b, _ := c.abc(2)
	width, m := uint64(n.bits), n.mask
	if in.name == "shl" {
		return func(t *thread) { t.r[d] = t.r[a] << min(t.r[b]&0xffffffff, width) & m }
	}
	if n.signed {
		return func(t *thread) { t.r[d] = uint64(int64(n.value(t.r[a]))>>min(t.r[b]&0xffffffff, width)) & m }
	}
	return func(t *thread) { t.r[d] = t.r[a] & m >> min(t.r[b]&0xffffffff, width) }
}

// funnel is shf: the 64 bits b:a shifted, the upper (left) or lower (right) half taken.
func funnel(c *compiler, in *instr) op {
	c.only(in, "l r wrap clamp b32")
	d, x, y, z := c.abc(3)
	left, wrap := in.has("l"), in.has("wrap")
	return func(t *thread) {
		n := t.r[z] & 0xffffffff
		if wrap {
			n &= 31
		} else {
			n = min(n, 32)
		}
		v := t.r[y]<<32 | t.r[x]&0xffffffff
		if left {
			v = v << n >> 32
		} else {
			v >>= n
		}
		t.r[d] = v & 0xffffffff
	}
}

// bfe takes a field of bits out of a; a signed field past the top repeats the sign.
func bfe(c *compiler, in *instr) op {
	n := c.integerType(in)
	if n.bits < 32 {
		return nil
	}
	d, x, y, z := c.abc(3)
	return func(t *thread) {
		a, pos, size := t.r[x]&n.mask, t.r[y]&0xff, t.r[z]&0xff
		msb := uint64(n.bits - 1)
		sign := uint64(0)
		if n.signed && size > 0 {
			sign = a >> min(pos+size-1, msb) & 1
		}
		v := uint64(0)
		if pos <= msb {
			v = a >> pos
		}
		have := uint64(0) // bits of the field inside a
		if pos <= msb {
			have = min(size, msb+1-pos)
		}
		low := lowBits(have)
		v &= low
		if sign == 1 {
			v |= ^low
		}
		t.r[d] = v & n.mask
	}
}

func lowBits(n uint64) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<n - 1
}

// bfi puts the low bits of a into b.
func bfi(c *compiler, in *instr) op {
	c.only(in, "b32 b64")
	if len(in.operands) != 5 {
		return nil
	}
	n := c.integerType(in)
	d, a, b, pos, size := c.dst(), c.src(1), c.src(2), c.src(3), c.src(4)
	return func(t *thread) {
		p, s := t.r[pos]&0xff, t.r[size]&0xff
		field := uint64(0)
		if p < uint64(n.bits) {
			field = lowBits(min(s, uint64(n.bits)-p)) << p
		}
		t.r[d] = (t.r[b]&^field | t.r[a]<<(p&63)&field) & n.mask
	}
}

// count compiles popc, clz, brev and bfind.
func count(c *compiler, in *instr) op {
	c.only(in, "b32 b64 u32 s32 u64 s64 shiftamt")
	n := c.integerType(in)
	d, a, _, _ := c.abc(1)
	width := n.bits
	var f func(v uint64) uint64
	switch in.name {
	case "popc":
		f = func(v uint64) uint64 { return uint64(bits.OnesCount64(v)) }
	case "clz":
		f = func(v uint64) uint64 { return uint64(bits.LeadingZeros64(v) - 64 + width) }
	case "brev":
		f = func(v uint64) uint64 { return bits.Reverse64(v) >> (64 - width) }
	default:
		amount := in.has("shiftamt")
		f = func(v uint64) uint64 {
			if n.signed && v>>(width-1) != 0 {
				v = ^v & n.mask
			}
			i := bits.Len64(v) - 1
			if i >= 0 && amount {
				i = width - 1 - i
			}
			return uint64(uint32(i))
		}
	}
	return func(t *thread) { t.r[d] = f(t.r[a] & n.mask) }
}

// prmt picks four bytes out of eight.
func prmt(c *compiler, in *instr) op {
	c.only(in, "b32 f4e b4e rc8 ecl ecr rc16")
	if len(in.mods) > 1 {
		return nil
	}
	d, x, y, z := c.abc(3)
	return func(t *thread) {
		pool := t.r[y]<<32 | t.r[x]&0xffffffff
		v := uint64(0)
		for i := range 4 {
			sel := t.r[z] >> (4 * i) & 15
			b := pool >> (8 * (sel & 7)) & 0xff
			if sel&8 != 0 {
				b = -(b >> 7) & 0xff
			}
			v |= b << (8 * i)
		}
		t.r[d] = v
	}
}
