package ptx

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// sum is the sum of n float32 over a block: two shuffles, shared memory, a barrier.
const sum = `
.version 7.0
.target sm_80
.address_size 64
.visible .entry sum(.param .u64 x, .param .u64 y, .param .u64 n)
{
	.reg .pred %p<8>;
	.reg .b32 %r<24>;
	.reg .b64 %rd<16>;
	.shared .align 4 .b8 part[128];
	ld.param.b64 %rd1, [x];
	ld.param.b64 %rd2, [y];
	ld.param.b64 %rd3, [n];
	mov.u32 %r1, %tid.x;
	mov.u32 %r2, %ntid.x;
	cvt.u64.u32 %rd4, %r1;
	cvt.u64.u32 %rd5, %r2;
	mov.b32 %r3, 0f00000000;
	setp.ge.s64 %p1, %rd4, %rd3;
	@%p1 bra $done;
$loop:
	shl.b64 %rd6, %rd4, 2;
	add.s64 %rd6, %rd6, %rd1;
	ld.global.b32 %r4, [%rd6];
	add.rn.f32 %r3, %r3, %r4;
	add.s64 %rd4, %rd4, %rd5;
	setp.lt.s64 %p2, %rd4, %rd3;
	@%p2 bra $loop;
$done:
	shfl.sync.bfly.b32 %r5, %r3, 16, 31, -1;
	add.rn.f32 %r3, %r3, %r5;
	shfl.sync.bfly.b32 %r5, %r3, 8, 31, -1;
	add.rn.f32 %r3, %r3, %r5;
	shfl.sync.bfly.b32 %r5, %r3, 4, 31, -1;
	add.rn.f32 %r3, %r3, %r5;
	shfl.sync.bfly.b32 %r5, %r3, 2, 31, -1;
	add.rn.f32 %r3, %r3, %r5;
	shfl.sync.bfly.b32 %r5, %r3, 1, 31, -1;
	add.rn.f32 %r3, %r3, %r5;
	mov.b64 %rd7, part;
	and.b32 %r6, %r1, 31;
	shr.u32 %r7, %r1, 5;
	mul.wide.u32 %rd8, %r7, 4;
	add.s64 %rd8, %rd8, %rd7;
	setp.ne.u32 %p3, %r6, 0;
	@!%p3 st.shared.b32 [%rd8], %r3;
	bar.sync 0;
	setp.ne.u32 %p4, %r1, 0;
	@%p4 bra $end;
	mov.b32 %r8, 0f00000000;
	mov.b32 %r9, 0;
	shr.u32 %r10, %r2, 5;
$more:
	ld.shared.b32 %r11, [%rd7];
	add.rn.f32 %r8, %r8, %r11;
	add.s64 %rd7, %rd7, 4;
	add.s32 %r9, %r9, 1;
	setp.lt.u32 %p5, %r9, %r10;
	@%p5 bra $more;
	mov.u32 %r12, %ctaid.x;
	mul.wide.u32 %rd9, %r12, 4;
	add.s64 %rd9, %rd9, %rd2;
	st.global.b32 [%rd9], %r8;
$end:
	ret;
}
`

// launchSum runs sum over 0, 1, ..., n-1, for 3 blocks of 128 threads.
func launchSum(t *testing.T, d *Device, src []byte, n int) ([]float32, error) {
	m, err := d.Load(src)
	require.NoError(t, err)
	k, err := m.Kernel("sum")
	require.NoError(t, err)
	in := make([]byte, 4*n)
	for i := range n {
		binary.LittleEndian.PutUint32(in[4*i:], math.Float32bits(float32(i)))
	}
	x, err := d.Alloc(int64(len(in)))
	require.NoError(t, err)
	y, err := d.Alloc(12)
	require.NoError(t, err)
	require.NoError(t, d.Upload(x, in, 0))
	if err := k.Launch(3, 128, 0, uint64(x), uint64(y), uint64(n)); err != nil {
		return nil, err
	}
	out := make([]byte, 12)
	require.NoError(t, d.Download(out, y, 0))
	list := make([]float32, 3)
	for i := range list {
		list[i] = math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
	}
	require.NoError(t, d.Free(x))
	require.NoError(t, d.Free(y))
	require.NoError(t, m.Unload())
	require.Empty(t, d.Leaks())
	return list, nil
}

func TestSum(t *testing.T) {
	for seed := range uint64(5) {
		got, err := launchSum(t, &Device{Seed: seed}, []byte(sum), 1000)
		require.NoError(t, err)
		require.Equal(t, []float32{499500, 499500, 499500}, got)
	}
}

// Every barrier, guard, branch and shuffle of sum is needed: without it the launch
// faults or the result is wrong.
func TestSumMutations(t *testing.T) {
	list, err := Mutations([]byte(sum))
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, mu := range list {
		kinds[mu.Kind]++
		caught := 0
		for _, n := range []int{100, 200} {
			got, err := launchSum(t, &Device{Seed: 1, Steps: 1 << 20}, mu.Source, n)
			if err != nil {
				var f *Fault
				require.ErrorAs(t, err, &f, mu.Name)
				caught++
			} else if want := float32(n * (n - 1) / 2); got[0] != want || got[2] != want {
				require.NotEqual(t, "barrier", mu.Kind, mu.Name)
				caught++
			}
		}
		require.NotZero(t, caught, mu.Name)
	}
	require.Equal(t, map[string]int{"barrier": 1, "guard": 1, "branch": 4, "shuffle": 5}, kinds)
}

func BenchmarkSum(b *testing.B) {
	d := &Device{}
	m, err := d.Load([]byte(sum))
	require.NoError(b, err)
	k, err := m.Kernel("sum")
	require.NoError(b, err)
	const n = 1 << 16
	x, _ := d.Alloc(4 * n)
	y, _ := d.Alloc(12)
	require.NoError(b, d.Fill(x, 0, 4*n, 0))
	for b.Loop() {
		require.NoError(b, k.Launch(3, 512, driver.Stream(0), uint64(x), uint64(y), n))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(d.Instructions()), "ns/instruction")
}
