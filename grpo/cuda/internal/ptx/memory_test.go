package ptx

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadsAndStores(t *testing.T) {
	rows := operands(20, integers, 200)
	signed := func(n uint) func(a, _, _ uint64) uint64 {
		return func(a, _, _ uint64) uint64 { return uint64(int64(a<<(64-n)) >> (64 - n)) }
	}
	low := func(n uint) func(a, _, _ uint64) uint64 {
		return func(a, _, _ uint64) uint64 { return a << (64 - n) >> (64 - n) }
	}
	// %d4 is the thread's row of three 8-byte operands
	for _, c := range []struct {
		typ  string
		dst  int
		want func(a, _, _ uint64) uint64
	}{
		{"u8", 2, low(8)}, {"b8", 4, low(8)}, {"s8", 2, signed(8)}, {"s8", 4, signed(8)}, {"s8", 8, signed(8)},
		{"u16", 2, low(16)}, {"b16", 8, low(16)}, {"s16", 4, signed(16)}, {"u32", 4, low(32)}, {"s32", 8, signed(32)}, {"f32", 4, low(32)},
		{"b64", 8, low(64)}, {"f64", 8, low(64)},
	} {
		check(t, form{"ld.global." + c.typ + " {d}, [%d4]", c.dst, []int{8}}, rows, c.want)
		check(t, form{"ld." + c.typ + " {d}, [%d4]", c.dst, []int{8}}, rows, c.want)
		check(t, form{"ld.global.nc.L1::no_allocate.L2::128B." + c.typ + " {d}, [%d4]", c.dst, []int{8}}, rows, c.want)
	}
}

// Vectors, sub-words and all spaces: what is stored at one width is loaded at another,
// little end first.
func TestSpaces(t *testing.T) {
	rows := operands(21, integers, 64)
	through := func(declarations, store, load string, want func(a, b, c uint64) uint64) {
		t.Helper()
		body := `
	mad.lo.s32 %r2, %r1, 256, %r0;
	cvt.u64.u32 %d3, %r2;
	setp.ge.u64 %p0, %d3, %d2;
	@%p0 ret;
	mad.wide.u32 %d4, %r2, 24, %d0;
	mad.wide.u32 %d5, %r2, 8, %d1;
	mul.wide.u32 %d6, %r0, 16;
	ld.global.b64 %d10, [%d4];
	ld.global.b64 %d11, [%d4+8];
	mov.b64 {%r10, %r11}, %d10;
	mov.b64 {%r12, %r13}, %d11;
` + store + "\n" + load + "\n\tst.global.b64 [%d5], %d9;\n"
		got, err := runRows(&Device{Seed: 3}, header+entry("k", declarations, body), rows)
		require.NoError(t, err)
		for i, row := range rows {
			require.Equal(t, want(row[0], row[1], row[2]), got[i])
		}
	}
	const s = "\t.shared .align 16 .b8 s[4096];\n\t.local .align 16 .b8 l[64];\n"
	second := func(_, b, _ uint64) uint64 { return b }
	middle := func(a, b, _ uint64) uint64 { return a>>32 | b<<32 }
	address := "\tmov.b64 %d7, s;\n\tadd.s64 %d7, %d7, %d6;\n"
	through(s, address+"\tst.shared.v4.b32 [%d7], {%r10, %r11, %r12, %r13};", "\tld.shared.b64 %d9, [%d7+8];", second)
	through(s, address+"\tst.shared.v2.b64 [%d7], {%d10, %d11};", "\tld.shared.b32 %r14, [%d7+4];\n\tld.shared.b32 %r15, [%d7+8];\n\tmov.b64 %d9, {%r14, %r15};", middle)
	through(s, address+"\tst.shared.v2.b64 [%d7], {%d10, %d11};\n\tcvta.shared.u64 %d8, %d7;", "\tld.v2.b64 {%d12, %d9}, [%d8];", second)
	through(s, "\tst.local.v2.b64 [l+16], {%d10, %d11};", "\tld.local.b64 %d9, [l+24];", second)
	through(s, "\tmov.b64 %d7, l;\n\tcvta.local.u64 %d8, %d7;\n\tst.v2.b64 [%d8], {%d10, %d11};\n\tcvta.to.local.u64 %d7, %d8;", "\tld.local.v2.b64 {_, %d9}, [%d7];", second)
	through(s, "\tst.local.b64 [l], %d11;\n\tst.local.b8 [l+3], %r10;", "\tld.local.b64 %d9, [l];", func(a, b, _ uint64) uint64 { return b&^(255<<24) | a&255<<24 })
	through(s, "\tmov.b64 %d7, s;\n\tcvta.shared.u64 %d8, %d7;\n\tisspacep.shared %p1, %d8;\n\tisspacep.global %p2, %d8;\n\tisspacep.global %p3, %d0;\n\tisspacep.local %p4, %d0;",
		"\tselp.b64 %d9, 1, 0, %p1;\n\tselp.b64 %d10, 2, 0, %p2;\n\tselp.b64 %d11, 4, 0, %p3;\n\tselp.b64 %d12, 8, 0, %p4;\n\tor.b64 %d9, %d9, %d10;\n\tor.b64 %d9, %d9, %d11;\n\tor.b64 %d9, %d9, %d12;",
		func(_, _, _ uint64) uint64 { return 1 | 4 })
}

func TestModuleVariables(t *testing.T) {
	src := header + `
.const .align 8 .b8 table[16] = {0, 0, 0, 0, 0, 0, 240, 63, 0xff, 1};
.global .align 4 .u32 counter;
.visible .const .align 4 .f32 pair[2] = {0f3F800000, 0f40000000};
.global .align 8 .u64 start = 40;
` + entry("k", "", `
	ld.const.b64 %d9, [table+8];
	ld.const.f32 %r9, [pair+4];
	cvt.u64.u32 %d10, %r9;
	shl.b64 %d10, %d10, 16;
	add.s64 %d9, %d9, %d10;
	ld.global.b64 %d11, [start];
	add.s64 %d9, %d9, %d11;
	atom.global.add.u32 %r8, [counter], 1;
	cvt.u64.u32 %d12, %r8;
	add.s64 %d9, %d9, %d12;
	mov.b64 %d13, table;
	ld.const.b64 %d14, [%d13];
	st.global.b64 [%d1], %d9;
`)
	d := &Device{}
	m, err := d.Load([]byte(src))
	require.NoError(t, err)
	k, err := m.Kernel("k")
	require.NoError(t, err)
	y, err := d.Alloc(8)
	require.NoError(t, err)
	for i := range uint64(3) {
		require.NoError(t, k.Launch(1, 1, 0, 0, uint64(y), 0))
		out := make([]byte, 8)
		require.NoError(t, d.Download(out, y, 0))
		require.Equal(t, 0x1ff+0x40000000<<16+40+i, fetch(out))
	}
	require.NoError(t, m.Unload())
	require.Error(t, m.Unload())
	err = k.Launch(1, 1, 0, 0, uint64(y), 0)
	require.ErrorContains(t, err, "unloaded")

	_, err = runRows(&Device{}, header+".const .align 8 .b8 table[16];\n"+entry("k", "", "\tmov.b64 %d3, table;\n\tcvta.const.u64 %d3, %d3;\n\tst.b32 [%d3], 1;\n"), operands(1, nil, 1))
	var f *Fault
	require.ErrorAs(t, err, &f)
	require.Equal(t, ReadOnly, f.Kind)
	_, err = runRows(&Device{}, header+entry("k", "", "\tld.const.b64 %d3, [%d0];\n"), operands(1, nil, 1))
	require.ErrorAs(t, err, &f)
	require.Equal(t, OutOfBounds, f.Kind)
}

func TestAtomics(t *testing.T) {
	f := func(v float32) uint64 { return uint64(math.Float32bits(v)) }
	for _, c := range []struct {
		op, typ            string
		memory, b, c, want uint64
	}{
		{"add", "u32", 0xffffffff, 2, 0, 1},
		{"add", "s32", 5, ^uint64(0), 0, 4},
		{"add", "u64", 1 << 40, 1 << 41, 0, 3 << 40},
		{"add", "f32", f(1.5), f(2), 0, f(3.5)},
		{"add", "f64", math.Float64bits(1e300), math.Float64bits(-1e300), 0, 0},
		{"min", "u64", 3, ^uint64(0), 0, 3},
		{"max", "u64", 3, ^uint64(0), 0, ^uint64(0)},
		{"min", "s64", 3, ^uint64(0), 0, ^uint64(0)},
		{"max", "s64", 3, ^uint64(0), 0, 3},
		{"min", "s32", 3, 0xffffffff, 0, 0xffffffff},
		{"max", "u32", 3, 0xffffffff, 0, 0xffffffff},
		{"and", "b32", 0b1100, 0b1010, 0, 0b1000},
		{"or", "b32", 0b1100, 0b1010, 0, 0b1110},
		{"xor", "b64", 0b1100, 0b1010, 0, 0b0110},
		{"exch", "b32", 7, 9, 0, 9},
		{"cas", "b32", 7, 7, 9, 9},
		{"cas", "b64", 7, 8, 9, 7},
		{"inc", "u32", 7, 7, 0, 0},
		{"inc", "u32", 6, 7, 0, 7},
		{"dec", "u32", 0, 7, 0, 7},
		{"dec", "u32", 8, 7, 0, 7},
		{"dec", "u32", 3, 7, 0, 2},
	} {
		size := map[int]string{4: "r", 8: "d"}[sizes[c.typ]]
		third := ""
		if c.op == "cas" {
			third = ", %" + size + "12"
		}
		load := map[string]string{"r": "\tcvt.u32.u64 %r11, %d11;\n\tcvt.u32.u64 %r12, %d12;\n", "d": ""}[size]
		widen := map[string]string{"r": "\tcvt.u64.u32 %d9, %r9;\n", "d": ""}[size]
		for _, space := range []string{".global", ""} {
			body := "\tld.global.b64 %d11, [%d0+8];\n\tld.global.b64 %d12, [%d0+16];\n" + load +
				"\tatom" + space + "." + c.op + "." + c.typ + " %" + size + "9, [%d0], %" + size + "11" + third + ";\n" + widen +
				"\tld.global.b64 %d13, [%d0];\n\tst.global.b64 [%d1], %d9;\n\tst.global.b64 [%d1+8], %d13;\n"
			out, err := runRows(&Device{}, header+entry("k", "\t.reg .b32 %t;", "\tsetp.ne.u32 %p1, %r0, 0;\n\t@%p1 ret;\n"+body), [][]uint64{{c.memory, c.b, c.c}, {}})
			require.NoError(t, err, "%v", c)
			require.Equal(t, []uint64{c.memory, c.want}, out, "%v", c)
		}
	}
}

// Calls: results, arguments by slots of 8 and 4 bytes, structures in parts, local
// memory of the callee, a branch around a call, one shared variable for all expansions.
func TestCalls(t *testing.T) {
	src := header + `
.func (.param .b64 ret) scale(.param .b64 a, .param .align 8 .b8 s[16]);
.func (.param .b64 ret) twice(.param .b64 a)
{
	.reg .b64 %x<4>;
	ld.param.b64 %x1, [a];
	add.s64 %x1, %x1, %x1;
	st.param.b64 [ret], %x1;
	ret;
}
` + entry("k", "", `
	mad.wide.u32 %d3, %r0, 24, %d0;
	mad.wide.u32 %d4, %r0, 8, %d1;
	cvt.u64.u32 %d20, %r0;
	setp.ge.u64 %p0, %d20, %d2;
	@%p0 ret;
	ld.global.b64 %d5, [%d3];
	ld.global.b64 %d6, [%d3+8];
	ld.global.b64 %d7, [%d3+16];
	{ // callseq
	.param .b64 param0;
	.param .align 8 .b8 param1[16];
	.param .b64 retval0;
	st.param.v2.b64 [param1], {%d6, %d7};
	st.param.b64 [param0], %d5;
	call.uni (retval0), scale, (param0, param1);
	ld.param.b64 %d8, [retval0];
	}
	setp.eq.u32 %p1, %r0, 1;
	{
	.param .b64 param0;
	.param .b64 retval0;
	st.param.b64 [param0], %d8;
	@%p1 call (retval0), twice, (param0);
	@%p1 ld.param.b64 %d8, [retval0];
	}
	st.global.b64 [%d4], %d8;
`) + `
.func (.param .b64 ret) scale(.param .b64 a, .param .align 8 .b8 s[16])
{
	.local .align 8 .b8 depot[16];
	.reg .b64 %x<8>;
	.reg .pred %q<2>;
	ld.param.b64 %x1, [a];
	ld.param.v2.b64 {%x2, %x3}, [s];
	st.local.b64 [depot+8], %x3;
	setp.gt.s64 %q1, %x1, 100;
	@%q1 bra $big;
	mul.lo.s64 %x4, %x1, %x2;
	ld.local.b64 %x5, [depot+8];
	add.s64 %x4, %x4, %x5;
	{
	.param .b64 param0;
	.param .b64 retval0;
	st.param.b64 [param0], %x4;
	call.uni (retval0), twice, (param0);
	ld.param.b64 %x4, [retval0];
	}
	st.param.b64 [ret], %x4;
	ret;
$big:
	st.param.b64 [ret], -1;
	ret;
}
`
	out, err := runRows(&Device{}, src, [][]uint64{{3, 5, 7}, {3, 5, 8}, {101, 1, 1}})
	require.NoError(t, err)
	require.Equal(t, []uint64{44, 92, ^uint64(0)}, out)

	loop := header + ".func f();\n.func g()\n{\n\tcall.uni f, ();\n\tret;\n}\n.func f()\n{\n\tcall.uni g, ();\n\tret;\n}\n" + entry("k", "", "\tcall.uni f, ();\n")
	_, err = (&Device{}).Load([]byte(loop))
	require.ErrorContains(t, err, "recursion of f")
	_, err = (&Device{}).Load([]byte(header + entry("k", "", "\tcall (%d3), %d4, (%d5), x;\n")))
	require.ErrorContains(t, err, "indirect call")
	_, err = (&Device{}).Load([]byte(header + ".func g(.param .b64 a)\n{\n\tret;\n}\n" + entry("k", "", "\tcall g, ();\n")))
	require.ErrorContains(t, err, "0 arguments")
}

func TestJumpTable(t *testing.T) {
	out, err := runRows(&Device{}, header+entry("k", "", `
	cvt.u64.u32 %d3, %r0;
	setp.ge.u64 %p0, %d3, %d2;
	@%p0 ret;
	mad.wide.u32 %d4, %r0, 24, %d0;
	mad.wide.u32 %d5, %r0, 8, %d1;
	ld.global.b32 %r3, [%d4];
	$table: .branchtargets $a, $b, $c, $a;
	brx.idx %r3, $table;
$a:
	mov.b64 %d6, 10;
	bra.uni $end;
$b:
	mov.b64 %d6, 11;
	bra.uni $end;
$c:
	mov.b64 %d6, 12;
$end:
	st.global.b64 [%d5], %d6;
`), [][]uint64{{0}, {1}, {2}, {3}})
	require.NoError(t, err)
	require.Equal(t, []uint64{10, 11, 12, 10}, out)
}
