package ptx

import (
	"math/bits"
	"strings"
)

// integer describes an integer type.
type integer struct {
	bits   int
	signed bool
	mask   uint64
}

func intType(typ string) (integer, bool) {
	switch typ {
	case "s8", "u8", "b8", "s16", "u16", "b16", "s32", "u32", "b32", "s64", "u64", "b64":
		n := sizes[typ]
		return integer{8 * n, typ[0] == 's', mask(n)}, true
	}
	return integer{}, false
}

// value is the number that a register holds, extended to 64 bits.
func (n integer) value(r uint64) uint64 {
	if n.signed {
		s := 64 - n.bits
		return uint64(int64(r<<s) >> s)
	}
	return r & n.mask
}

// arithmetic compiles add, sub, mul, div, rem, min and max of every type.
func arithmetic(c *compiler, in *instr) op {
	typ := c.operandType(in)
	n, ok := intType(typ)
	if !ok {
		return float(c, in, typ)
	}
	if in.has("cc") {
		return carry(c, in)
	}
	if in.name == "mul" {
		return multiply(c, in, n)
	}
	c.only(in, "sat u8 s8 u16 s16 u32 s32 u64 s64")
	d, a, b, _ := c.abc(2)
	m := n.mask
	if in.has("sat") {
		return saturating(c, in, n, d, a, b)
	}
	switch in.name {
	case "add":
		if n.bits == 64 {
			return func(t *thread) { t.r[d] = t.r[a] + t.r[b] }
		}
		return func(t *thread) { t.r[d] = (t.r[a] + t.r[b]) & m }
	case "sub":
		return func(t *thread) { t.r[d] = (t.r[a] - t.r[b]) & m }
	case "div", "rem":
		div := in.name == "div"
		return func(t *thread) { t.r[d] = quotient(n, t.r[a], t.r[b], div) & m }
	}
	least := in.name == "min"
	return func(t *thread) {
		x, y := n.value(t.r[a]), n.value(t.r[b])
		less := x < y
		if n.signed {
			less = int64(x) < int64(y)
		}
		if less != least {
			x = y
		}
		t.r[d] = x & m
	}
}

// quotient divides as PTX leaves open and GPUs do: by zero gives all ones, the
// remainder by zero is the dividend.
func quotient(n integer, a, b uint64, div bool) uint64 {
	x, y := n.value(a), n.value(b)
	switch {
	case y == 0 && div:
		return ^uint64(0)
	case y == 0:
		return x
	case n.signed && div:
		return uint64(int64(x) / int64(y))
	case n.signed:
		return uint64(int64(x) % int64(y))
	case div:
		return x / y
	}
	return x % y
}

// saturating is add.sat.s32 and sub.sat.s32.
func saturating(c *compiler, in *instr, n integer, d, a, b int) op {
	if !n.signed || n.bits != 32 || in.name != "add" && in.name != "sub" {
		c.fail("saturation of this type")
	}
	sign := int64(1)
	if in.name == "sub" {
		sign = -1
	}
	return func(t *thread) {
		v := int64(int32(t.r[a])) + sign*int64(int32(t.r[b]))
		t.r[d] = uint64(uint32(min(max(v, -1<<31), 1<<31-1)))
	}
}

// multiply is mul.lo, mul.hi and mul.wide.
func multiply(c *compiler, in *instr, n integer) op {
	c.only(in, "lo hi wide u16 s16 u32 s32 u64 s64")
	d, a, b, _ := c.abc(2)
	f := product(c, in, n)
	return func(t *thread) { t.r[d] = f(t.r[a], t.r[b]) }
}

func product(c *compiler, in *instr, n integer) func(a, b uint64) uint64 {
	m := n.mask
	switch {
	case in.has("lo"):
		return func(a, b uint64) uint64 { return a * b & m }
	case in.has("wide") && n.bits < 64:
		w := mask(n.bits / 4)
		if n.signed {
			return func(a, b uint64) uint64 { return n.value(a) * n.value(b) & w }
		}
		return func(a, b uint64) uint64 { return (a & m) * (b & m) & w }
	case in.has("hi") && n.bits < 64:
		return func(a, b uint64) uint64 { return n.value(a) * n.value(b) >> n.bits & m }
	case in.has("hi"):
		return func(a, b uint64) uint64 {
			hi, _ := bits.Mul64(a, b)
			if n.signed {
				if int64(a) < 0 {
					hi -= b
				}
				if int64(b) < 0 {
					hi -= a
				}
			}
			return hi
		}
	}
	c.fail("form of %s", in.name)
	return nil
}

// mad compiles mad and fma.
func mad(c *compiler, in *instr) op {
	typ := c.operandType(in)
	n, ok := intType(typ)
	if !ok {
		return float(c, in, typ)
	}
	if in.has("cc") {
		return carry(c, in)
	}
	c.only(in, "lo hi wide u16 s16 u32 s32 u64 s64")
	d, a, b, x := c.abc(3)
	f := product(c, in, n)
	m := n.mask
	if in.has("wide") {
		m = mask(n.bits / 4)
	}
	return func(t *thread) { t.r[d] = (f(t.r[a], t.r[b]) + t.r[x]) & m }
}

// carry compiles add.cc, addc, sub.cc, subc, mad.cc and madc.
func carry(c *compiler, in *instr) op {
	c.only(in, "cc lo hi u32 s32 u64 s64 b32 b64")
	n := c.integerType(in)
	out := in.has("cc")
	reads := strings.HasSuffix(in.name, "c")
	var mul func(a, b uint64) uint64
	var d, a, b, x int
	if strings.HasPrefix(in.name, "mad") {
		d, a, b, x = c.abc(3)
		mul = product(c, in, n)
	} else {
		d, a, b, _ = c.abc(2)
	}
	minus := strings.HasPrefix(in.name, "sub")
	return func(t *thread) {
		p, q := t.r[a], t.r[b]
		if mul != nil {
			p, q = mul(p, q), t.r[x]
		}
		c := uint64(0)
		if reads {
			c = t.carry
		}
		if minus {
			v, borrow := bits.Sub64(p&n.mask, q&n.mask, c)
			if n.bits == 32 {
				borrow = v >> 63
			}
			t.r[d] = v & n.mask
			if out {
				t.carry = borrow
			}
			return
		}
		v, over := bits.Add64(p&n.mask, q&n.mask, c)
		if n.bits == 32 {
			over = v >> 32
		}
		t.r[d] = v & n.mask
		if out {
			t.carry = over
		}
	}
}

// sad is |a-b| + c.
func sad(c *compiler, in *instr) op {
	n := c.integerType(in)
	d, a, b, x := c.abc(3)
	return func(t *thread) {
		p, q := n.value(t.r[a]), n.value(t.r[b])
		if n.signed && int64(p) < int64(q) || !n.signed && p < q {
			p, q = q, p
		}
		t.r[d] = (p - q + t.r[x]) & n.mask
	}
}

// dp4a is the dot product of four bytes plus c.
func dp4a(c *compiler, in *instr) op {
	if len(in.mods) != 2 {
		return nil
	}
	d, a, b, x := c.abc(3)
	p, q := integer{8, in.mods[0] == "s32", 0xff}, integer{8, in.mods[1] == "s32", 0xff}
	return func(t *thread) {
		v := t.r[x]
		for i := 0; i < 32; i += 8 {
			v += p.value(t.r[a]>>i) * q.value(t.r[b]>>i)
		}
		t.r[d] = v & 0xffffffff
	}
}
