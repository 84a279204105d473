package ptx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// header starts every module of these tests.
const header = ".version 7.0\n.target sm_80\n.address_size 64\n"

// entry is a kernel of three 8-byte parameters with registers of every type.
func entry(name, declarations, body string) string {
	return fmt.Sprintf(`
.visible .entry %s(.param .u64 p0, .param .u64 p1, .param .u64 p2)
{
	.reg .pred %%p<16>;
	.reg .b16 %%h<16>;
	.reg .b32 %%r<32>;
	.reg .b64 %%d<32>;
%s
	ld.param.b64 %%d0, [p0];
	ld.param.b64 %%d1, [p1];
	ld.param.b64 %%d2, [p2];
	mov.u32 %%r0, %%tid.x;
	mov.u32 %%r1, %%ctaid.x;
%s
	ret;
}
`, name, declarations, body)
}

// form is an instruction with its operand widths in bytes: "add.s32" of {4, 4, 4} is
// run as add.s32 %R, %A, %B. A width of 1 is a predicate.
type form struct {
	text string // with {d}, {a}, {b}, {c}; without them "text d, a, b, c"
	dst  int
	src  []int
}

// eval runs the form on each row of operands, one thread each, and returns the
// destinations as 64-bit values.
func eval(t *testing.T, f form, rows [][]uint64) []uint64 {
	t.Helper()
	out, err := evalErr(&Device{Seed: 7}, f, rows)
	require.NoError(t, err, f.text)
	return out
}

var width = map[int]string{1: "p", 2: "h", 4: "r", 8: "d"}

func evalErr(d *Device, f form, rows [][]uint64) ([]uint64, error) {
	var b strings.Builder
	b.WriteString("\tmad.lo.s32 %r2, %r1, 256, %r0;\n\tcvt.u64.u32 %d3, %r2;\n\tsetp.ge.u64 %p0, %d3, %d2;\n\t@%p0 ret;\n")
	b.WriteString("\tmad.wide.u32 %d4, %r2, 24, %d0;\n\tmad.wide.u32 %d5, %r2, 8, %d1;\n")
	text := f.text
	if !strings.Contains(text, "{") {
		text += " {d}"
		for i := range f.src {
			text += fmt.Sprintf(", {%c}", 'a'+i)
		}
	}
	for i, w := range f.src {
		fmt.Fprintf(&b, "\tld.global.b64 %%d%d, [%%d4+%d];\n", 10+i, 8*i)
		reg := fmt.Sprintf("%%%s%d", width[w], 10+i)
		switch w {
		case 1:
			fmt.Fprintf(&b, "\tsetp.ne.b64 %s, %%d%d, 0;\n", reg, 10+i)
		case 2:
			fmt.Fprintf(&b, "\tcvt.u16.u64 %s, %%d%d;\n", reg, 10+i)
		case 4:
			fmt.Fprintf(&b, "\tcvt.u32.u64 %s, %%d%d;\n", reg, 10+i)
		}
		text = strings.ReplaceAll(text, fmt.Sprintf("{%c}", 'a'+i), reg)
	}
	dst := fmt.Sprintf("%%%s9", width[f.dst])
	fmt.Fprintf(&b, "\t%s;\n", strings.ReplaceAll(text, "{d}", dst))
	switch f.dst {
	case 1:
		b.WriteString("\tselp.b64 %d9, 1, 0, %p9;\n")
	case 2:
		b.WriteString("\tcvt.u64.u16 %d9, %h9;\n")
	case 4:
		b.WriteString("\tcvt.u64.u32 %d9, %r9;\n")
	}
	b.WriteString("\tst.global.b64 [%d5], %d9;\n")
	return runRows(d, header+entry("k", "", b.String()), rows)
}

// runRows launches kernel k over rows of three operands and returns what it wrote.
func runRows(d *Device, src string, rows [][]uint64) ([]uint64, error) {
	m, err := d.Load([]byte(src))
	if err != nil {
		return nil, err
	}
	k, err := m.Kernel("k")
	if err != nil {
		return nil, err
	}
	n := len(rows)
	in := make([]byte, 24*n)
	for i, row := range rows {
		for j, v := range row {
			binary.LittleEndian.PutUint64(in[24*i+8*j:], v)
		}
	}
	x, err1 := d.Alloc(int64(24 * n))
	y, err2 := d.Alloc(int64(8 * n))
	if err := errors.Join(err1, err2, d.Upload(x, in, 0)); err != nil {
		return nil, err
	}
	if err := k.Launch((n+255)/256, 256, 0, uint64(x), uint64(y), uint64(n)); err != nil {
		return nil, err
	}
	raw := make([]byte, 8*n)
	if err := d.Download(raw, y, 0); err != nil {
		return nil, err
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return out, nil
}

// operands are n rows: combinations of the special values first, then random bits.
func operands(seed uint64, special []uint64, n int) (rows [][]uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func() uint64 {
		if r.IntN(3) > 0 && len(special) > 0 {
			return special[r.IntN(len(special))]
		}
		return r.Uint64()
	}
	for range n {
		rows = append(rows, []uint64{pick(), pick(), pick()})
	}
	return rows
}

// check compares a form with its meaning in Go on every row.
func check(t *testing.T, f form, rows [][]uint64, want func(a, b, c uint64) uint64) {
	t.Helper()
	m := mask(f.dst)
	if f.dst == 1 {
		m = 1
	}
	for i, got := range eval(t, f, rows) {
		row := rows[i]
		if w := want(row[0], row[1], row[2]) & m; got != w {
			t.Fatalf("%s of %#x %#x %#x: %#x, want %#x", f.text, row[0], row[1], row[2], got, w)
		}
	}
}
