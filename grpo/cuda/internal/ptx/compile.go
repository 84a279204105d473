package ptx

import (
	"fmt"
	"slices"
	"strings"
)

// program is a kernel ready to run: every call expanded in place, every operand a
// slot of the thread's register file.
type program struct {
	name       string
	params     []*variable
	paramSlot  []int
	blocks     []codeBlock
	template   []uint64 // junk in registers, values in constants
	special    []specialSlot
	slots      map[int]string // name of each register slot, for messages
	tracked    bool
	maxThreads int
	shared     int // bytes of shared memory
	local      int // bytes of local memory of a thread
	m          *module
}

// scope is one expansion of a function: names of registers are its own.
type scope struct {
	f      *function
	parent *scope
	regs   map[string]int
	params map[string]int // "name+offset" -> slot
	alias  map[string]string
	locals map[string]int64
	labels map[string]int // label -> item
	back   int            // item after the call; -1 in the kernel
}

// item is an instruction at its place in the expanded program.
type item struct {
	in    *instr
	sc    *scope
	jump  int // for the jumps that expansion adds: item to go to
	index int
	uses  []int
	defs  []int
	code  op
	link  func() func(t *thread) int // of an item that ends a block: its end, once blocks are numbered
	copy  bool                       // a mov: junk may pass through
}

type compiler struct {
	m         *module
	globals   map[string]uint64 // addresses of .global and .const variables
	consts    map[string]bool
	p         *program
	shared    map[string]int64
	imms      map[uint64]int
	modifiers map[string]map[string]bool // lists of only, taken apart
	items     []*item
	depth     []string
	it        *item // being compiled
	blockOf   []int // item -> block, filled before items are linked
}

func (c *compiler) fail(format string, args ...any) {
	f := &Fault{Kind: Unsupported, Kernel: c.p.name, Block: -1, Thread: -1, Detail: fmt.Sprintf(format, args...)}
	if c.it != nil && c.it.in != nil {
		f.Line, f.Text = c.it.in.line, c.it.in.text
	}
	panic(f)
}

func compile(m *module, f *function, globals map[string]uint64) (p *program, err error) {
	c := &compiler{m: m, globals: globals, shared: map[string]int64{}, imms: map[uint64]int{}, consts: map[string]bool{}, modifiers: map[string]map[string]bool{}}
	c.p = &program{m: m, name: f.name, params: f.params, slots: map[int]string{}, maxThreads: f.maxThreads}
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(*Fault)
			if !ok {
				panic(r)
			}
			p, err = nil, fault
		}
	}()
	for _, v := range m.vars {
		if v.space == "shared" {
			c.place(v)
		} else if v.space == "const" {
			c.consts[v.name] = true
		}
	}
	sc := c.scope(f, nil)
	for range f.params {
		c.p.paramSlot = append(c.p.paramSlot, c.slot(0))
	}
	c.expand(sc)
	for _, it := range c.items {
		c.it = it
		c.control(it)
	}
	c.split()
	c.it = nil
	for s := range c.p.template {
		if c.p.slots[s] != "" {
			c.p.template[s] = uint64(s+1) * 0x9e3779b97f4a7c15 // junk
		}
	}
	return c.p, nil
}

func (c *compiler) slot(value uint64) int {
	c.p.template = append(c.p.template, value)
	return len(c.p.template) - 1
}

func (c *compiler) scope(f *function, parent *scope) *scope {
	sc := &scope{f: f, parent: parent, regs: map[string]int{}, params: map[string]int{}, alias: map[string]string{}, locals: map[string]int64{}, labels: map[string]int{}, back: -1}
	for _, v := range f.vars {
		if v.space == "shared" {
			c.place(v)
			continue
		}
		c.p.local = align(c.p.local, max(v.align, 1))
		sc.locals[v.name] = int64(localStart + c.p.local)
		if c.p.local += v.size; c.p.local > maxLocal {
			c.fail("more than %d bytes of local memory", maxLocal)
		}
	}
	return sc
}

// maxLocal is the local memory that a thread may have, as on GPUs.
const maxLocal = 512 << 10

func align(n, to int) int { return (n + to - 1) / to * to }

// place gives a shared variable its address, once however often its function is expanded.
func (c *compiler) place(v *variable) {
	if _, ok := c.shared[v.name]; ok {
		return
	}
	c.p.shared = align(c.p.shared, max(v.align, 1))
	c.shared[v.name] = int64(sharedStart + c.p.shared)
	c.p.shared += v.size
}

// expand appends the instructions of a function, and of those it calls.
func (c *compiler) expand(sc *scope) {
	if slices.Contains(c.depth, sc.f.name) {
		c.fail("recursion of %s", sc.f.name)
	}
	c.depth = append(c.depth, sc.f.name)
	at := make([]int, len(sc.f.code)+1)
	for i, in := range sc.f.code {
		at[i] = len(c.items)
		it := &item{in: in, sc: sc, jump: -1}
		c.it = it
		if in.name == "call" {
			c.call(it)
			continue
		}
		c.add(it)
	}
	at[len(sc.f.code)] = len(c.items)
	// a function may end without ret
	end := &item{in: &instr{name: "ret", text: "end of " + sc.f.name}, sc: sc, jump: -1}
	c.add(end)
	sc.back = len(c.items)
	for name, i := range sc.f.labels {
		sc.labels[name] = at[i]
	}
	c.depth = c.depth[:len(c.depth)-1]
}

func (c *compiler) add(it *item) {
	it.index = len(c.items)
	if it.index >= maxInstructions {
		c.fail("more than %d instructions", maxInstructions)
	}
	c.items = append(c.items, it)
}

// call expands call (ret), name, (args) in place.
func (c *compiler) call(it *item) {
	in, ops := it.in, it.in.operands
	var ret, args []operand
	if len(ops) > 0 && ops[0].kind == vectorOperand {
		ret, ops = ops[0].list, ops[1:]
	}
	if len(ops) == 0 || ops[0].kind != nameOperand {
		c.fail("an indirect call")
	}
	f := c.m.funcs[ops[0].name]
	if f == nil {
		c.fail("function %s has no body here", ops[0].name)
	}
	if len(ops) > 1 {
		args = ops[1].list
	}
	if len(args) != len(f.params) || len(ret) != len(f.returns) {
		c.fail("%d arguments and %d results for the %d and %d of %s", len(args), len(ret), len(f.params), len(f.returns), f.name)
	}
	skip := it
	if in.pred != "" {
		skip = &item{in: &instr{line: in.line, text: in.text, pred: in.pred, negate: !in.negate, name: "bra"}, sc: it.sc}
		c.add(skip)
	}
	sc := c.scope(f, it.sc)
	for i, v := range f.params {
		sc.alias[v.name] = args[i].name
	}
	for i, v := range f.returns {
		sc.alias[v.name] = ret[i].name
	}
	c.expand(sc)
	skip.jump = len(c.items)
}

// param is the slot that holds [name+offset] of the parameter space, and whether it
// is a parameter of the kernel.
func (c *compiler) param(sc *scope, name string, offset int64) (slot int, kernel bool) {
	for sc.alias[name] != "" {
		name, sc = sc.alias[name], sc.parent
	}
	if sc.parent == nil {
		for i, v := range c.p.params {
			if v.name == name {
				if offset < 0 || offset >= int64(v.size) {
					c.fail("offset %d of parameter %s of %d bytes", offset, name, v.size)
				}
				return c.p.paramSlot[i], true
			}
		}
	}
	key := fmt.Sprintf("%s+%d", name, offset)
	s, ok := sc.params[key]
	if !ok {
		s = c.slot(0)
		c.p.slots[s] = key
		sc.params[key] = s
	}
	return s, false
}

// typ is the declared type of a register.
func (c *compiler) typ(name string) string {
	if t, ok := c.it.sc.f.register(name); ok {
		return t
	}
	return specials[name]
}

// use is the slot an operand is read from.
func (c *compiler) use(o operand) int {
	switch o.kind {
	case immOperand:
		return c.imm(o.bits)
	case regOperand:
		if _, ok := c.it.sc.f.register(o.name); ok {
			s := c.register(o.name)
			c.it.uses = append(c.it.uses, s)
			return s
		}
		if specials[o.name] != "" {
			for _, s := range c.p.special {
				if s.name == o.name {
					return s.slot
				}
			}
			s := c.slot(0)
			c.p.special = append(c.p.special, specialSlot{o.name, s})
			return s
		}
		c.fail("register %s", o.name)
	case nameOperand:
		if o.name == "WARP_SZ" {
			return c.imm(32)
		}
		addr, _ := c.symbol(o.name)
		return c.imm(addr + uint64(o.offset))
	}
	c.fail("operand %q", o.name)
	return 0
}

func (c *compiler) imm(bits uint64) int {
	s, ok := c.imms[bits]
	if !ok {
		s = c.slot(bits)
		c.imms[bits] = s
	}
	return s
}

func (c *compiler) register(name string) int {
	s, ok := c.it.sc.regs[name]
	if !ok {
		s = c.slot(0)
		c.it.sc.regs[name] = s
		c.p.slots[s] = name
	}
	return s
}

// def is the slot of a destination register; a sink gets a slot of its own.
func (c *compiler) def(o operand) int {
	if o.kind == sinkOperand {
		return c.slot(0)
	}
	if o.kind != regOperand {
		c.fail("destination %q", o.name)
	}
	if _, ok := c.it.sc.f.register(o.name); !ok {
		c.fail("register %s", o.name)
	}
	s := c.register(o.name)
	c.it.defs = append(c.it.defs, s)
	return s
}

// symbol is the address of a variable in its own space.
func (c *compiler) symbol(name string) (addr uint64, space string) {
	for sc := c.it.sc; sc != nil; sc = sc.parent {
		if a, ok := sc.locals[name]; ok {
			return uint64(a), "local"
		}
	}
	if a, ok := c.shared[name]; ok {
		return uint64(a), "shared"
	}
	if a, ok := c.globals[name]; ok {
		if c.consts[name] {
			return a, "const"
		}
		return a, "global"
	}
	c.fail("symbol %s", name)
	return 0, ""
}

// arg is operand i, which must be there.
func (c *compiler) arg(i int) operand {
	if i >= len(c.it.in.operands) {
		c.fail("%d operands", len(c.it.in.operands))
	}
	return c.it.in.operands[i]
}

func (c *compiler) src(i int) int { return c.use(c.arg(i)) }
func (c *compiler) dst() int      { return c.def(c.arg(0)) }

// abc is the destination and up to three sources of an instruction with exactly n
// operands after the destination.
func (c *compiler) abc(n int) (d, x, y, z int) {
	if len(c.it.in.operands) != n+1 {
		c.fail("%d operands where %d belong", len(c.it.in.operands), n+1)
	}
	d = c.dst()
	s := [3]int{}
	for i := range n {
		s[i] = c.src(i + 1)
	}
	return d, s[0], s[1], s[2]
}

// only fails on a modifier outside those listed.
func (c *compiler) only(in *instr, allowed string) {
	set, ok := c.modifiers[allowed]
	if !ok {
		set = map[string]bool{}
		for _, m := range strings.Fields(allowed) {
			set[m] = true
		}
		c.modifiers[allowed] = set
	}
	for _, m := range in.mods {
		if !set[m] {
			c.fail("modifier .%s", m)
		}
	}
}

// operandType is the instruction's last modifier that is a type; there must be one.
func (c *compiler) operandType(in *instr) string {
	for i := len(in.mods) - 1; i >= 0; i-- {
		if sizes[in.mods[i]] != 0 {
			return in.mods[i]
		}
	}
	c.fail("%s without a type", in.name)
	return ""
}

// integerType is the operand type where it must be one of integers or bits.
func (c *compiler) integerType(in *instr) integer {
	n, ok := intType(c.operandType(in))
	if !ok {
		c.fail("type of %s", in.name)
	}
	return n
}
