package ptx

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	gosync "sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

func code(c int) error { return &driver.Error{Code: c} }

func TestAllocator(t *testing.T) {
	d := &Device{Memory: 1000}
	p, err := d.Alloc(600)
	require.NoError(t, err)
	require.Zero(t, p%addressAlign)
	_, err = d.Alloc(401)
	require.ErrorIs(t, err, driver.OutOfMemory)
	_, err = d.Alloc(math.MaxInt64)
	require.ErrorIs(t, err, driver.OutOfMemory)
	for _, n := range []int64{0, -1} {
		_, err = d.Alloc(n)
		require.ErrorIs(t, err, code(invalidValue))
	}
	q, err := d.Alloc(400)
	require.NoError(t, err)
	require.Greater(t, q, p+600+redZone)

	base, size, err := d.Range(p + 599)
	require.NoError(t, err)
	require.Equal(t, p, base)
	require.EqualValues(t, 600, size)
	for _, bad := range []driver.Ptr{p + 600, p - 1, 0, math.MaxUint64} {
		_, _, err = d.Range(bad)
		require.ErrorIs(t, err, code(invalidValue))
		require.ErrorIs(t, d.Free(bad), code(invalidValue))
	}
	require.ErrorIs(t, d.Free(p+8), code(invalidValue))
	require.Equal(t, []string{"allocation 1 of 600 bytes", "allocation 6 of 400 bytes"}, d.Leaks())
	require.NoError(t, d.Free(p))
	err = d.Free(p)
	require.ErrorIs(t, err, code(invalidValue))
	require.ErrorContains(t, err, "has been freed")
	_, _, err = d.Range(p)
	require.ErrorIs(t, err, code(invalidValue))
	require.ErrorContains(t, d.Upload(p, make([]byte, 4), 0), "has been freed")
	require.NoError(t, d.Free(q))
	require.Empty(t, d.Leaks())
	require.Equal(t, 2, func() (n int) { // addresses are never given twice
		for _, a := range d.list {
			n += int(truth(a.freed))
		}
		return n
	}())
}

func TestCopies(t *testing.T) {
	d := &Device{}
	p, err := d.Alloc(1000)
	require.NoError(t, err)
	src := make([]byte, 1000)
	for i := range src {
		src[i] = byte(i * 7)
	}
	out := make([]byte, 1000)
	var f *Fault
	require.ErrorAs(t, d.Download(out, p, 0), &f)
	require.Equal(t, Uninitialised, f.Kind)
	require.NoError(t, d.Upload(p, src[:301], 0))
	require.NoError(t, d.Fill(p+301, 9, 2, 0))
	require.ErrorAs(t, d.Download(out[:304], p, 0), &f)
	require.Contains(t, f.Error(), "cuMemcpyDtoHAsync of address 0x7f000000012f, byte 303 of the 1000 of allocation 1")
	require.NoError(t, d.Download(out[:303], p, 0))
	require.True(t, bytes.Equal(out[:301], src[:301]))
	require.Equal(t, []byte{9, 9}, out[301:303])
	require.NoError(t, d.Upload(p+303, src[303:], 0))
	require.NoError(t, d.Download(out[400:], p+400, 0))
	require.True(t, bytes.Equal(out[400:], src[400:]))
	require.ErrorIs(t, d.Upload(p+1, src, 0), code(invalidValue))
	require.ErrorIs(t, d.Download(out, p+1, 0), code(invalidValue))
	require.ErrorIs(t, d.Fill(p+990, 0, 11, 0), code(invalidValue))
	require.NoError(t, d.Upload(p+5000, nil, 0))
	require.Equal(t, 4, d.Calls()["cuMemcpyHtoDAsync"])
}

// Every byte count and offset of a copy marks just those bytes as written.
func TestCopyMarksItsBytes(t *testing.T) {
	for _, off := range []int{0, 1, 2, 3, 4, 8, 250, 255, 256} {
		for _, n := range []int{1, 2, 3, 4, 7, 8, 16, 255, 256, 257, 600} {
			d := &Device{}
			p, err := d.Alloc(1024)
			require.NoError(t, err)
			require.NoError(t, d.Upload(p+driver.Ptr(off), make([]byte, n), 0))
			one := make([]byte, 1)
			for i := range 1024 {
				err := d.Download(one, p+driver.Ptr(i), 0)
				require.Equal(t, i >= off && i < off+n, err == nil, "offset %d, %d bytes: byte %d", off, n, i)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	prepare := func() (d *Device, k driver.Kernel, x, y driver.Ptr) {
		d = &Device{}
		m, err := d.Load([]byte(header + entry("k", "", "\tld.global.b64 %d3, [%d0];\n\tst.global.b64 [%d1], %d3;\n")))
		require.NoError(t, err)
		k, err = m.Kernel("k")
		require.NoError(t, err)
		x, err = d.Alloc(8)
		require.NoError(t, err)
		y, err = d.Alloc(8)
		require.NoError(t, err)
		return d, k, x, y
	}
	race := func(err error) {
		t.Helper()
		var f *Fault
		require.ErrorAs(t, err, &f)
		require.Equal(t, StreamRace, f.Kind, "%v", err)
	}
	eight := make([]byte, 8)

	d, k, x, y := prepare() // one stream is in order
	require.NoError(t, d.Upload(x, eight, 1))
	require.NoError(t, k.Launch(1, 1, 1, uint64(x), uint64(y), 0))
	require.NoError(t, d.Download(eight, y, 1))

	d, k, x, y = prepare() // a launch on another one than the upload
	require.NoError(t, d.Upload(x, eight, 1))
	race(k.Launch(1, 1, 2, uint64(x), uint64(y), 0))

	d, k, x, y = prepare() // ... with the upload waited for
	require.NoError(t, d.Upload(x, eight, 1))
	require.NoError(t, d.Sync(1))
	require.NoError(t, k.Launch(1, 1, 2, uint64(x), uint64(y), 0))
	race(d.Download(eight, y, 1))
	race(d.Upload(x, eight, 1)) // the launch may still read
	require.NoError(t, d.Download(eight, y, 2))
	require.NoError(t, d.Download(eight, y, 1)) // the download before has waited
	require.NoError(t, d.Upload(x, eight, 1))
}

func TestModule(t *testing.T) {
	d := &Device{}
	m, err := d.Load([]byte(sum))
	require.NoError(t, err)
	require.Equal(t, []string{"sum"}, m.(*loaded).Kernels())
	_, err = m.Kernel("product")
	require.ErrorIs(t, err, code(notFound))
	k, err := m.Kernel("sum")
	require.NoError(t, err)
	require.ErrorIs(t, k.Launch(0, 32, 0, 1, 2, 3), code(invalidValue))
	require.ErrorIs(t, k.Launch(1, 0, 0, 1, 2, 3), code(invalidValue))
	require.ErrorIs(t, k.Launch(1, 1025, 0, 1, 2, 3), code(invalidValue))
	require.ErrorIs(t, k.Launch(1, 32, 0, 1, 2), code(invalidValue))
	require.ErrorIs(t, k.Launch(1<<23, 32, 0, 1, 2, 3), code(outOfResources))
	require.Equal(t, []string{"1 modules"}, d.Leaks())
	require.NoError(t, m.Unload())
	require.ErrorIs(t, m.Unload(), code(invalidHandle))
	_, err = m.Kernel("sum")
	require.ErrorIs(t, err, code(invalidHandle))
	require.NoError(t, d.Close())
	_, err = d.Alloc(1)
	require.ErrorIs(t, err, code(deinitialized))

	d = &Device{}
	bounded := header + "\n.visible .entry k(.param .u64 p)\n.maxntid 64, 1, 1\n.minnctapersm 2\n{\n\t.shared .align 4 .b8 s[49153];\n\tret;\n}\n.visible .entry n(.param .u32 p)\n{\n\tret;\n}\n"
	m, err = d.Load([]byte(bounded))
	require.NoError(t, err)
	k, err = m.Kernel("k")
	require.NoError(t, err)
	require.ErrorContains(t, k.Launch(1, 65, 0, 1), "65 threads, at most 64")
	require.ErrorIs(t, k.Launch(1, 64, 0, 1), code(outOfResources))
	k, err = m.Kernel("n")
	require.NoError(t, err)
	require.ErrorContains(t, k.Launch(1, 64, 0, 1), "4 bytes wide")
}

func TestInjectedFailures(t *testing.T) {
	d := &Device{Fail: OutOfMemory(2)}
	p, err := d.Alloc(8)
	require.NoError(t, err)
	_, err = d.Alloc(8)
	require.ErrorIs(t, err, driver.OutOfMemory)
	_, err = d.Alloc(8) // memory is short once; the device goes on
	require.NoError(t, err)
	require.NoError(t, d.Free(p))

	d = &Device{Fail: Lost("cuLaunchKernel", 2)}
	m, err := d.Load([]byte(header + entry("k", "", "")))
	require.NoError(t, err)
	k, err := m.Kernel("k")
	require.NoError(t, err)
	p, err = d.Alloc(8)
	require.NoError(t, err)
	require.NoError(t, k.Launch(1, 1, 0, 0, 0, 0))
	lost := code(launchFailed)
	require.ErrorIs(t, k.Launch(1, 1, 0, 0, 0, 0), lost)
	require.ErrorIs(t, k.Launch(1, 1, 0, 0, 0, 0), lost)
	require.ErrorIs(t, d.Sync(0), lost)
	_, err = d.Alloc(8)
	require.ErrorIs(t, err, lost)
	require.ErrorIs(t, d.Download(make([]byte, 8), p, 0), lost)
	require.Len(t, d.Leaks(), 2)
	require.ErrorIs(t, d.Free(p), lost)
	require.ErrorIs(t, m.Unload(), lost)
	require.Empty(t, d.Leaks()) // tried, which is all that one can

	for n := 1; n <= 3; n++ {
		d = &Device{Fail: Any(n, 999)}
		var errs []error
		for range 3 {
			_, err := d.Alloc(8)
			errs = append(errs, err)
		}
		require.ErrorIs(t, errors.Join(errs...), code(999))
		require.Nil(t, errs[n%3])
		require.EqualError(t, errs[n-1], "cuMemAlloc: CUresult 999 (999)")
	}
}

// Goroutines may share a device.
func TestConcurrentUse(t *testing.T) {
	d := &Device{}
	m, err := d.Load([]byte(sum))
	require.NoError(t, err)
	k, err := m.Kernel("sum")
	require.NoError(t, err)
	var g gosync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		g.Go(func() {
			x, e1 := d.Alloc(4 * 64)
			y, e2 := d.Alloc(4)
			s := driver.Stream(i)
			errs[i] = errors.Join(e1, e2, d.Fill(x, 0, 4*64, s), k.Launch(1, 64, s, uint64(x), uint64(y), 64), d.Download(make([]byte, 4), y, s), d.Free(x), d.Free(y))
		})
	}
	g.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Positive(t, d.Instructions())
	require.Equal(t, "ptx", d.Info().Implementation)
}

// Text of any kind is loaded or refused with a typed error.
func FuzzLoad(f *testing.F) {
	f.Add(sum)
	f.Add(header + entry("k", "", "\tadd.s32 %r2, %r0, 1;\n"))
	for _, s := range snippets {
		f.Add(header + entry("k", s.declarations, s.body))
	}
	files, _ := filepath.Glob("../kernels/*.ptx")
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) < 1<<16 {
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		d := &Device{Steps: 1 << 12, Memory: 1 << 16}
		m, err := d.Load([]byte(src))
		if err != nil {
			var e *driver.Error
			require.ErrorAs(t, err, &e)
			return
		}
		if _, err := Mutations([]byte(src)); err != nil {
			t.Fatal(err)
		}
		p, err := d.Alloc(256)
		require.NoError(t, err)
		for _, name := range m.(*loaded).Kernels() {
			k, err := m.Kernel(name)
			if err != nil {
				break // the kernel before has lost the device
			}
			_ = k.Launch(1, 33, 0, uint64(p), uint64(p), uint64(p))
		}
	})
}

// Instructions with a token lost, doubled or taken from another one, too.
func TestMangled(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	pool := regexp.MustCompile(`[%$]?[\w:]+|[^\w\s]`)
	var sources []string
	for _, s := range snippets {
		sources = append(sources, s.declarations+s.body)
	}
	for _, f := range mangleForms {
		sources = append(sources, "\t"+f+";\n")
	}
	tokens := pool.FindAllString(strings.Join(sources, ""), -1)
	loads := 0
	for range 4000 {
		s := sources[r.IntN(len(sources))]
		for range 1 + r.IntN(2) {
			at := pool.FindAllStringIndex(s, -1)
			i := at[r.IntN(len(at))]
			with := ""
			switch r.IntN(3) {
			case 0:
				with = s[i[0]:i[1]] + s[i[0]:i[1]]
			case 1:
				with = tokens[r.IntN(len(tokens))]
			}
			s = s[:i[0]] + with + s[i[1]:]
		}
		d := &Device{Steps: 1 << 12}
		err := launchSnippet(d, snippet{declarations: "\t.shared .align 4 .b8 s[512];\n\t.local .align 8 .b8 l[16];\n", body: s, block: 33})
		if err == nil {
			loads++
			continue
		}
		var e *driver.Error
		require.ErrorAs(t, err, &e)
	}
	require.Greater(t, loads, 50)
}

var mangleForms = []string{
	"mov.b64 {%r20, %r21}, %d0", "lop3.b32 %r2, %r0, %r0, %r1, 0xCA", "shf.l.wrap.b32 %r2, %r0, %r1, 3", "bfi.b32 %r2, %r0, %r0, 3, 4",
	"prmt.b32 %r2, %r0, %r0, 0x123U", "cvt.rn.f32.s64 %r2, %d0", "cvt.rzi.s32.f64 %r2, %d0", "cvt.rn.bf16x2.f32 %r2, %r0, %r0", "fma.rn.ftz.sat.f32 %r2, %r0, %r0, %r0",
	"setp.lt.and.f32 %p1|%p2, %r0, %r1, !%p3", "selp.f64 %d3, %d0, %d1, %p0", "atom.global.cas.b32 %r2, [%d0], %r0, %r1", "red.global.add.f64 [%d0], %d1",
	"ex2.approx.ftz.f32 %r2, %r0", "sqrt.rn.f64 %d3, %d0", "max.NaN.f32 %r2, %r0, %r1", "add.rn.bf16x2 %r2, %r0, %r1", "slct.b64.s32 %d3, %d0, %d1, %r0",
	"match.all.sync.b32 %r2|%p1, %r0, -1", "redux.sync.add.s32 %r2, %r0, -1", "vote.sync.ballot.b32 %r2, %p1, -1", "bar.red.popc.u32 %r2, 0, %p1",
	"add.cc.u32 %r2, %r0, %r1", "madc.hi.u32 %r2, %r0, %r0, %r0", "testp.finite.f32 %p1, %r0", "ld.global.nc.v4.f32 {%r2, %r3, %r4, %r5}, [%d0]", "dp4a.u32.s32 %r2, %r0, %r0, %r0",
	"bfe.s64 %d3, %d0, 3, 4", "copysign.f32 %r2, %r0, %r1", "set.lt.u32.f32 %r2, %r0, %r1", "mul.wide.u16 %r2, %h0, %h1", "isspacep.shared %p1, %d0", "prefetch.global.L2 [%d0]",
}
