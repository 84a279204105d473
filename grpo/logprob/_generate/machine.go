package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A machine is a set of vector instructions.
type machine struct {
	set      string
	bytes    int // in a register
	accs     int // accumulators of each sum, and registers in one turn of the loop
	together int // registers whose powers are made side by side
	block    int // elements in one sum of each lane
	powers
}

var (
	avx512 = machine{"AVX512", 64, 4, 2, 512, thirtyTwo}
	avx2   = machine{"AVX2", 32, 2, 2, 128, eight}
)

func (m machine) lanes() int { return m.bytes / 4 }
func (m machine) turn() int  { return m.accs * m.lanes() } // elements

func (m machine) vec() VecVirtual {
	if m.bytes == 64 {
		return ZMM()
	}
	return YMM()
}

func (m machine) vecs(n int) (v []VecVirtual) {
	for range n {
		v = append(v, m.vec())
	}
	return v
}

// half is a register of half the width.
func (m machine) half() VecVirtual {
	if m.bytes == 64 {
		return YMM()
	}
	return XMM()
}

func (m machine) low(v VecVirtual) Register {
	if m.bytes == 64 {
		return v.AsY()
	}
	return v.AsX()
}

func (m machine) high(v VecVirtual) VecVirtual {
	h := m.half()
	if m.bytes == 64 {
		VEXTRACTF64X4(U8(1), v, h)
	} else {
		VEXTRACTF128(U8(1), v, h)
	}
	return h
}

func (m machine) zero() VecVirtual {
	v := m.vec()
	m.clear(v)
	return v
}

func (m machine) clear(v VecVirtual) {
	if m.bytes == 64 {
		VPXORD(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
}

func (m machine) broadcast(p Mem) VecVirtual {
	v := m.vec()
	VBROADCASTSS(p, v)
	return v
}

// keep is a constant: in a register where there are thirty-two, else in memory.
func (m machine) keep(p Mem) Op {
	if m.bytes == 32 {
		return p
	}
	v := m.vec()
	VMOVUPS(p, v)
	return v
}

// An element is the type of a logit.
type element struct {
	name, pointer string
	bytes         int
}

var elements = []element{{"F32", "*float32", 4}, {"BF16", "*uint16", 2}, {"F16", "*uint16", 2}}

func (m machine) load(e element, p Mem) VecVirtual {
	v := m.vec()
	switch e.name {
	case "F32":
		VMOVUPS(p, v)
	case "BF16":
		VPMOVZXWD(p, v)
		VPSLLD(U8(16), v, v)
	case "F16":
		VCVTPH2PS(p, v)
	}
	return v
}

// store rounds to nearest even; past the caches where stream is set.
func (m machine) store(e element, v VecVirtual, p Mem, stream bool) {
	switch e.name {
	case "F32":
		if stream {
			VMOVNTPS(v, p)
		} else {
			VMOVUPS(v, p)
		}
		return
	case "BF16":
		odd, h := m.vec(), m.half()
		VPSRLD(U8(16), v, odd)
		if m.bytes == 64 {
			VPANDD(global("one"), odd, odd)
		} else {
			VPAND(global("one"), odd, odd)
		}
		VPADDD(global("half"), v, v)
		VPADDD(odd, v, v)
		VPSRLD(U8(16), v, v)
		if m.bytes == 64 {
			VPMOVDW(v, h)
		} else {
			VEXTRACTI128(U8(1), v, h)
			VPACKUSDW(h, v.AsX(), h)
		}
		m.storeHalf(h, p, stream)
	case "F16":
		h := m.half()
		VCVTPS2PH(U8(0), v, h)
		m.storeHalf(h, p, stream)
	}
}

func (m machine) storeHalf(h VecVirtual, p Mem, stream bool) {
	if stream {
		VMOVNTDQ(h, p)
	} else {
		VMOVUPS(h, p)
	}
}
