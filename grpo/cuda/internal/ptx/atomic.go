package ptx

import (
	"math"
	"strings"
)

const atomicMods = "global shared shared::cta relaxed acquire release acq_rel cta gpu sys noftz " +
	"add min max inc dec and or xor exch cas b16 b32 b64 u32 u64 s32 s64 f32 f64"

// atom compiles atom and red: memory = f(memory, b[, c]), the old value to the register.
func atom(c *compiler, in *instr) op {
	c.only(in, atomicMods)
	_, get := c.space(in)
	space, _ := c.space(in)
	typ := c.operandType(in)
	size := sizes[typ]
	i, d := 0, -1
	if in.name == "atom" {
		d = c.dst()
		i = 1
	}
	base, off := c.address(c.arg(i), space)
	x := c.src(i + 1)
	y := -1
	if in.has("cas") {
		y = c.src(i + 2)
	}
	f := c.combine(in, typ)
	order := ""
	for _, m := range in.mods {
		switch m {
		case "acquire", "release", "acq_rel":
			order = m
		}
	}
	block := in.has("cta")
	return func(t *thread) {
		addr := t.r[base] + off
		b := get(t, in, addr, size, update)
		if strings.HasPrefix(order, "rel") || order == "acq_rel" {
			t.release()
		}
		t.publish(addr, block)
		old := fetch(b)
		arg := t.r[x] & mask(size)
		if y >= 0 {
			if old == arg {
				store(b, t.r[y])
			}
		} else {
			store(b, f(old, arg))
		}
		t.observe(addr, block)
		if strings.HasPrefix(order, "acq") {
			t.acquire()
		}
		if d >= 0 {
			t.r[d] = old
		}
	}
}

// combine is the function of an atomic, a reduction or redux.
func (c *compiler) combine(in *instr, typ string) func(old, x uint64) uint64 {
	float32s := func(f func(a, b float32) float32) func(a, b uint64) uint64 {
		return func(a, b uint64) uint64 {
			return canonical32(f(math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b))))
		}
	}
	for _, m := range in.mods {
		switch m {
		case "add":
			switch typ {
			case "f32":
				return float32s(func(a, b float32) float32 { return a + b })
			case "f64":
				return func(a, b uint64) uint64 { return math.Float64bits(math.Float64frombits(a) + math.Float64frombits(b)) }
			}
			return func(a, b uint64) uint64 { return a + b }
		case "exch":
			return func(_, b uint64) uint64 { return b }
		case "and":
			return func(a, b uint64) uint64 { return a & b }
		case "or":
			return func(a, b uint64) uint64 { return a | b }
		case "xor":
			return func(a, b uint64) uint64 { return a ^ b }
		case "inc":
			return func(a, b uint64) uint64 {
				if a >= b {
					return 0
				}
				return a + 1
			}
		case "dec":
			return func(a, b uint64) uint64 {
				if a == 0 || a > b {
					return b
				}
				return a - 1
			}
		case "min", "max":
			less := func(a, b uint64) bool { return a < b }
			switch typ {
			case "s32":
				less = func(a, b uint64) bool { return int32(a) < int32(b) }
			case "s64":
				less = func(a, b uint64) bool { return int64(a) < int64(b) }
			}
			return func(a, b uint64) uint64 {
				if less(a, b) == (m == "min") {
					return a
				}
				return b
			}
		case "cas":
			return nil
		}
	}
	c.fail("an atomic without an operation")
	return nil
}
