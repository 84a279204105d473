// Package logprob is the hot loop over the vocabulary, on CPU: logits in,
// log-probability of the sampled token, log-sum-exp, entropy and sum of squares out,
// and back to the gradient of the logits, in place if wanted.
//
//	z        = x / T                                T: temperature
//	lse      = log sum_j exp z_j
//	log p_j  = z_j - lse
//	H        = -sum_j p_j log p_j
//	dL/dx_j  = (g (1[j = target] - p_j) - e p_j (log p_j + H)) / T
//
// with g = dL/dlogp and e = dL/dH of the row, as grpo.Eval gives them. The gradients
// of log p and H are exact; T is a constant. Probabilities are never stored.
//
// # Bounded memory
//
// A response of 40,960 tokens has 24.9 GB of float32 logits over 151,936 ids, so no
// function here sees more than a chunk of rows, and none keeps anything between calls:
//
//	for each chunk:  logits = hidden x head;  Forward(rows[chunk], logits, targets[chunk])
//	once:            grpo.Eval over all tokens gives g and e
//	for each chunk:  logits = hidden x head;  Backward(logits, logits, ...);  use dlogits
//
// Where g is known before the logits are (REINFORCE, or a second pass that keeps
// nothing of the first), ForwardBackward reads each row from memory once: the row is
// still in the cache when its gradient overwrites it.
//
// # Contracts
//
//  1. Rows are independent and computed in one fixed order: results are equal to the
//     last bit for any split into chunks and any number of workers, on one tier of
//     instructions (AVX-512, AVX2, plain Go). Tiers agree to the accuracy below. The
//     sums of plain Go are the same bits on every machine; only math.Exp and math.Log,
//     taken once a row or block, may differ between architectures in a last bit.
//  2. lse and entropy are within 4e-7 relative or 1e-6 absolute of float64. The
//     gradient of float32 logits is within 3e-7 absolute for |g| <= T and |e| <= T/8,
//     and within 3e-7 max(|g|, 8|e|)/T beyond; of 16-bit logits it is rounded once
//     more, to nearest even.
//  3. A logit of -Inf is a masked id: its probability and its gradient are 0, and it has
//     no part in the entropy. A target there has log-probability -Inf, about which the
//     objective decides. An id outside of a Support is treated the same way.
//  4. +Inf and NaN logits, a row of -Inf only, a target or support outside of the
//     vocabulary, and a non-finite gradient are *RowErrors, naming the first such row
//     whatever Workers is. Its outputs are NaN, its gradient 0; other rows are done.
//  5. A row whose g and e are both 0 gets the gradient 0 and is not read: Backward may
//     be given rows without an answer, if the objective has dropped them.
//  6. dst may be the logits; it must not overlap them otherwise. In place is faster.
//  7. Nothing is allocated in steady state; no memory beyond the logits is used.
//
// # Speed
//
// docs/logprob.md of the repository has figures and how to measure them. On amd64 the
// forward pass costs what reading the logits costs. Other architectures, arm64 too, run
// plain Go: there are no NEON kernels, because none that no machine of the project has
// timed and tested should be in a release; the tests pass there under emulation. Build
// tags noasm and purego, or GROUPRL_SIMD=generic, avx2 or avx512 in the environment,
// choose a lower tier.
package logprob
