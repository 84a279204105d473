// Package cuda runs the vocabulary hot loop and the preset objectives on an NVIDIA
// GPU: log-probabilities, entropies and gradients straight from and into device
// memory that the trainer owns, with the CPU path of packages logprob and grpo as
// the reference and the fallback.
package cuda
