package ptx

import "math"

const floatMods = "rn rz rm rp ftz sat relu NaN approx full f32 f64 f16 f16x2 bf16 bf16x2"

// float compiles add, sub, mul, fma, div, min and max of floating-point types.
func float(c *compiler, in *instr, typ string) op {
	c.only(in, floatMods)
	n := 2
	if in.name == "fma" || in.name == "mad" {
		n = 3
	}
	d, a, b, x := c.abc(n)
	switch typ {
	case "f16", "f16x2", "bf16", "bf16x2":
		return half(c, in, typ, d, a, b, x)
	case "f32", "f64":
	default:
		c.fail("type of %s", in.name)
	}
	name, r := in.name, in.rounding()
	if name == "mad" {
		name = "fma"
	}
	ftz, sat, single := in.has("ftz"), in.has("sat"), typ == "f32"
	if name == "min" || name == "max" {
		return extreme(in, single, ftz, d, a, b)
	}
	if !single && (ftz || in.has("approx")) {
		return nil
	}
	if name == "div" && (in.has("approx") || in.has("full")) {
		return func(t *thread) {
			p, q := f32(t.r[a]), f32(t.r[b])
			if ftz {
				p, q = flush(p), flush(q)
			}
			t.r[d] = approximate(t.grid.d.Seed, t.r[a]<<32|t.r[b], float64(p)/float64(q), 1.5*half32, ftz)
		}
	}
	if name == "div" && !mustRound(in) || name == "rem" {
		return nil
	}
	if single && !ftz && !sat && r == nearest {
		switch name {
		case "add":
			return func(t *thread) { t.r[d] = canonical32(f32(t.r[a]) + f32(t.r[b])) }
		case "sub":
			return func(t *thread) { t.r[d] = canonical32(f32(t.r[a]) - f32(t.r[b])) }
		case "mul":
			return func(t *thread) { t.r[d] = canonical32(f32(t.r[a]) * f32(t.r[b])) }
		case "div":
			return func(t *thread) { t.r[d] = canonical32(f32(t.r[a]) / f32(t.r[b])) }
		case "fma":
			return func(t *thread) { t.r[d] = canonical32(fma32(f32(t.r[a]), f32(t.r[b]), f32(t.r[x]))) }
		}
	}
	if !single && !sat && r == nearest {
		switch name {
		case "add":
			return func(t *thread) { t.r[d] = canonical64(f64(t.r[a]) + f64(t.r[b])) }
		case "sub":
			return func(t *thread) { t.r[d] = canonical64(f64(t.r[a]) - f64(t.r[b])) }
		case "mul":
			return func(t *thread) { t.r[d] = canonical64(f64(t.r[a]) * f64(t.r[b])) }
		case "div":
			return func(t *thread) { t.r[d] = canonical64(f64(t.r[a]) / f64(t.r[b])) }
		case "fma":
			return func(t *thread) { t.r[d] = canonical64(math.FMA(f64(t.r[a]), f64(t.r[b]), f64(t.r[x]))) }
		}
	}
	if !single {
		return func(t *thread) {
			v := compute(name, false, r, f64(t.r[a]), f64(t.r[b]), f64(t.r[x]))
			if sat {
				v = saturate(v)
			}
			t.r[d] = canonical64(v)
		}
	}
	return func(t *thread) {
		p, q, s := f32(t.r[a]), f32(t.r[b]), f32(t.r[x])
		if ftz {
			p, q, s = flush(p), flush(q), flush(s)
		}
		v := compute(name, true, r, float64(p), float64(q), float64(s))
		t.r[d] = finish32(v, ftz, sat)
	}
}

// finish32 is the end of every float32 instruction.
func finish32(v float64, ftz, sat bool) uint64 {
	if sat {
		v = saturate(v)
	}
	f := float32(v)
	if ftz {
		f = flush(f)
	}
	return canonical32(f)
}

func mustRound(in *instr) bool {
	_, ok := in.mode("")
	return ok
}

// extreme is min and max: -0 < +0; a NaN loses against a number, or wins with .NaN.
func extreme(in *instr, single, ftz bool, d, a, b int) op {
	least, nan := in.name == "min", in.has("NaN")
	if single {
		return func(t *thread) {
			p, q := f32(t.r[a]), f32(t.r[b])
			if ftz {
				p, q = flush(p), flush(q)
			}
			switch {
			case p != p && q != q, nan && (p != p || q != q):
				t.r[d] = 0x7fffffff
				return
			case p != p:
				p = q
			case q != q:
			case p == q && p == 0:
				if math.Signbit(float64(q)) == least {
					p = q
				}
			case (q < p) == least:
				p = q
			}
			t.r[d] = canonical32(p)
		}
	}
	return func(t *thread) {
		p, q := f64(t.r[a]), f64(t.r[b])
		switch {
		case p != p && q != q, nan && (p != p || q != q):
			p = math.NaN()
		case p != p:
			p = q
		case q != q:
		case p == q && p == 0:
			if math.Signbit(q) == least {
				p = q
			}
		case (q < p) == least:
			p = q
		}
		t.r[d] = canonical64(p)
	}
}

// unary compiles abs, neg, sqrt, rcp and the approximations.
func unary(c *compiler, in *instr) op {
	typ := c.operandType(in)
	if n, ok := intType(typ); ok {
		return absolute(c, in, n)
	}
	c.only(in, floatMods)
	d, a, _, _ := c.abc(1)
	ftz := in.has("ftz")
	switch in.name {
	case "abs", "neg":
		return sign(c, in, typ, d, a)
	}
	if in.has("approx") || in.name == "ex2" || in.name == "tanh" {
		return approx(c, in, typ, d, a)
	}
	if !mustRound(in) || in.name != "sqrt" && in.name != "rcp" || typ != "f32" && typ != "f64" {
		return nil
	}
	r, single, name := in.rounding(), typ == "f32", in.name
	return func(t *thread) {
		v := f64(t.r[a])
		if single {
			f := f32(t.r[a])
			if ftz {
				f = flush(f)
			}
			v = float64(f)
		}
		if name == "rcp" {
			v = compute("div", single, r, 1, v, 0)
		} else {
			v = compute("sqrt", single, r, v, 0, 0)
		}
		if single {
			t.r[d] = finish32(v, ftz, false)
		} else {
			t.r[d] = canonical64(v)
		}
	}
}

func absolute(c *compiler, in *instr, n integer) op {
	c.only(in, "s16 s32 s64")
	d, a, _, _ := c.abc(1)
	switch in.name {
	case "neg":
		return func(t *thread) { t.r[d] = -t.r[a] & n.mask }
	case "abs":
		return func(t *thread) {
			v := n.value(t.r[a])
			if int64(v) < 0 {
				v = -v
			}
			t.r[d] = v & n.mask
		}
	}
	return nil
}

// sign is abs and neg of floats, which touch the sign bit alone.
func sign(c *compiler, in *instr, typ string, d, a int) op {
	m := uint64(1) << (8*sizes[typ] - 1)
	if typ == "f16x2" || typ == "bf16x2" {
		m |= 1 << 15
	}
	abs, ftz := in.name == "abs", in.has("ftz")
	all := mask(sizes[typ])
	return func(t *thread) {
		v := t.r[a] & all
		if ftz && typ == "f32" {
			v = uint64(math.Float32bits(flush(f32(v))))
		}
		if abs {
			v &^= m
		} else {
			v ^= m
		}
		t.r[d] = v
	}
}

// copysign is b with the sign of a.
func copysign(c *compiler, in *instr) op {
	c.only(in, "f32 f64")
	d, a, b, _ := c.abc(2)
	m := uint64(1) << (8*sizes[c.operandType(in)] - 1)
	return func(t *thread) { t.r[d] = t.r[a]&m | t.r[b]&(m-1) }
}

// testp asks for a class of floats.
func testp(c *compiler, in *instr) op {
	c.only(in, "finite infinite number notanumber normal subnormal f32 f64")
	p, a, _, _ := c.abc(1)
	single, class := c.operandType(in) == "f32", in.mods[0]
	return func(t *thread) {
		v, tiny := f64(t.r[a]), 0x1p-1022
		if single {
			v, tiny = float64(f32(t.r[a])), 0x1p-126
		}
		inf, nan := math.IsInf(v, 0), v != v
		sub := v != 0 && math.Abs(v) < tiny
		is := false
		switch class {
		case "finite":
			is = !inf && !nan
		case "infinite":
			is = inf
		case "number":
			is = !nan
		case "notanumber":
			is = nan
		case "normal":
			is = !inf && !nan && !sub && v != 0
		case "subnormal":
			is = sub
		}
		t.r[p] = truth(is)
	}
}
