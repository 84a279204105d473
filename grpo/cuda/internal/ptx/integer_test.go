package ptx

import (
	"math"
	"math/big"
	"math/bits"
	"strings"
	"testing"
)

var integers = []uint64{0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 255, 256, 0x7f, 0x80, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe}

// number is the value of the low bits of r as a typed integer.
func number(typ string, r uint64) *big.Int {
	n := uint(8 * sizes[typ])
	v := new(big.Int).SetUint64(r & mask(sizes[typ]))
	if typ[0] == 's' && v.Bit(int(n-1)) == 1 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), n))
	}
	return v
}

// low is the low 64 bits of a number in two's complement.
func low(v *big.Int) uint64 {
	m := new(big.Int).And(v, new(big.Int).SetUint64(math.MaxUint64))
	return m.Uint64()
}

func TestIntegerArithmetic(t *testing.T) {
	rows := operands(1, integers, 3000)
	for _, typ := range []string{"u16", "s16", "u32", "s32", "u64", "s64"} {
		w := sizes[typ]
		two := func(name string, f func(a, b *big.Int) *big.Int) {
			check(t, form{name + "." + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return low(f(number(typ, a), number(typ, b))) })
		}
		three := func(name string, dst int, f func(a, b, c *big.Int) *big.Int) {
			wide := map[string]string{"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}
			last := typ
			if dst != w {
				last = wide[typ]
			}
			check(t, form{name + "." + typ, dst, []int{w, w, dst}}, rows, func(a, b, c uint64) uint64 {
				return low(f(number(typ, a), number(typ, b), number(last, c)))
			})
		}
		bits := uint(8 * w)
		z := func() *big.Int { return new(big.Int) }
		two("add", func(a, b *big.Int) *big.Int { return z().Add(a, b) })
		two("sub", func(a, b *big.Int) *big.Int { return z().Sub(a, b) })
		two("mul.lo", func(a, b *big.Int) *big.Int { return z().Mul(a, b) })
		two("mul.hi", func(a, b *big.Int) *big.Int { return z().Rsh(z().Mul(a, b), bits) })
		two("min", func(a, b *big.Int) *big.Int {
			if a.Cmp(b) < 0 {
				return a
			}
			return b
		})
		two("max", func(a, b *big.Int) *big.Int {
			if a.Cmp(b) > 0 {
				return a
			}
			return b
		})
		two("div", func(a, b *big.Int) *big.Int {
			if b.Sign() == 0 {
				return big.NewInt(-1)
			}
			return z().Quo(a, b)
		})
		two("rem", func(a, b *big.Int) *big.Int {
			if b.Sign() == 0 {
				return a
			}
			return z().Rem(a, b)
		})
		three("mad.lo", w, func(a, b, c *big.Int) *big.Int { return z().Add(z().Mul(a, b), c) })
		three("mad.hi", w, func(a, b, c *big.Int) *big.Int { return z().Add(z().Rsh(z().Mul(a, b), bits), c) })
		three("sad", w, func(a, b, c *big.Int) *big.Int { return z().Add(z().Abs(z().Sub(a, b)), c) })
		if w < 8 {
			check(t, form{"mul.wide." + typ, 2 * w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return low(z().Mul(number(typ, a), number(typ, b))) })
			three("mad.wide", 2*w, func(a, b, c *big.Int) *big.Int { return z().Add(z().Mul(a, b), c) })
		}
		if typ[0] == 's' {
			check(t, form{"abs." + typ, w, []int{w}}, rows, func(a, _, _ uint64) uint64 { return low(z().Abs(number(typ, a))) })
			check(t, form{"neg." + typ, w, []int{w}}, rows, func(a, _, _ uint64) uint64 { return -a })
		}
	}
	saturated := func(f func(a, b int64) int64) func(a, b, _ uint64) uint64 {
		return func(a, b, _ uint64) uint64 {
			return uint64(min(max(f(int64(int32(a)), int64(int32(b))), math.MinInt32), math.MaxInt32))
		}
	}
	check(t, form{"add.sat.s32", 4, []int{4, 4}}, rows, saturated(func(a, b int64) int64 { return a + b }))
	check(t, form{"sub.sat.s32", 4, []int{4, 4}}, rows, saturated(func(a, b int64) int64 { return a - b }))
	check(t, form{"dp4a.u32.u32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		for i := 0; i < 32; i += 8 {
			c += a >> i & 255 * (b >> i & 255)
		}
		return c
	})
	check(t, form{"dp4a.s32.u32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		for i := 0; i < 32; i += 8 {
			c += uint64(int64(int8(a>>i)) * int64(b>>i&255))
		}
		return c
	})
}

func TestCarry(t *testing.T) {
	rows := operands(2, integers, 1000)
	check(t, form{"add.cc.u32 {d}, {a}, {b}; addc.u32 {d}, {c}, 0", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		return c + (a&0xffffffff+b&0xffffffff)>>32
	})
	check(t, form{"add.cc.u64 {d}, {a}, {b}; addc.u64 {d}, {c}, 5", 8, []int{8, 8, 8}}, rows, func(a, b, c uint64) uint64 {
		_, over := bits.Add64(a, b, 0)
		return c + 5 + over
	})
	check(t, form{"sub.cc.u64 {d}, {a}, {b}; subc.u64 {d}, {c}, 0", 8, []int{8, 8, 8}}, rows, func(a, b, c uint64) uint64 {
		_, borrow := bits.Sub64(a, b, 0)
		return c - borrow
	})
	check(t, form{"sub.cc.s32 {d}, {a}, {b}; subc.s32 {d}, {c}, 0", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		return c - truth(a&0xffffffff < b&0xffffffff)
	})
	// a 32x32 product by halves: the upper word of a*b + c
	check(t, form{"mad.lo.cc.u32 {d}, {a}, {b}, {c}; madc.hi.u32 {d}, {a}, {b}, 0", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		return (a&0xffffffff*(b&0xffffffff) + c&0xffffffff) >> 32
	})
}

func TestLogic(t *testing.T) {
	rows := operands(3, integers, 2000)
	for _, w := range []int{2, 4, 8} {
		typ := map[int]string{2: ".b16", 4: ".b32", 8: ".b64"}[w]
		check(t, form{"and" + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return a & b })
		check(t, form{"or" + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return a | b })
		check(t, form{"xor" + typ, w, []int{w, w}}, rows, func(a, b, _ uint64) uint64 { return a ^ b })
		check(t, form{"not" + typ, w, []int{w}}, rows, func(a, _, _ uint64) uint64 { return ^a })
		check(t, form{"cnot" + typ, w, []int{w}}, rows, func(a, _, _ uint64) uint64 { return truth(a&mask(w) == 0) })
		n := uint64(8 * w)
		check(t, form{"shl" + typ, w, []int{w, 4}}, rows, func(a, b, _ uint64) uint64 {
			if b = b & 0xffffffff; b >= n {
				return 0
			}
			return a << b
		})
		for _, s := range []string{"u", "s"} {
			typ := s + map[int]string{2: "16", 4: "32", 8: "64"}[w]
			check(t, form{"shr." + typ, w, []int{w, 4}}, rows, func(a, b, _ uint64) uint64 {
				return low(new(big.Int).Rsh(number(typ, a), uint(min(b&0xffffffff, 100))))
			})
		}
	}
	for _, op := range []string{"and", "or", "xor"} {
		check(t, form{op + ".pred", 1, []int{1, 1}}, rows, func(a, b, _ uint64) uint64 {
			p, q := a != 0, b != 0
			return truth(map[string]bool{"and": p && q, "or": p || q, "xor": p != q}[op])
		})
	}
	check(t, form{"not.pred", 1, []int{1}}, rows, func(a, _, _ uint64) uint64 { return truth(a == 0) })
	check(t, form{"lop3.b32 {d}, {a}, {b}, {c}, 0xCA", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 { return a&b | ^a&c })
	check(t, form{"lop3.b32 {d}, {a}, {b}, {c}, 0x1A", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 { return (a&b | c) ^ a })
	check(t, form{"lop3.b32 {d}, {a}, {b}, {c}, 0x96", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 { return a ^ b ^ c })
	check(t, form{"shf.l.wrap.b32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 { return (b<<32 | a&0xffffffff) << (c & 31) >> 32 })
	check(t, form{"shf.r.wrap.b32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 { return (b<<32 | a&0xffffffff) >> (c & 31) })
	check(t, form{"shf.l.clamp.b32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		return (b<<32 | a&0xffffffff) << min(c&0xffffffff, 32) >> 32
	})
	check(t, form{"shf.r.clamp.b32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 { return (b<<32 | a&0xffffffff) >> min(c&0xffffffff, 32) })
	check(t, form{"popc.b32", 4, []int{4}}, rows, func(a, _, _ uint64) uint64 { return uint64(bits.OnesCount32(uint32(a))) })
	check(t, form{"popc.b64", 4, []int{8}}, rows, func(a, _, _ uint64) uint64 { return uint64(bits.OnesCount64(a)) })
	check(t, form{"clz.b32", 4, []int{4}}, rows, func(a, _, _ uint64) uint64 { return uint64(bits.LeadingZeros32(uint32(a))) })
	check(t, form{"clz.b64", 4, []int{8}}, rows, func(a, _, _ uint64) uint64 { return uint64(bits.LeadingZeros64(a)) })
	check(t, form{"brev.b32", 4, []int{4}}, rows, func(a, _, _ uint64) uint64 { return uint64(bits.Reverse32(uint32(a))) })
	check(t, form{"brev.b64", 8, []int{8}}, rows, func(a, _, _ uint64) uint64 { return bits.Reverse64(a) })
	check(t, form{"bfind.u32", 4, []int{4}}, rows, func(a, _, _ uint64) uint64 { return uint64(bits.Len32(uint32(a)) - 1) })
	check(t, form{"bfind.shiftamt.u64", 4, []int{8}}, rows, func(a, _, _ uint64) uint64 {
		if a == 0 {
			return 0xffffffff
		}
		return uint64(bits.LeadingZeros64(a))
	})
	check(t, form{"bfind.s32", 4, []int{4}}, rows, func(a, _, _ uint64) uint64 {
		if int32(a) < 0 {
			a = ^a
		}
		return uint64(bits.Len32(uint32(a)) - 1)
	})
}

func TestBitFields(t *testing.T) {
	rows := operands(4, integers, 4000)
	// the ISA's own loop: bit i of the field is bit pos+i of a, or the sign past the top
	bfe := func(typ string) func(a, b, c uint64) uint64 {
		n := 8 * sizes[typ]
		return func(a, b, c uint64) uint64 {
			pos, length, msb := int(b&0xff), int(c&0xff), n-1
			sign := uint64(0)
			if typ[0] == 's' && length > 0 {
				sign = a >> min(pos+length-1, msb) & 1
			}
			v := uint64(0)
			for i := range n {
				bit := sign
				if i < length && pos+i <= msb {
					bit = a >> (pos + i) & 1
				}
				v |= bit << i
			}
			return v
		}
	}
	for _, typ := range []string{"u32", "s32", "u64", "s64"} {
		w := sizes[typ]
		check(t, form{"bfe." + typ, w, []int{w, 4, 4}}, rows, bfe(typ))
	}
	for _, w := range []int{4, 8} {
		typ := map[int]string{4: "b32", 8: "b64"}[w]
		check(t, form{"bfi." + typ + " {d}, {a}, {b}, {c}, 9", w, []int{w, w, 4}}, rows, func(a, b, c uint64) uint64 {
			pos, msb := int(c&0xff), 8*w-1
			for i := range 9 {
				if pos+i <= msb {
					b = b&^(1<<(pos+i)) | a>>i&1<<(pos+i)
				}
			}
			return b
		})
	}
	check(t, form{"prmt.b32", 4, []int{4, 4, 4}}, rows, func(a, b, c uint64) uint64 {
		v := uint64(0)
		for i := range 4 {
			sel := c >> (4 * i) & 15
			x := a
			if sel&4 != 0 {
				x = b
			}
			x = x >> (8 * (sel & 3)) & 255
			if sel&8 != 0 {
				x = uint64(int64(int8(x))>>7) & 255
			}
			v |= x << (8 * i)
		}
		return v
	})
}

func TestMoves(t *testing.T) {
	rows := operands(5, integers, 200)
	check(t, form{"mov.b64 {%r20, %r21}, {a}; mov.b64 {d}, {%r21, %r20}", 8, []int{8}}, rows, func(a, _, _ uint64) uint64 { return bits.RotateLeft64(a, 32) })
	check(t, form{"mov.b32 {%h12, %h13}, {a}; mov.b32 {d}, {%h13, %h12}", 4, []int{4}}, rows, func(a, _, _ uint64) uint64 {
		return uint64(bits.RotateLeft32(uint32(a), 16))
	})
	check(t, form{"selp.b32 {d}, {a}, {b}, {c}", 4, []int{4, 4, 1}}, rows, func(a, b, c uint64) uint64 {
		if c != 0 {
			return a
		}
		return b
	})
	check(t, form{"slct.b64.s32", 8, []int{8, 8, 4}}, rows, func(a, b, c uint64) uint64 {
		if int32(c) >= 0 {
			return a
		}
		return b
	})
	check(t, form{"@{c} mov.b32 {d}, {a}; @!{c} mov.b32 {d}, {b}", 4, []int{4, 4, 1}}, rows, func(a, b, c uint64) uint64 {
		if c != 0 {
			return a
		}
		return b
	})
	check(t, form{"mov.u32 {d}, WARP_SZ", 4, nil}, rows, func(_, _, _ uint64) uint64 { return 32 })
	check(t, form{"mov.b32 {d}, -1", 4, nil}, rows, func(_, _, _ uint64) uint64 { return 0xffffffff })
}

func TestIntegerComparison(t *testing.T) {
	rows := operands(6, integers, 1000)
	for _, typ := range []string{"u16", "s16", "b16", "u32", "s32", "b32", "u64", "s64", "b64"} {
		w := sizes[typ]
		for how, test := range map[string]func(c int) bool{
			"eq": func(c int) bool { return c == 0 }, "ne": func(c int) bool { return c != 0 },
			"lt": func(c int) bool { return c < 0 }, "le": func(c int) bool { return c <= 0 },
			"gt": func(c int) bool { return c > 0 }, "ge": func(c int) bool { return c >= 0 },
		} {
			want := func(a, b, _ uint64) uint64 { return truth(test(number(typ, a).Cmp(number(typ, b)))) }
			check(t, form{"setp." + how + "." + typ, 1, []int{w, w}}, rows, want)
			if u := map[string]string{"lt": "lo", "le": "ls", "gt": "hi", "ge": "hs"}[how]; u != "" && typ[0] == 'u' {
				check(t, form{"setp." + u + "." + typ, 1, []int{w, w}}, rows, want)
			}
			check(t, form{"set." + how + ".u32." + typ, 4, []int{w, w}}, rows, func(a, b, c uint64) uint64 { return -want(a, b, c) })
			for _, join := range []string{"and", "or", "xor"} {
				for _, not := range []string{"", "!"} {
					for _, second := range []string{"{d}", "%p8|{d}"} {
						check(t, form{"setp." + how + "." + join + "." + typ + " " + second + ", {a}, {b}, " + not + "{c}", 1, []int{w, w, 1}}, rows[:100], func(a, b, c uint64) uint64 {
							p, q := want(a, b, 0) != 0, (c != 0) != (not == "!")
							if strings.Contains(second, "|") {
								p = !p
							}
							return truth(map[string]bool{"and": p && q, "or": p || q, "xor": p != q}[join])
						})
					}
				}
			}
		}
	}
}
