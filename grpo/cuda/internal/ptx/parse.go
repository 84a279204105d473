package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// module is the text of a PTX file, taken apart.
type module struct {
	version, target string
	vars            []*variable // .global and .const
	funcs           map[string]*function
	code            []*instr // of all functions, by pc
	order           []*function
}

// maxVariable is the size in bytes that no variable may exceed.
const maxVariable = 1 << 28

// variable is a declaration in a state space.
type variable struct {
	space, name string
	size, align int
	elem        string // "b8"
	init        []byte
}

type function struct {
	name            string
	entry           bool
	params, returns []*variable
	vars            []*variable       // .shared and .local
	regs            map[string]string // name or prefix<n> -> type
	prefix          map[string]reg
	code            []*instr
	labels          map[string]int
	targets         map[string][]string
	maxThreads      int
}

type reg struct {
	typ string
	n   int
}

// instr is one instruction: @pred name.mods operands.
type instr struct {
	line     int
	pc       uint16 // its number in the module
	text     string
	pred     string // register; "" for none
	negate   bool
	name     string
	mods     []string
	operands []operand
}

func (in *instr) has(mod string) bool {
	for _, m := range in.mods {
		if m == mod {
			return true
		}
	}
	return false
}

type operandKind int

const (
	regOperand    operandKind = iota
	immOperand                // bits
	nameOperand               // symbol or label, with offset
	memOperand                // [name+offset], [register+offset], [offset]
	vectorOperand             // {a, b}, (a, b)
	sinkOperand               // _
)

type operand struct {
	kind   operandKind
	name   string // register, symbol or label
	bits   uint64 // immediate
	offset int64
	negate bool // !%p
	list   []operand
	pair   *operand // the q of p|q
}

type token struct {
	text string
	line int
	pos  int
}

type parser struct {
	src  string
	toks []token
	i    int
	m    *module
}

// parse takes a PTX file apart. It knows the directives that compilers write and
// reports any other.
func parse(src string) (m *module, err error) {
	p := &parser{src: src, m: &module{funcs: map[string]*function{}}}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*Fault)
			if !ok {
				panic(r)
			}
			m, err = nil, f
		}
	}()
	p.scan()
	for !p.end() {
		p.toplevel()
	}
	if p.m.version == "" || p.m.target == "" {
		p.fail("no .version or no .target")
	}
	return p.m, nil
}

func (p *parser) fail(format string, args ...any) {
	panic(&Fault{Kind: Unsupported, Line: p.toks[p.i].line, Block: -1, Thread: -1, Detail: fmt.Sprintf(format, args...)})
}

func word(c byte) bool {
	return c == '_' || c == '$' || c == '%' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *parser) scan() {
	s, line := p.src, 1
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\n':
			line++
			i++
		case c <= ' ':
			i++
		case strings.HasPrefix(s[i:], "//"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case strings.HasPrefix(s[i:], "/*"):
			j := len(s)
			if n := strings.Index(s[i+2:], "*/"); n >= 0 {
				j = i + n + 4
			}
			line += strings.Count(s[i:j], "\n")
			i = j
		case c == '"':
			j := len(s)
			if n := strings.IndexByte(s[i+1:], '"'); n >= 0 {
				j = i + n + 2
			}
			p.toks = append(p.toks, token{s[i:j], line, i})
			line += strings.Count(s[i:j], "\n")
			i = j
		case word(c):
			j := i
			for j < len(s) && (word(s[j]) || s[j] == ':' && j+2 < len(s) && s[j+1] == ':' && word(s[j+2]) || s[j] == ':' && j > i && s[j-1] == ':') {
				j++
			}
			p.toks = append(p.toks, token{s[i:j], line, i})
			i = j
		default:
			p.toks = append(p.toks, token{s[i : i+1], line, i})
			i++
		}
	}
	p.toks = append(p.toks, token{"", line, len(s)})
}

// end tells whether only the empty token is left that closes the text.
func (p *parser) end() bool { return p.i >= len(p.toks)-1 }

func (p *parser) peek() string { return p.toks[p.i].text }

func (p *parser) next() string {
	if p.end() {
		p.fail("text ends early")
	}
	t := p.toks[p.i].text
	p.i++
	return t
}

func (p *parser) accept(t string) bool {
	if p.peek() == t && !p.end() {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(t string) {
	if !p.accept(t) {
		p.fail("%q where %q belongs", p.peek(), t)
	}
}

// skipLine skips the rest of a directive that has no semicolon.
func (p *parser) skipLine() {
	for line := p.toks[p.i].line; !p.end() && p.toks[p.i].line == line; p.i++ {
	}
}

func (p *parser) toplevel() {
	linkage := false
	for {
		switch t := p.peek(); t {
		case ".visible", ".weak", ".common", ".extern":
			linkage = true
			p.i++
		case ".version":
			p.i++
			p.m.version = p.next()
			return
		case ".target":
			p.i++
			p.m.target = p.next()
			for p.accept(",") {
				p.next()
			}
			return
		case ".address_size":
			p.i++
			if bits := p.next(); bits != "64" {
				p.fail("address size %s", bits)
			}
			return
		case ".file", ".loc":
			p.skipLine()
			return
		case ".section":
			for p.next() != "}" {
			}
			return
		case ".global", ".const", ".shared":
			p.i++
			v := p.variable(t[1:])
			p.m.vars = append(p.m.vars, v)
			p.expect(";")
			return
		case ".entry", ".func":
			p.i++
			p.function(t == ".entry")
			return
		default:
			p.fail("directive %q (linkage seen: %v)", t, linkage)
		}
	}
}

var sizes = map[string]int{
	"b8": 1, "u8": 1, "s8": 1, "b16": 2, "u16": 2, "s16": 2, "f16": 2, "bf16": 2,
	"b32": 4, "u32": 4, "s32": 4, "f32": 4, "f16x2": 4, "bf16x2": 4, "b64": 8, "u64": 8, "s64": 8, "f64": 8, "pred": 1,
}

// variable parses what follows the state space: .align 8 .b8 name[32] = {...}
func (p *parser) variable(space string) *variable {
	v := &variable{space: space}
	n := 1
	for strings.HasPrefix(p.peek(), ".") {
		switch t := p.next()[1:]; t {
		case "align":
			v.align = int(p.number())
		case "v2":
			n = 2
		case "v4":
			n = 4
		case "ptr":
		case "global", "const", "shared", "local": // of a .ptr
		default:
			if sizes[t] == 0 {
				p.fail("type %q", t)
			}
			v.elem = t
		}
	}
	if v.elem == "" {
		p.fail("a variable without a type")
	}
	v.name = p.next()
	v.size = n * sizes[v.elem]
	v.align = max(v.align, sizes[v.elem])
	if v.align > addressAlign || v.align&(v.align-1) != 0 {
		p.fail("alignment %d", v.align)
	}
	for p.accept("[") {
		if p.accept("]") {
			v.size = 0
			break
		}
		count := p.number()
		if count < 0 || count > maxVariable/int64(max(v.size, 1)) {
			p.fail("a variable of %d elements", count)
		}
		v.size *= int(count)
		p.expect("]")
	}
	if p.accept("=") {
		v.init = make([]byte, 0, v.size)
		p.initialiser(v)
		for len(v.init) < v.size {
			v.init = append(v.init, 0)
		}
	}
	return v
}

func (p *parser) initialiser(v *variable) {
	if p.accept("{") {
		for !p.accept("}") {
			p.initialiser(v)
			p.accept(",")
		}
		return
	}
	o := p.operand()
	if o.kind != immOperand {
		p.fail("an initialiser that is an address")
	}
	for i := range sizes[v.elem] {
		v.init = append(v.init, byte(o.bits>>(8*i)))
	}
}

func (p *parser) number() int64 {
	o := p.operand()
	if o.kind != immOperand {
		p.fail("%q where a number belongs", o.name)
	}
	return int64(o.bits)
}

func (p *parser) parameters() (list []*variable) {
	if !p.accept("(") {
		return nil
	}
	for !p.accept(")") {
		if p.accept(".reg") {
			p.fail("a parameter in a register")
		}
		p.expect(".param")
		list = append(list, p.variable("param"))
		p.accept(",")
	}
	return list
}

func (p *parser) function(entry bool) {
	f := &function{entry: entry, prefix: map[string]reg{}, regs: map[string]string{}, labels: map[string]int{}, targets: map[string][]string{}}
	f.returns = p.parameters()
	f.name = p.next()
	f.params = p.parameters()
	for {
		switch t := p.next(); t {
		case ";": // a declaration
			return
		case "{":
			if p.m.funcs[f.name] != nil {
				p.fail("%s is defined twice", f.name)
			}
			p.m.funcs[f.name] = f
			p.m.order = append(p.m.order, f)
			p.body(f)
			return
		case ".maxntid", ".reqntid":
			f.maxThreads = int(p.number())
			for p.accept(",") {
				f.maxThreads *= int(p.number())
			}
		case ".minnctapersm", ".maxnreg", ".maxnctapersm":
			p.number()
		case ".noreturn":
		case ".pragma":
			p.next()
		default:
			p.fail("directive %q of %s", t, f.name)
		}
	}
}

func (p *parser) body(f *function) {
	for depth := 1; depth > 0; {
		switch t := p.peek(); {
		case t == "{":
			depth++
			p.i++
		case t == "}":
			depth--
			p.i++
		case t == ".reg":
			p.i++
			p.registers(f)
		case t == ".param", t == ".shared", t == ".local":
			p.i++
			if v := p.variable(t[1:]); t != ".param" {
				f.vars = append(f.vars, v)
			}
			p.expect(";")
		case t == ".loc", t == ".file":
			p.skipLine()
		case t == ".pragma":
			p.i++
			p.next()
			p.expect(";")
		case !p.end() && p.toks[p.i+1].text == ":":
			p.i += 2
			if p.accept(".branchtargets") {
				for {
					f.targets[t] = append(f.targets[t], p.next())
					if !p.accept(",") {
						break
					}
				}
				p.expect(";")
				continue
			}
			f.labels[t] = len(f.code)
		case strings.HasPrefix(t, "."):
			p.fail("directive %q", t)
		default:
			in := p.instruction()
			if len(p.m.code) >= maxInstructions {
				p.fail("more than %d instructions", maxInstructions)
			}
			in.pc = uint16(len(p.m.code))
			p.m.code = append(p.m.code, in)
			f.code = append(f.code, in)
		}
	}
}

func (p *parser) registers(f *function) {
	typ := strings.TrimPrefix(p.next(), ".")
	if sizes[typ] == 0 {
		p.fail("register type %q", typ)
	}
	for {
		name := p.next()
		if p.accept("<") {
			f.prefix[name] = reg{typ, int(p.number())}
			p.expect(">")
		} else {
			f.regs[name] = typ
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(";")
}

// register is the type of a register: declared by name, or as prefix<n>.
func (f *function) register(name string) (typ string, ok bool) {
	if typ, ok = f.regs[name]; ok {
		return typ, true
	}
	i := len(name)
	for i > 0 && name[i-1] >= '0' && name[i-1] <= '9' {
		i--
	}
	r, ok := f.prefix[name[:i]]
	if !ok {
		return "", false
	}
	n, err := strconv.Atoi(name[i:])
	return r.typ, err == nil && n < r.n
}

func (p *parser) instruction() *instr {
	in := &instr{line: p.toks[p.i].line}
	start := p.toks[p.i].pos
	if p.accept("@") {
		in.negate = p.accept("!")
		in.pred = p.next()
	}
	parts := strings.Split(p.next(), ".")
	in.name, in.mods = parts[0], parts[1:]
	for p.peek() != ";" {
		in.operands = append(in.operands, p.operand())
		if !p.accept(",") {
			break
		}
	}
	if p.peek() != ";" {
		p.fail("%q in an instruction", p.peek())
	}
	in.text = strings.Join(strings.Fields(p.src[start:p.toks[p.i].pos]), " ")
	p.i++
	return in
}

func (p *parser) operand() operand {
	t := p.next()
	switch {
	case t == "!":
		o := p.operand()
		o.negate = true
		return o
	case t == "{", t == "(":
		closing := map[string]string{"{": "}", "(": ")"}[t]
		o := operand{kind: vectorOperand}
		for !p.accept(closing) {
			o.list = append(o.list, p.operand())
			p.accept(",")
		}
		return o
	case t == "[":
		o := p.operand()
		o.kind = memOperand
		if o.name == "" {
			o.offset = int64(o.bits)
		}
		p.expect("]")
		return o
	case t == "-":
		o := p.operand()
		o.bits = -o.bits
		return o
	case t == "_":
		return operand{kind: sinkOperand}
	case t[0] >= '0' && t[0] <= '9':
		return operand{kind: immOperand, bits: p.immediate(t)}
	case word(t[0]):
		o := operand{kind: nameOperand, name: t}
		if t[0] == '%' {
			o.kind = regOperand
		}
		switch {
		case p.accept("+"):
			o.offset = p.number()
		case p.accept("|"):
			q := p.operand()
			o.pair = &q
		}
		return o
	}
	p.i--
	p.fail("%q where an operand belongs", t)
	return operand{}
}

func (p *parser) immediate(t string) uint64 {
	digits, base := strings.TrimRight(t, "U"), 0
	if len(t) > 2 && t[0] == '0' {
		switch {
		case (t[1] == 'f' || t[1] == 'F') && len(t) == 10, (t[1] == 'd' || t[1] == 'D') && len(t) == 18:
			digits, base = t[2:], 16
		}
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		p.fail("number %q", t)
	}
	return v
}
