package ptx

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Generic addresses of the windows onto a block's shared and a thread's local
// memory, and the first address inside each: offset 0 is never a variable's, so
// that a null pointer is out of bounds.
const (
	localWindow  = 1 << 40
	sharedWindow = 2 << 40
	globalStart  = 0x7f << 40
	localStart   = 1024
	sharedStart  = 1024
)

// getter finds the bytes of an access, checked.
type getter func(t *thread, in *instr, addr uint64, size int, k access) []byte

func (t *thread) inGlobal(in *instr, addr uint64, size int, k access) []byte {
	d := t.grid.d
	a := t.grid.last[in.pc]
	if a == nil || addr < a.base || addr+uint64(size) > a.base+uint64(len(a.data)) {
		var at where
		a, at = d.find(addr, size)
		switch {
		case a == nil || at == outside:
			t.fault(in, OutOfBounds, "%d bytes at %s", size, t.grid.place(addr))
		case at == freed:
			t.fault(in, UseAfterFree, "%d bytes at %s", size, t.grid.place(addr))
		}
		t.grid.last[in.pc] = a
	}
	if addr&uint64(size-1) != 0 {
		t.fault(in, Misaligned, "%d bytes at %s", size, t.grid.place(addr))
	}
	if a.constant && k != read && k != constant {
		t.fault(in, ReadOnly, "%s", t.grid.place(addr))
	}
	off := addr - a.base
	m := checks{race: GlobalRace, gen: t.grid.gen, keep: true}
	cells := a.cells(off, size)
	for i := range cells {
		t.touch(in, &cells[i], k, &m, addr)
	}
	return a.data[off : off+uint64(size) : off+uint64(size)]
}

func (t *thread) inShared(in *instr, addr uint64, size int, k access) []byte {
	b := t.warp.b
	off := addr - sharedStart
	if off+uint64(size) > uint64(len(b.shared.data)) || off >= uint64(len(b.shared.data)) {
		t.fault(in, OutOfBounds, "%d bytes at %d of %d bytes of shared memory", size, int64(off), len(b.shared.data))
	}
	if addr&uint64(size-1) != 0 {
		t.fault(in, Misaligned, "%d bytes at %d of shared memory", size, off)
	}
	m := checks{race: SharedRace, gen: b.gen}
	cells := b.shared.cells(off, size)
	for i := range cells {
		t.touch(in, &cells[i], k, &m, sharedWindow+addr)
	}
	return b.shared.data[off : off+uint64(size) : off+uint64(size)]
}

func (t *thread) inLocal(in *instr, addr uint64, size int, k access) []byte {
	off := addr - localStart
	if off+uint64(size) > uint64(len(t.local)) || off >= uint64(len(t.local)) {
		t.fault(in, OutOfBounds, "%d bytes at %d of %d bytes of local memory", size, int64(off), len(t.local))
	}
	if addr&uint64(size-1) != 0 {
		t.fault(in, Misaligned, "%d bytes at %d of local memory", size, off)
	}
	w := t.written[off : off+uint64(size)]
	if k == write {
		for i := range w {
			w[i] = true
		}
	} else if slices.Contains(w, false) {
		t.fault(in, Uninitialised, "%d bytes at %d of local memory", size, off)
	}
	return t.local[off : off+uint64(size) : off+uint64(size)]
}

func (t *thread) inConst(in *instr, addr uint64, size int, k access) []byte {
	if k != read && k != constant {
		t.fault(in, ReadOnly, "%s", t.grid.place(addr))
	}
	b := t.inGlobal(in, addr, size, k)
	if !t.grid.last[in.pc].constant {
		t.fault(in, OutOfBounds, "%s is no constant memory", t.grid.place(addr))
	}
	return b
}

func (t *thread) inGeneric(in *instr, addr uint64, size int, k access) []byte {
	switch addr >> 40 {
	case localWindow >> 40:
		return t.inLocal(in, addr-localWindow, size, k)
	case sharedWindow >> 40:
		return t.inShared(in, addr-sharedWindow, size, k)
	}
	return t.inGlobal(in, addr, size, k)
}

func (c *compiler) space(in *instr) (string, getter) {
	for _, m := range in.mods {
		switch strings.TrimSuffix(m, "::cta") {
		case "global":
			return "global", (*thread).inGlobal
		case "shared":
			return "shared", (*thread).inShared
		case "local":
			return "local", (*thread).inLocal
		case "const":
			return "const", (*thread).inConst
		case "param":
			return "param", nil
		}
	}
	return "", (*thread).inGeneric
}

// address is a memory operand: a slot and an offset to add to it.
func (c *compiler) address(o operand, space string) (slot int, offset uint64) {
	if o.kind != memOperand {
		c.fail("%q is no address", o.name)
	}
	switch {
	case o.name == "":
		return c.imm(0), uint64(o.offset)
	case o.name[0] == '%':
		if w := sizes[c.typ(o.name)]; w != 8 && space != "shared" && space != "local" {
			c.fail("a %d-byte address", w)
		}
		return c.use(operand{kind: regOperand, name: o.name}), uint64(o.offset)
	}
	a, of := c.symbol(o.name)
	if of != space && !(space == "" && (of == "global" || of == "const")) {
		c.fail("%s is in %s memory", o.name, of)
	}
	return c.imm(a), uint64(o.offset)
}

const memoryMods = "global shared shared::cta local const param nc weak volatile relaxed acquire release cta gpu sys cluster ca cg cs lu cv wb wt " +
	"L1::evict_normal L1::evict_unchanged L1::evict_first L1::evict_last L1::no_allocate L2::64B L2::128B L2::256B " +
	"v2 v4 b8 u8 s8 b16 u16 s16 f16 bf16 b32 u32 s32 f32 f16x2 bf16x2 b64 u64 s64 f64"

// elements are the registers of a scalar or vector operand.
func (c *compiler) elements(in *instr, o operand) []operand {
	n := 1
	if in.has("v2") {
		n = 2
	} else if in.has("v4") {
		n = 4
	}
	list := []operand{o}
	if o.kind == vectorOperand {
		list = o.list
	}
	if len(list) != n {
		c.fail("%d elements where %d belong", len(list), n)
	}
	return list
}

func fetch(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func store(b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}

func mask(bytes int) uint64 {
	if bytes >= 8 {
		return ^uint64(0)
	}
	return 1<<(8*bytes) - 1
}

// widen is the value of a loaded or converted element in its register: signed types
// extend their sign to the register's width, others zeros.
func widen(v uint64, typ string, register int) uint64 {
	if typ[0] == 's' {
		s := 64 - 8*sizes[typ]
		v = uint64(int64(v<<s) >> s)
	}
	return v & mask(register)
}

func ld(c *compiler, in *instr) op {
	c.only(in, memoryMods)
	space, get := c.space(in)
	typ := c.operandType(in)
	list := c.elements(in, c.arg(0))
	if space == "param" {
		return c.loadParam(in, list, typ)
	}
	base, off := c.address(c.arg(1), space)
	k := read
	switch {
	case in.has("nc"):
		k = constant
	case in.has("volatile"), in.has("relaxed"), in.has("acquire"):
		c.fail("an ld with an order of its own")
	}
	size, n := sizes[typ], len(list)
	d, w := make([]int, n), make([]int, n)
	for i, o := range list {
		d[i] = c.def(o)
		if w[i] = 8; o.kind == regOperand {
			w[i] = sizes[c.typ(o.name)]
		}
	}
	signed, total, d0 := typ[0] == 's', size*n, d[0]
	switch {
	case n == 1 && !signed && size == 4:
		return func(t *thread) {
			t.r[d0] = uint64(binary.LittleEndian.Uint32(get(t, in, t.r[base]+off, 4, k)))
		}
	case n == 1 && !signed && size == 8:
		return func(t *thread) { t.r[d0] = binary.LittleEndian.Uint64(get(t, in, t.r[base]+off, 8, k)) }
	}
	return func(t *thread) {
		b := get(t, in, t.r[base]+off, total, k)
		for i := range d {
			t.r[d[i]] = widen(fetch(b[i*size:(i+1)*size]), typ, w[i])
		}
	}
}

func (c *compiler) loadParam(in *instr, list []operand, typ string) op {
	o := c.arg(1)
	size := sizes[typ]
	var code []op
	for i, e := range list {
		off := o.offset + int64(i*size)
		d := c.def(e)
		w := sizes[c.typ(e.name)]
		s, kernel := c.param(c.it.sc, o.name, off)
		shift := 0
		if kernel {
			shift = int(off%8) * 8
			if off >= 8 {
				c.fail("a kernel parameter wider than 8 bytes")
			}
		} else {
			c.it.uses = append(c.it.uses, s)
			c.it.copy = true
		}
		code = append(code, func(t *thread) { t.r[d] = widen(t.r[s]>>shift&mask(size), typ, w) })
	}
	return sequence(code)
}

func sequence(code []op) op {
	if len(code) == 1 {
		return code[0]
	}
	return func(t *thread) {
		for _, f := range code {
			f(t)
		}
	}
}

func st(c *compiler, in *instr) op {
	c.only(in, memoryMods)
	space, get := c.space(in)
	typ := c.operandType(in)
	size := sizes[typ]
	list := c.elements(in, c.arg(1))
	v := make([]int, len(list))
	for i, o := range list {
		v[i] = c.use(o)
	}
	if space == "param" {
		o := c.arg(0)
		var code []op
		for i := range v {
			s, kernel := c.param(c.it.sc, o.name, o.offset+int64(i*size))
			if kernel {
				c.fail("a store to a kernel's parameter")
			}
			c.it.defs = append(c.it.defs, s)
			c.it.copy = true
			x := v[i]
			code = append(code, func(t *thread) { t.r[s] = t.r[x] & mask(size) })
		}
		return sequence(code)
	}
	if in.has("volatile") || in.has("relaxed") || in.has("release") {
		c.fail("an st with an order of its own")
	}
	base, off := c.address(c.arg(0), space)
	total := size * len(v)
	if len(v) == 1 {
		x := v[0]
		return func(t *thread) { store(get(t, in, t.r[base]+off, size, write), t.r[x]) }
	}
	return func(t *thread) {
		b := get(t, in, t.r[base]+off, total, write)
		for i, x := range v {
			store(b[i*size:(i+1)*size], t.r[x])
		}
	}
}

// cvta moves an address between a state space and the generic one.
func cvta(c *compiler, in *instr) op {
	c.only(in, "to global shared shared::cta local const param u64 u32")
	d, a, _, _ := c.abc(1)
	window := uint64(0)
	switch space, _ := c.space(in); space {
	case "shared":
		window = sharedWindow
	case "local":
		window = localWindow
	case "param":
		c.fail("the address of a parameter")
	}
	if in.has("to") {
		window = -window
	}
	return func(t *thread) { t.r[d] = t.r[a] + window }
}

// isspacep asks which space a generic address is in.
func isspacep(c *compiler, in *instr) op {
	d, a, _, _ := c.abc(1)
	space, _ := c.space(in)
	return func(t *thread) {
		at := "global"
		switch t.r[a] >> 40 {
		case localWindow >> 40:
			at = "local"
		case sharedWindow >> 40:
			at = "shared"
		}
		t.r[d] = truth(at == space)
	}
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// prefetch checks its form and does nothing.
func prefetch(c *compiler, in *instr) op {
	c.src0(0)
	return func(*thread) {}
}

func (c *compiler) src0(i int) {
	if o := c.arg(i); o.name != "" && o.name[0] == '%' {
		c.use(operand{kind: regOperand, name: o.name})
	}
}
