package ptx

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

// lanewise runs an instruction on a block of n threads whose %r5 is value(thread), and
// returns each thread's %r9 and, as bit 32, %p9.
func lanewise(t *testing.T, n int, text string, value func(i int) uint64) []uint64 {
	t.Helper()
	rows := make([][]uint64, n)
	for i := range rows {
		rows[i] = []uint64{value(i), 0, 0}
	}
	body := `
	mad.wide.u32 %d4, %r0, 24, %d0;
	mad.wide.u32 %d5, %r0, 8, %d1;
	ld.global.b32 %r5, [%d4];
	setp.lt.u32 %p5, %r5, 500;
	mov.b32 %r9, 0;
	setp.ne.u32 %p9, %r0, %r0;
	` + text + `;
	selp.b32 %r10, 1, 0, %p9;
	mov.b64 %d9, {%r9, %r10};
	st.global.b64 [%d5], %d9;
`
	var first []uint64
	for seed := range uint64(4) {
		d := &Device{Seed: seed}
		m, err := d.Load([]byte(header + entry("k", "", body)))
		require.NoError(t, err)
		k, err := m.Kernel("k")
		require.NoError(t, err)
		x, err := d.Alloc(int64(24 * n))
		require.NoError(t, err)
		y, err := d.Alloc(int64(8 * n))
		require.NoError(t, err)
		raw := make([]byte, 24*n)
		for i, row := range rows {
			store(raw[24*i:24*i+8], row[0])
		}
		require.NoError(t, d.Upload(x, raw, 0))
		require.NoError(t, k.Launch(1, n, 0, uint64(x), uint64(y), 0), text)
		back := make([]byte, 8*n)
		require.NoError(t, d.Download(back, y, 0))
		out := make([]uint64, n)
		for i := range out {
			out[i] = fetch(back[8*i : 8*i+8])
		}
		if first == nil {
			first = out
		}
		require.Equal(t, first, out, "seed %d", seed)
	}
	return first
}

// The four shuffles against their description: who reads whom, segment by segment.
func TestShuffles(t *testing.T) {
	for _, width := range []int{32, 16, 8, 4, 2} {
		for _, n := range []int{0, 1, 2, 3, 7, 16, 31} {
			for _, mode := range []string{"up", "down", "bfly", "idx"} {
				clamp := 31
				if mode == "up" {
					clamp = 0
				}
				text := fmt.Sprintf("shfl.sync.%s.b32 %%r9|%%p9, %%r5, %d, %d, -1", mode, n, (32-width)<<8|clamp)
				got := lanewise(t, 64, text, func(i int) uint64 { return uint64(1000 + i) })
				for i, g := range got {
					lane, start := i%32, i%32/width*width
					from := map[string]int{"up": lane - n, "down": lane + n, "bfly": lane ^ n, "idx": start + n%width}[mode]
					inside := from >= start && from < start+width
					if mode == "bfly" { // an earlier segment may be read
						inside = from < start+width
					}
					if !inside {
						from = lane
					}
					want := uint64(1000+i/32*32+from) | truth(inside)<<32
					require.Equal(t, want, g, "%s thread %d", text, i)
				}
			}
		}
	}
}

func TestVotes(t *testing.T) {
	value := func(i int) uint64 { return uint64(i * i * 7 % 1000) }
	var ballot [2]uint32
	for i := range 64 {
		ballot[i/32] |= uint32(truth(value(i) < 500)) << (i % 32)
	}
	check := func(text string, want func(i int) uint64) {
		t.Helper()
		for i, g := range lanewise(t, 64, text, value) {
			require.Equal(t, want(i), g, "%s thread %d", text, i)
		}
	}
	check("vote.sync.ballot.b32 %r9, %p5, -1", func(i int) uint64 { return uint64(ballot[i/32]) })
	check("vote.sync.ballot.b32 %r9, !%p5, -1", func(i int) uint64 { return uint64(^ballot[i/32]) })
	check("vote.sync.any.pred %p9, %p5, -1", func(i int) uint64 { return 1 << 32 })
	check("vote.sync.all.pred %p9, %p5, -1", func(i int) uint64 { return 0 })
	check("setp.ne.u32 %p6, %r5, 5000; vote.sync.all.pred %p9, %p6, -1", func(i int) uint64 { return 1 << 32 })
	check("setp.eq.u32 %p6, %r5, 5000; vote.sync.uni.pred %p9, %p6, -1", func(i int) uint64 { return 1 << 32 })
	check("vote.sync.uni.pred %p9, %p5, -1", func(i int) uint64 { return 0 })
	total := uint64(bits.OnesCount32(ballot[0]) + bits.OnesCount32(ballot[1]))
	check("bar.red.popc.u32 %r9, 0, %p5", func(i int) uint64 { return total })
	check("bar.red.popc.u32 %r9, 0, !%p5", func(i int) uint64 { return 64 - total })
	check("bar.red.or.pred %p9, 0, %p5", func(i int) uint64 { return 1 << 32 })
	check("bar.red.and.pred %p9, 0, %p5", func(i int) uint64 { return 0 })
	check("barrier.sync.aligned 0", func(i int) uint64 { return 0 })
	same := func(i int) (m uint64) {
		for j := i / 32 * 32; j < i/32*32+32; j++ {
			m |= truth(value(j)&3 == value(i)&3) << (j % 32)
		}
		return m
	}
	check("and.b32 %r6, %r5, 3; match.any.sync.b32 %r9, %r6, -1", same)
	check("and.b32 %r9, %r5, 3; match.any.sync.b32 %r9, %r9, -1", same)
	check("and.b32 %r6, %r5, 3; match.all.sync.b32 %r9|%p9, %r6, -1", func(i int) uint64 { return 0 })
	check("mov.b64 %d9, {%r5, %r5}; sub.s64 %d9, %d9, %d9; match.all.sync.b64 %r9|%p9, %d9, -1", func(i int) uint64 { return 0x1ffffffff })
	reduce := func(f func(a, b uint32) uint32) func(i int) uint64 {
		return func(i int) uint64 {
			v := uint32(value(i / 32 * 32))
			for j := 1; j < 32; j++ {
				v = f(v, uint32(value(i/32*32+j)))
			}
			return uint64(v)
		}
	}
	check("redux.sync.add.u32 %r9, %r5, -1", reduce(func(a, b uint32) uint32 { return a + b }))
	check("redux.sync.min.u32 %r9, %r5, -1", reduce(func(a, b uint32) uint32 { return min(a, b) }))
	check("redux.sync.max.s32 %r9, %r5, -1", reduce(func(a, b uint32) uint32 { return max(a, b) }))
	check("redux.sync.and.b32 %r9, %r5, -1", reduce(func(a, b uint32) uint32 { return a & b }))
	check("redux.sync.xor.b32 %r9, %r5, -1", reduce(func(a, b uint32) uint32 { return a ^ b }))
}

func TestSpecialRegisters(t *testing.T) {
	zero := func(int) uint64 { return 0 }
	for name, want := range map[string]func(i int) uint64{
		"%tid.x": func(i int) uint64 { return uint64(i) }, "%ntid.x": func(int) uint64 { return 40 }, "%tid.y": zero, "%ctaid.x": zero,
		"%ntid.z": func(int) uint64 { return 1 }, "%nctaid.x": func(int) uint64 { return 1 }, "%laneid": func(i int) uint64 { return uint64(i % 32) },
		"%warpid": func(i int) uint64 { return uint64(i / 32) }, "%nwarpid": func(int) uint64 { return 2 },
		"%lanemask_eq": func(i int) uint64 { return 1 << (i % 32) }, "%lanemask_lt": func(i int) uint64 { return 1<<(i%32) - 1 },
		"%lanemask_le": func(i int) uint64 { return 2<<(i%32) - 1 }, "%lanemask_gt": func(i int) uint64 { return 0xffffffff &^ (2<<(i%32) - 1) },
		"%lanemask_ge": func(i int) uint64 { return 0xffffffff &^ (1<<(i%32) - 1) },
	} {
		for i, g := range lanewise(t, 40, "mov.u32 %r9, "+name, zero) {
			require.Equal(t, want(i), g, "%s thread %d", name, i)
		}
	}
}
