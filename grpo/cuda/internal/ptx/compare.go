package ptx

import (
	"cmp"
	"strings"
)

const compareMods = "eq ne lt le gt ge lo ls hi hs equ neu ltu leu gtu geu num nan and or xor ftz " +
	"u16 s16 b16 u32 s32 b32 u64 s64 b64 f16 bf16 f32 f64 f16x2 bf16x2"

// setp compiles setp.CMP{.BOOL}.type p{|q}, a, b{, {!}c}: p = (a CMP b) BOOL c and
// q = !(a CMP b) BOOL c.
func setp(c *compiler, in *instr) op {
	c.only(in, compareMods)
	to := c.arg(0)
	q := -1
	if to.pair != nil {
		q = c.def(*to.pair)
	}
	p := c.def(to)
	test := c.comparison(in, c.operandType(in))
	if test == nil {
		return nil
	}
	if len(in.operands) == 3 && q < 0 {
		return func(t *thread) { t.r[p] = truth(test(t)) }
	}
	join, other := c.join(in)
	return func(t *thread) {
		v, o := test(t), other(t)
		t.r[p] = truth(join(v, o))
		if q >= 0 {
			t.r[q] = truth(join(!v, o))
		}
	}
}

// set is setp with a number for its result: all ones, or 1.0.
func set(c *compiler, in *instr) op {
	c.only(in, compareMods)
	if len(in.mods) < 3 {
		return nil
	}
	d := c.dst()
	test := c.comparison(in, in.mods[len(in.mods)-1])
	if test == nil {
		return nil
	}
	yes := uint64(0xffffffff)
	if in.mods[len(in.mods)-2] == "f32" {
		yes = 0x3f800000
	}
	join, other := c.join(in)
	return func(t *thread) {
		t.r[d] = 0
		if join(test(t), other(t)) {
			t.r[d] = yes
		}
	}
}

func (c *compiler) join(in *instr) (join func(a, b bool) bool, other func(t *thread) bool) {
	join = func(a, _ bool) bool { return a }
	other = func(*thread) bool { return false }
	switch {
	case in.has("and"):
		join = func(a, b bool) bool { return a && b }
	case in.has("or"):
		join = func(a, b bool) bool { return a || b }
	case in.has("xor"):
		join = func(a, b bool) bool { return a != b }
	default:
		if len(in.operands) > 3 {
			c.fail("a third source without .and, .or or .xor")
		}
		return join, other
	}
	o := c.arg(3)
	s, negate := c.use(o), o.negate
	return join, func(t *thread) bool { return t.r[s]&1 != 0 != negate }
}

// comparison is the test of two operands.
func (c *compiler) comparison(in *instr, typ string) func(t *thread) bool {
	how := ""
	for _, m := range in.mods {
		if sizes[m] == 0 && m != "and" && m != "or" && m != "xor" && m != "ftz" {
			how = m
		}
	}
	a, b := c.src(1), c.src(2)
	ftz := in.has("ftz")
	switch typ {
	case "f32":
		if ftz {
			return floats(how, func(t *thread) (float32, float32) { return flush(f32(t.r[a])), flush(f32(t.r[b])) })
		}
		return floats(how, func(t *thread) (float32, float32) { return f32(t.r[a]), f32(t.r[b]) })
	case "f64":
		return floats(how, func(t *thread) (float64, float64) { return f64(t.r[a]), f64(t.r[b]) })
	case "f16", "bf16":
		if ftz {
			return nil
		}
		f := formatOf(typ)
		return floats(how, func(t *thread) (float64, float64) { return f.decode(t.r[a] & 0xffff), f.decode(t.r[b] & 0xffff) })
	}
	n, ok := intType(typ)
	if !ok {
		return nil
	}
	if n.signed {
		return order(how, func(t *thread) (int64, int64) { return int64(n.value(t.r[a])), int64(n.value(t.r[b])) })
	}
	m := n.mask
	if u, ok := map[string]string{"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}[how]; ok {
		how = u
	}
	return order(how, func(t *thread) (uint64, uint64) { return t.r[a] & m, t.r[b] & m })
}

func order[T cmp.Ordered](how string, get func(t *thread) (T, T)) func(t *thread) bool {
	switch how {
	case "eq":
		return func(t *thread) bool { a, b := get(t); return a == b }
	case "ne":
		return func(t *thread) bool { a, b := get(t); return a != b && a == a && b == b }
	case "lt":
		return func(t *thread) bool { a, b := get(t); return a < b }
	case "le":
		return func(t *thread) bool { a, b := get(t); return a <= b }
	case "gt":
		return func(t *thread) bool { a, b := get(t); return a > b }
	case "ge":
		return func(t *thread) bool { a, b := get(t); return a >= b }
	}
	return nil
}

// floats is order with the unordered forms, which a NaN makes true.
func floats[T cmp.Ordered](how string, get func(t *thread) (T, T)) func(t *thread) bool {
	switch how {
	case "num":
		return func(t *thread) bool { a, b := get(t); return a == a && b == b }
	case "nan":
		return func(t *thread) bool { a, b := get(t); return a != a || b != b }
	case "equ", "neu", "ltu", "leu", "gtu", "geu":
		test := order(strings.TrimSuffix(how, "u"), get)
		return func(t *thread) bool {
			a, b := get(t)
			return a != a || b != b || test(t)
		}
	}
	return order(how, get)
}
