// Package cuda runs the vocabulary hot loop and the preset objectives on an NVIDIA
// GPU: log-probabilities, entropies and gradients straight from and into device
// memory that the trainer owns, with the CPU path of packages logprob and grpo as
// the reference and the fallback.
//
//	logits -> Forward -> log p, lse, H -> Evaluator -> g, e -> Backward -> dlogits, in place
//
// A Matrix is an address, a type and a shape, as a tensor has them; a Stream queues on
// the CUstream that the trainer computes on. Nothing is copied, nothing waits before
// Sync, and no context is created where one is current.
//
//	device, err := cuda.Open(cuda.Config{}) // an ErrUnavailable: go on on the CPU
//	s, err := device.Stream(stream)
//	err = s.Forward(rows, logits, targets, options)
//	...
//	err = s.Backward(logits, targets, rows, gradient, options)
//	err = s.Sync()
//
// Forward, Partials and Backward of the package are those of package logprob on slices
// in host memory, which are copied: with a nil Device they run on the CPU.
//
// # Contracts
//
//  1. Rows are independent and computed in one fixed order: a row's results are equal
//     to the last bit for any split into chunks, any stride and address, any grid, on
//     one device and driver. Devices agree to the accuracy below, and with package
//     logprob to that and its own.
//  2. |dlogp|, |dlse| <= 3e-6; |dH| <= 2^-22 (max(1, H) + sum p |log p + H|);
//     |dsum p^2| <= 1e-6; the gradient is rounded once from within
//     4e-7 max(1, (|g| + 8|e|)/T). The powers are the device's ex2.approx.
//  3. Special logits, targets and rows are what package logprob says: -Inf is a masked
//     id, and NaN, +Inf, a row of -Inf only, a target out of range, a gradient that is
//     not finite or too large, an lse of other logits are *logprob.RowErrors of the
//     first such row. Its outputs are NaN, its gradient 0; other rows are done.
//  4. Rows that Options.Mask leaves out are not read. Rows without a gradient are not
//     read by Backward.
//  5. What can be seen from the host is refused before anything is queued: shapes, types,
//     missing, misaligned, freed or too short memory. After an error that has cost the
//     device every call says so and starts nothing.
//  6. Rows, columns and elements are int64; one matrix may have more than 2^32 elements.
package cuda
