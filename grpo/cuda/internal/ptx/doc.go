// Package ptx runs PTX on the CPU, in pure Go, for tests on machines without a GPU:
// the same committed text that a driver would compile runs instruction by
// instruction, and what a GPU lets pass in silence is an error that names the line,
// the block and the thread.
//
// A [Device] is a driver.Driver. It reports
//
//   - accesses out of bounds, misaligned, of freed or of never written memory,
//   - races in shared and in global memory: between threads without a barrier,
//     between blocks, between streams that nothing has ordered,
//   - barriers and shuffles that not every thread reaches, and deadlocks,
//   - reads of registers that no path has written (registers start as junk),
//   - instructions that it does not know, never ignoring one,
//   - leaks, double frees and calls after a failure.
//
// # Arithmetic
//
// What PTX defines to the bit is computed to the bit: IEEE-754 in every rounding
// mode, .ftz and .sat, canonical NaNs (0x7fffffff in float32), conversions that clamp.
// The .approx instructions are defined by an error bound alone. They give the true
// value moved by a pseudo-random part of that bound, so that nothing can come to
// lean on bits that another chip need not have.
//
// # Threads
//
// Each thread runs by itself until it has to wait for others. The order of threads
// and of blocks comes from [Device.Seed]; blocks run one after another. Races do not
// have to happen to be seen: two accesses of which one writes are a race when
// no barrier, bar.warp.sync or (between blocks) fence, atomic and fence again puts
// one before the other.
//
// Not modelled: named barriers of a part of a block, textures, asynchronous copies,
// tensor instructions, indirect calls, recursion. Each is an error that says so.
package ptx
