package ptx

// families compile the instructions that run in a thread alone. What is absent here
// and from control is an unknown instruction.
var families map[string]func(c *compiler, in *instr) op

func init() {
	families = map[string]func(c *compiler, in *instr) op{
		"ld": ld, "ldu": ld, "st": st, "cvta": cvta, "isspacep": isspacep, "prefetch": prefetch, "prefetchu": prefetch,
		"atom": atom, "red": atom, "membar": fence, "fence": fence, "nanosleep": prefetch,
		"mov": mov, "selp": selp, "slct": slct, "prmt": prmt, "cvt": cvt, "setp": setp, "set": set,
		"add": arithmetic, "sub": arithmetic, "mul": arithmetic, "div": arithmetic, "rem": arithmetic, "min": arithmetic, "max": arithmetic,
		"mad": mad, "fma": mad, "abs": unary, "neg": unary, "sad": sad, "addc": carry, "subc": carry, "madc": carry, "dp4a": dp4a,
		"sqrt": unary, "rcp": unary, "rsqrt": unary, "ex2": unary, "lg2": unary, "sin": unary, "cos": unary, "tanh": unary,
		"copysign": copysign, "testp": testp,
		"and": logic, "or": logic, "xor": logic, "not": logic, "cnot": logic, "lop3": lop3,
		"shl": shift, "shr": shift, "shf": funnel, "bfe": bfe, "bfi": bfi, "popc": count, "clz": count, "brev": count, "bfind": count,
	}
}

// fence compiles membar and fence: what they put in order is in order.go.
func fence(c *compiler, in *instr) op {
	c.only(in, "cta gl sys sc acq_rel gpu acquire release")
	if in.has("cta") {
		return func(*thread) {}
	}
	return (*thread).fenced
}
