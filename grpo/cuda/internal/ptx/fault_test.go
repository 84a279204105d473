package ptx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// snippet is a kernel's body that holds one bug, or none. %r0 is the thread, %r1 the
// block; %d0 and %d1 are two buffers of 1024 bytes, zeroed; %d2 is a buffer of 64
// bytes that nothing has written.
type snippet struct {
	name          string
	declarations  string
	body          string
	blocks, block int
	kind          Kind   // 0: the snippet is right
	says          string // in the message
}

const sharedWords = "\t.shared .align 4 .b8 s[512];\n"

// store4 writes %r0 to word %r0 of shared memory.
const (
	sharedSetup = "\tmov.b64 %d10, s;\n\tmul.wide.u32 %d11, %r0, 4;\n\tadd.s64 %d11, %d10, %d11;\n"
	sharedStore = sharedSetup + "\tst.shared.b32 [%d11], %r0;\n"
	// neighbour is the address of the next thread's word, of 64
	neighbour = "\tadd.s32 %r5, %r0, 1;\n\tand.b32 %r5, %r5, 63;\n\tmul.wide.u32 %d12, %r5, 4;\n\tadd.s64 %d12, %d10, %d12;\n"
	own       = "\tmul.wide.u32 %d3, %r0, 4;\n\tadd.s64 %d3, %d3, %d0;\n"
	first     = "\tsetp.eq.u32 %p1, %r0, 0;\n\tsetp.ne.u32 %p2, %r0, 0;\n"
)

var snippets = []snippet{
	{name: "own words", body: own + "\tst.global.b32 [%d3], %r0;\n\tld.global.b32 %r3, [%d3];\n", blocks: 1, block: 64},

	// addresses
	{name: "past the end", body: "\tld.global.b32 %r3, [%d0+1024];\n", kind: OutOfBounds, says: "0 bytes past the end"},
	{name: "across the end", body: "\tld.global.b64 %d3, [%d0+1020];\n", kind: OutOfBounds},
	{name: "before the start", body: "\tld.global.b32 %r3, [%d0+-4];\n", kind: OutOfBounds},
	{name: "null", body: "\tmov.b64 %d3, 0;\n\tld.global.b32 %r3, [%d3];\n", kind: OutOfBounds},
	{name: "vector across the end", body: "\tld.global.v4.b32 {%r3, %r4, %r5, %r6}, [%d0+1016];\n", kind: OutOfBounds},
	{name: "store past the end", body: "\tst.global.b8 [%d0+1024], %r0;\n", kind: OutOfBounds},
	{name: "misaligned word", body: "\tld.global.b32 %r3, [%d0+2];\n", kind: Misaligned},
	{name: "misaligned vector", body: "\tst.global.v4.b32 [%d0+8], {%r0, %r0, %r0, %r0};\n", kind: Misaligned},
	{name: "misaligned pair", body: "\tld.global.v2.b32 {%r3, %r4}, [%d0+4];\n", kind: Misaligned},
	{name: "shared past the end", declarations: sharedWords, body: "\tst.shared.b32 [s+512], %r0;\n", kind: OutOfBounds},
	{name: "shared before the start", declarations: sharedWords, body: "\tst.shared.b32 [s+-4], %r0;\n", kind: OutOfBounds},
	{name: "shared null", declarations: sharedWords, body: "\tmov.b64 %d3, 0;\n\tst.shared.b32 [%d3], %r0;\n", kind: OutOfBounds},
	{name: "shared misaligned", declarations: sharedWords, body: "\tst.shared.b32 [s+6], %r0;\n", kind: Misaligned},
	{name: "local past the end", declarations: "\t.local .align 8 .b8 l[16];\n", body: "\tst.local.b64 [l+16], %d0;\n", kind: OutOfBounds},
	{name: "local misaligned", declarations: "\t.local .align 8 .b8 l[16];\n", body: "\tst.local.b64 [l+4], %d0;\n", kind: Misaligned},
	{name: "one thread of many", body: own + "\tadd.s64 %d3, %d3, 900;\n\tst.global.b32 [%d3], %r0;\n", block: 32, kind: OutOfBounds, says: "thread 31"},

	// junk
	{name: "register", body: "\tadd.s32 %r3, %r4, 1;\n", kind: Uninitialised, says: "%r4"},
	{name: "register on one path", body: first + "\t@%p1 bra $a;\n\tmov.b32 %r4, 1;\n$a:\n\tadd.s32 %r3, %r4, 1;\n", block: 32, kind: Uninitialised, says: "%r4"},
	{name: "register by predicate", body: first + "\t@%p1 mov.b32 %r4, 1;\n\tadd.s32 %r3, %r4, 1;\n", block: 32, kind: Uninitialised, says: "thread 1"},
	{name: "both predicates", body: first + "\t@%p1 mov.b32 %r4, 1;\n\t@!%p1 mov.b32 %r4, 2;\n\tadd.s32 %r3, %r4, 1;\n", block: 32},
	{name: "junk moved and unused", body: "\tmov.b32 %r3, %r4;\n\tmov.b32 %r5, %r3;\n"},
	{name: "junk moved and used", body: "\tmov.b32 %r3, %r4;\n\tmov.b32 %r5, %r3;\n\tadd.s32 %r6, %r5, 1;\n", kind: Uninitialised, says: "%r5"},
	{name: "junk moved over a written one", body: "\tmov.b32 %r3, 1;\n\tmov.b32 %r3, %r4;\n\tadd.s32 %r5, %r3, 1;\n", kind: Uninitialised, says: "%r3"},
	{name: "junk, then a number", body: "\tmov.b32 %r3, %r4;\n\tmov.b32 %r3, 1;\n\tadd.s32 %r5, %r3, 1;\n"},
	{name: "predicate", body: "\t@%p5 mov.b32 %r4, 1;\n", kind: Uninitialised, says: "%p5"},
	{name: "branch on junk", body: "\t@%p5 bra $a;\n$a:\n", kind: Uninitialised, says: "%p5"},
	{name: "stored junk", body: "\tst.global.b32 [%d0], %r9;\n", kind: Uninitialised},
	{name: "shuffled junk", body: "\tshfl.sync.bfly.b32 %r3, %r4, 1, 31, -1;\n", block: 32, kind: Uninitialised},
	{name: "shared never written", declarations: sharedWords, body: "\tld.shared.b32 %r3, [s+4];\n", kind: Uninitialised, says: "byte 4 of shared"},
	{name: "shared of an earlier block", declarations: sharedWords, body: "\tsetp.eq.u32 %p1, %r1, 0;\n\t@%p1 st.shared.b32 [s], %r0;\n\tld.shared.b32 %r3, [s];\n", blocks: 2, kind: Uninitialised, says: "block 1"},
	{name: "shared partly written", declarations: sharedWords, body: "\tst.shared.b16 [s], %r0;\n\tld.shared.b32 %r3, [s];\n", kind: Uninitialised},
	{name: "global never written", body: "\tld.global.b32 %r3, [%d2];\n", kind: Uninitialised},
	{name: "global written, then read", body: "\tst.global.b32 [%d2], 1;\n\tld.global.b32 %r3, [%d2];\n"},
	{name: "global partly written", body: "\tst.global.b32 [%d2], 1;\n\tld.global.b64 %d3, [%d2];\n", kind: Uninitialised},
	{name: "local never written", declarations: "\t.local .align 8 .b8 l[16];\n", body: "\tld.local.b64 %d3, [l+8];\n", kind: Uninitialised},

	// shared memory
	{name: "barrier between", declarations: sharedWords, body: sharedStore + "\tbar.sync 0;\n" + neighbour + "\tld.shared.b32 %r3, [%d12];\n", block: 64},
	{name: "no barrier between", declarations: sharedWords, body: sharedStore + neighbour + "\tld.shared.b32 %r3, [%d12];\n", block: 64, kind: SharedRace},
	{name: "no barrier after the read", declarations: sharedWords, body: sharedStore + "\tbar.sync 0;\n" + neighbour + "\tld.shared.b32 %r3, [%d12];\n\tst.shared.b32 [%d11], %r3;\n", block: 64, kind: SharedRace},
	{name: "barrier after the read", declarations: sharedWords, body: sharedStore + "\tbar.sync 0;\n" + neighbour + "\tld.shared.b32 %r3, [%d12];\n\tbar.sync 0;\n\tst.shared.b32 [%d11], %r3;\n", block: 64},
	{name: "all write one word", declarations: sharedWords, body: "\tst.shared.b32 [s], 1;\n", block: 2, kind: SharedRace, says: "after a write"},
	{name: "halves of a word", declarations: sharedWords, body: "\tmul.wide.u32 %d3, %r0, 2;\n\tmov.b64 %d4, s;\n\tadd.s64 %d3, %d3, %d4;\n\tst.shared.b16 [%d3], %r0;\n\tld.shared.b16 %h1, [%d3];\n", block: 64},
	{name: "a byte of another's word", declarations: sharedWords, body: sharedStore + first + "\t@%p1 st.shared.b8 [s+7], %r0;\n", block: 2, kind: SharedRace},
	{name: "read by two, by one, then written", declarations: sharedWords, body: first + "\t@%p1 st.shared.b32 [s], 1;\n\tbar.sync 0;\n\tld.shared.b32 %r3, [s];\n\tbar.sync 0;\n\t@%p1 ld.shared.b32 %r3, [s];\n\tbar.sync 0;\n\t@%p2 ld.shared.b32 %r3, [s];\n\tbar.sync 0;\n\t@%p1 st.shared.b32 [s], 2;\n", block: 3},
	{name: "read by one of many after a barrier, and written", declarations: sharedWords, body: first + "\t@%p1 st.shared.b32 [s], 1;\n\tbar.sync 0;\n\tld.shared.b32 %r3, [s];\n\tbar.sync 0;\n\t@%p2 ld.shared.b32 %r3, [s];\n\t@%p1 st.shared.b32 [s], 2;\n", block: 3, kind: SharedRace},
	{name: "warp barrier within a warp", declarations: sharedWords, body: sharedStore + "\tbar.warp.sync -1;\n\txor.b32 %r5, %r0, 1;\n\tmul.wide.u32 %d12, %r5, 4;\n\tadd.s64 %d12, %d10, %d12;\n\tld.shared.b32 %r3, [%d12];\n", block: 64},
	{name: "warp barrier across warps", declarations: sharedWords, body: sharedStore + "\tbar.warp.sync -1;\n\txor.b32 %r5, %r0, 32;\n\tmul.wide.u32 %d12, %r5, 4;\n\tadd.s64 %d12, %d10, %d12;\n\tld.shared.b32 %r3, [%d12];\n", block: 64, kind: SharedRace},
	{name: "a shuffle is no barrier", declarations: sharedWords, body: sharedStore + "\tshfl.sync.bfly.b32 %r4, %r0, 1, 31, -1;\n\txor.b32 %r5, %r0, 1;\n\tmul.wide.u32 %d12, %r5, 4;\n\tadd.s64 %d12, %d10, %d12;\n\tld.shared.b32 %r3, [%d12];\n", block: 64, kind: SharedRace},
	{name: "shared atomics", declarations: sharedWords, body: first + "\t@%p1 st.shared.b32 [s], 0;\n\tbar.sync 0;\n\tatom.shared.add.u32 %r3, [s], 1;\n\tbar.sync 0;\n\tld.shared.b32 %r4, [s];\n", block: 64},
	{name: "read beside atomics", declarations: sharedWords, body: first + "\t@%p1 st.shared.b32 [s], 0;\n\tbar.sync 0;\n\tatom.shared.add.u32 %r3, [s], 1;\n\tld.shared.b32 %r4, [s];\n", block: 64, kind: SharedRace},
	{name: "through a generic address", declarations: sharedWords, body: "\tmov.b64 %d3, s;\n\tcvta.shared.u64 %d3, %d3;\n\tst.b32 [%d3], 1;\n", block: 2, kind: SharedRace},

	// global memory
	{name: "threads of a block", body: "\tst.global.b32 [%d0], %r0;\n", block: 2, kind: GlobalRace},
	{name: "threads with a barrier", body: first + "\t@%p1 st.global.b32 [%d0], 1;\n\tbar.sync 0;\n\tld.global.b32 %r3, [%d0];\n", block: 64},
	{name: "threads without one", body: first + "\t@%p1 st.global.b32 [%d0], 1;\n\tld.global.b32 %r3, [%d0];\n", block: 64, kind: GlobalRace, says: "read after a write by block 0 thread 0 at line"},
	{name: "blocks write", body: first + "\t@%p1 st.global.b32 [%d0], 1;\n", blocks: 2, kind: GlobalRace, says: "block"},
	{name: "a block reads what another writes", body: "\tsetp.eq.u32 %p1, %r1, 0;\n\t@%p1 st.global.b32 [%d0], 1;\n\t@!%p1 ld.global.b32 %r3, [%d0];\n", blocks: 2, kind: GlobalRace},
	{name: "a block writes what another reads", body: "\tsetp.eq.u32 %p1, %r1, 0;\n\t@!%p1 st.global.b32 [%d0], 1;\n\t@%p1 ld.global.b32 %r3, [%d0];\n", blocks: 2, kind: GlobalRace},
	{name: "a barrier does not order blocks", body: "\tsetp.eq.u32 %p1, %r1, 0;\n\t@%p1 st.global.b32 [%d0], 1;\n\tbar.sync 0;\n\t@!%p1 ld.global.b32 %r3, [%d0];\n", blocks: 2, kind: GlobalRace},
	{name: "all read", body: "\tld.global.b32 %r3, [%d0];\n", blocks: 3, block: 64},
	{name: "many read, one writes", body: "\tld.global.b32 %r3, [%d0];\n\tsetp.eq.u32 %p1, %r0, 7;\n\t@%p1 st.global.b32 [%d0], 1;\n", block: 64, kind: GlobalRace},
	{name: "atomics of all", body: "\tatom.global.add.u32 %r3, [%d0], 1;\n\tred.global.max.u32 [%d0+4], %r0;\n", blocks: 3, block: 64},
	{name: "a store beside atomics", body: first + "\tatom.global.add.u32 %r3, [%d0], 1;\n\t@%p1 st.global.b32 [%d0], 0;\n", block: 64, kind: GlobalRace},
	{name: "atomics, then the last one reads", body: "\tatom.global.add.u32 %r3, [%d0], 1;\n\tsetp.eq.u32 %p1, %r3, 63;\n\t@%p1 ld.global.b32 %r4, [%d0];\n", block: 64, kind: GlobalRace},
	{name: "neighbours' bytes", body: "\tcvt.u64.u32 %d3, %r0;\n\tadd.s64 %d3, %d3, %d0;\n\tst.global.b8 [%d3], %r0;\n", block: 64},
	{name: "nc of own writes", body: own + "\tst.global.b32 [%d3], 1;\n\tld.global.nc.b32 %r3, [%d3];\n", kind: NonCoherent},
	{name: "nc, then a write", body: own + "\tld.global.nc.b32 %r3, [%d3];\n\tst.global.b32 [%d3], 1;\n", kind: NonCoherent},
	{name: "nc alone", body: own + "\tld.global.nc.v2.b32 {%r3, %r4}, [%d0];\n", block: 8},

	// the last block: fence, atomic, fence, or it is a race
	{name: "last block", declarations: sharedWords, body: lastBlock("membar.gl;", "membar.gl;"), blocks: 4, block: 64},
	{name: "last block, newer fences", declarations: sharedWords, body: lastBlock("fence.acq_rel.gpu;", "fence.sc.gpu;"), blocks: 4, block: 64},
	{name: "last block, no first fence", declarations: sharedWords, body: lastBlock("", "membar.gl;"), blocks: 4, block: 64, kind: GlobalRace},
	{name: "last block, no second fence", declarations: sharedWords, body: lastBlock("membar.gl;", ""), blocks: 4, block: 64, kind: GlobalRace},
	{name: "last block, fence of the block only", declarations: sharedWords, body: lastBlock("membar.cta;", "membar.gl;"), blocks: 4, block: 64, kind: GlobalRace},

	{name: "a flag of one block", body: "\tsetp.eq.u32 %p1, %r1, 0;\n\t@%p1 bra $w;\n\tatom.global.add.u32 %r3, [%d0], 0;\n\tmembar.gl;\n\tsetp.ne.u32 %p3, %r3, 1;\n\t@%p3 bra $end;\n\tld.global.b32 %r4, [%d1];\n\tbra $end;\n$w:\n\tst.global.b32 [%d1], 7;\n\tmembar.gl;\n\tatom.global.exch.b32 %r3, [%d0], 1;\n$end:\n", blocks: 2},
	{name: "a flag by release and acquire", body: "\tsetp.eq.u32 %p1, %r1, 0;\n\t@%p1 bra $w;\n\tatom.acquire.gpu.global.add.u32 %r3, [%d0], 0;\n\tsetp.ne.u32 %p3, %r3, 1;\n\t@%p3 bra $end;\n\tld.global.b32 %r4, [%d1];\n\tbra $end;\n$w:\n\tst.global.b32 [%d1], 7;\n\tatom.release.gpu.global.exch.b32 %r3, [%d0], 1;\n$end:\n", blocks: 2},

	// divergence
	{name: "half at a barrier", body: first + "\t@%p1 bra $a;\n\tbar.sync 0;\n$a:\n", block: 64, kind: Divergence, says: "bar.sync"},
	{name: "half ended", body: first + "\t@%p1 ret;\n\tbar.sync 0;\n", block: 64, kind: Divergence, says: "ended"},
	{name: "two barriers", body: first + "\t@%p1 bra $a;\n\tbar.sync 0;\n\tbra $b;\n$a:\n\tbar.sync 0;\n$b:\n", block: 64, kind: Divergence, says: "other threads"},
	{name: "predicated barrier", body: first + "\t@%p1 bar.sync 0;\n", block: 64, kind: Divergence},
	{name: "half at a shuffle", body: first + "\t@%p1 bra $a;\n\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, -1;\n$a:\n\tbar.sync 0;\n", block: 32, kind: Deadlock, says: "they wait at line"},
	{name: "shuffle without its source", body: first + "\t@%p1 ret;\n\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, -1;\n", block: 32, kind: Divergence, says: "lane 0"},
	{name: "lane outside its mask", body: "\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, 2;\n", block: 32, kind: Divergence, says: "own mask"},
	{name: "masks that differ", body: "\tadd.s32 %r4, %r0, -1;\n\tor.b32 %r4, %r4, 3;\n\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, %r4;\n", block: 4, kind: Divergence},
	{name: "two shuffles at once", body: first + "\t@%p1 bra $a;\n\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, -1;\n\tbra $b;\n$a:\n\tshfl.sync.bfly.b32 %r3, %r0, 2, 31, -1;\n$b:\n", block: 32, kind: Divergence},
	{name: "halves of a warp apart", body: "\tsetp.lt.u32 %p1, %r0, 16;\n\t@%p1 bra $a;\n\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, 0xffff0000;\n\tbra $b;\n$a:\n\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, 0xffff;\n$b:\n\tbar.sync 0;\n", block: 32},
	{name: "vote of a part", body: first + "\t@%p1 bra $a;\n\tvote.sync.ballot.b32 %r3, %p1, -1;\n$a:\n\tbar.sync 0;\n", block: 32, kind: Deadlock, says: "they wait at line"},
	{name: "half a warp", body: "\tshfl.sync.bfly.b32 %r3, %r0, 1, 31, -1;\n", block: 16},

	// ends
	{name: "no end", body: "$a:\n\tbra $a;\n", kind: StepLimit},
	{name: "spin on another thread", declarations: sharedWords, body: first + "\t@%p1 st.shared.b32 [s], 0;\n\tbar.sync 0;\n\t@%p1 bra $b;\n$a:\n\tatom.shared.add.u32 %r3, [s], 0;\n\tsetp.eq.u32 %p3, %r3, 0;\n\t@%p3 bra $a;\n\tbra $c;\n$b:\n\tatom.shared.exch.b32 %r3, [s], 1;\n$c:\n\tbar.sync 0;\n", block: 8},
	{name: "spin on what never comes", body: "$a:\n\tatom.global.add.u32 %r3, [%d0], 0;\n\tsetp.eq.u32 %p3, %r3, 0;\n\t@%p3 bra $a;\n", block: 8, kind: StepLimit},
	{name: "trap", body: "\ttrap;\n", kind: Trap},
	{name: "jump table", body: "$t: .branchtargets $a, $b;\n\tmov.b32 %r3, 2;\n\tbrx.idx %r3, $t;\n$a:\n$b:\n", kind: OutOfBounds, says: "target 2 of 2"},
}

// lastBlock writes a word a block, and the last block to come reads them all.
func lastBlock(release, acquire string) string {
	return first + `
	mul.wide.u32 %d3, %r1, 4;
	add.s64 %d3, %d3, %d1;
	setp.eq.u32 %p4, %r0, 40;
	@%p4 st.global.b32 [%d3], %r1;
	bar.sync 0;
	@%p2 bra $wait;
	` + release + `
	atom.global.add.u32 %r3, [%d0], 1;
	` + acquire + `
	st.shared.b32 [s], %r3;
$wait:
	bar.sync 0;
	ld.shared.b32 %r4, [s];
	mov.u32 %r5, %nctaid.x;
	add.s32 %r5, %r5, -1;
	setp.ne.u32 %p3, %r4, %r5;
	@%p3 bra $end;
	setp.ge.u32 %p3, %r0, 4;
	@%p3 bra $end;
	mul.wide.u32 %d4, %r0, 4;
	add.s64 %d4, %d4, %d1;
	ld.global.b32 %r6, [%d4];
	@%p1 st.global.b32 [%d0], 0;
$end:
`
}

// launchSnippet runs a snippet's kernel, named k.
func launchSnippet(d *Device, s snippet) error {
	m, err := d.Load([]byte(header + entry("k", s.declarations, s.body)))
	if err != nil {
		return err
	}
	k, err := m.Kernel("k")
	if err != nil {
		return err
	}
	a, err1 := d.Alloc(1024)
	b, err2 := d.Alloc(1024)
	c, err3 := d.Alloc(64)
	if err := errors.Join(err1, err2, err3, d.Fill(a, 0, 1024, 0), d.Fill(b, 0, 1024, 0)); err != nil {
		return err
	}
	return k.Launch(max(s.blocks, 1), max(s.block, 1), 0, uint64(a), uint64(b), uint64(c))
}

// Each snippet's bug is reported, whatever the order of threads and blocks, with the
// instruction that shows it; the right ones run.
func TestFaults(t *testing.T) {
	for _, s := range snippets {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(8) {
				d := &Device{Seed: seed, Steps: 1 << 18}
				err := launchSnippet(d, s)
				if s.kind == 0 {
					require.NoError(t, err, "seed %d", seed)
					continue
				}
				var f *Fault
				require.ErrorAs(t, err, &f, "seed %d", seed)
				kinds := []Kind{s.kind}
				if s.kind == SharedRace { // the order decides which of two bugs is met first
					kinds = append(kinds, Uninitialised)
				}
				require.Contains(t, kinds, f.Kind, "seed %d: %v", seed, err)
				require.Positive(t, f.Line, "%v", err)
				require.NotEmpty(t, f.Text)
				require.Equal(t, "k", f.Kernel)
				require.GreaterOrEqual(t, f.Block, 0)
				require.GreaterOrEqual(t, f.Thread, 0)
				if seed == 0 {
					require.Contains(t, err.Error(), s.says)
				}
				// as a driver would, the device is lost with the fault's code
				var e *driver.Error
				require.ErrorAs(t, err, &e)
				_, err = d.Alloc(8)
				require.True(t, errors.Is(err, &driver.Error{Code: e.Code}), "%v after %v", err, e)
			}
		})
	}
}

// What is not modelled is an error when the module is loaded, with its line.
func TestUnknown(t *testing.T) {
	for _, body := range []string{
		"\tfrobnicate.b32 %r2, %r0;",
		"\tadd.weird.s32 %r2, %r0, 1;",
		"\tadd.rn.f16x4 %r2, %r0, %r0;",
		"\tcp.async.ca.shared.global [%d0], [%d1], 16;",
		"\tmma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r2}, {%r3}, {%r4}, {%r5};",
		"\tbar.sync 1, 32;",
		"\tbar.arrive 1, 64;",
		"\tbar.sync %r0;",
		"\tbar.sync 16;",
		"\tmov.u32 %r2, %clock;",
		"\tmov.u32 %r99, 1;",
		"\tadd.s32 %r2, %r0;",
		"\tadd.s32 %r2, %r0, %r0, %r0;",
		"\tld.volatile.global.b32 %r2, [%d0];",
		"\tld.global.b32 %r2, [nothing];",
		"\tbra $nowhere;",
		"\tactivemask.b32 %r2;",
		"\tshfl.up.b32 %r2, %r0, 1, 0;",
		"\tcvt.f32.f64 %r2, %d0;",
		"\tdiv.f32 %r2, %r0, %r0;",
		"\tcall.uni somewhere, ();",
		"\tst.param.b64 [p0], %d0;",
		"\tmul.s32 %r2, %r0, %r0;",
		"\t@%p99 mov.b32 %r2, 1;",
	} {
		d := &Device{}
		_, err := d.Load([]byte(header + entry("k", "", body)))
		var f *Fault
		require.ErrorAs(t, err, &f, body)
		require.Equal(t, Unsupported, f.Kind, body)
		require.Equal(t, 17, f.Line, "%s: %v", body, err)
		require.ErrorIs(t, err, &driver.Error{Code: invalidPTX})
	}
}

func TestFaultMessage(t *testing.T) {
	err := launchSnippet(&Device{}, snippet{body: "\tsetp.eq.u32 %p1, %r0, 2;\n\t@%p1 ld.global.b32 %r3, [%d0+2048];\n", block: 3})
	require.EqualError(t, err, fmt.Sprintf(`ptx: out of bounds in k line 18 "@%%p1 ld.global.b32 %%r3, [%%d0+2048]" block 0 thread 2: 4 bytes at address %#x, 1024 bytes past the end of allocation 1 of 1024 bytes`, uint64(globalStart)+2048))
	require.Equal(t, "Kind(99)", Kind(99).String())
	require.Equal(t, "race in global memory", GlobalRace.String())
}

// Every order of threads that a seed gives is one that the seed gives again.
func TestSeeds(t *testing.T) {
	trace := func(seed uint64) []byte {
		d := &Device{Seed: seed}
		m, err := d.Load([]byte(header + entry("k", "", "\tatom.global.add.u32 %r3, [%d1], 1;\n\tmul.wide.u32 %d3, %r3, 4;\n\tadd.s64 %d3, %d3, %d0;\n\tmad.lo.s32 %r4, %r1, 64, %r0;\n\tst.global.b32 [%d3], %r4;\n")))
		require.NoError(t, err)
		k, err := m.Kernel("k")
		require.NoError(t, err)
		x, err := d.Alloc(4 * 64 * 3)
		require.NoError(t, err)
		n, err := d.Alloc(4)
		require.NoError(t, err)
		require.NoError(t, d.Fill(n, 0, 4, 0))
		require.NoError(t, k.Launch(3, 64, 0, uint64(x), uint64(n), 0))
		out := make([]byte, 4*64*3)
		require.NoError(t, d.Download(out, x, 0))
		return out
	}
	natural := trace(0)
	for i := range uint32(192) {
		require.Equal(t, i, binary.LittleEndian.Uint32(natural[4*i:]))
	}
	require.Equal(t, trace(5), trace(5))
	require.NotEqual(t, trace(5), trace(6))
	seen := map[uint32]bool{}
	for i, b := 0, trace(6); i < len(b); i += 4 {
		seen[binary.LittleEndian.Uint32(b[i:])] = true
	}
	require.Len(t, seen, 192)
}
