// Package policy is a small language model that can be read in an hour: a
// decoder-only transformer of about 122,000 parameters with its own backward
// pass, sampler and optimiser. Matrix products go through gonum's blas32;
// everything else is plain Go.
//
// It stands for whatever trainer a reader already has. The four methods that
// reinforcement learning needs of one are
//
//	Sample(ctx, requests, options)  completions with the sampler's log-probabilities
//	LogProbs(groups)                log-probabilities of given responses, packed [T]
//	Backward(g)                     adds sum_t g_t dlogp_t/dtheta to the gradient
//	Step(lr)                        one Adam step with gradient clipping
//
// A loss never enters this package: Backward takes g = dL/dlogp, which is what
// grpo.Eval returns, or g = -1/N for the mean negative log-likelihood of N tokens.
//
// # The model
//
//	x = embed[token]
//	each layer:
//	  a = shift(norm(x))              first half of the channels from the previous token
//	  q, k, v = rotate(a Wqkv)        RoPE on q and k
//	  x += attention(q, k, v) Wo
//	  x += relu(norm(x) Up^T) Down
//	logits = norm(x) Head
//
// where norm is RMSNorm with a gain. The token shift lets one layer see a
// bigram, so that copying (a constant from the statement into the program)
// is learnt in a few hundred steps.
//
// # Segments
//
// A segment is a run of consecutive tokens with its keys and values; it may
// continue a parent segment. A prompt is one segment and each of its responses
// is a child, so a prompt is computed once per group, in training (gradients
// of the children add up in it) and in sampling (where a child grows by one
// token a step: the KV cache). There is no padding anywhere.
//
// # Same bits
//
// Sampler and trainer run the same forward code over the same kind of segment,
// and every row of every product has the same bits whatever other rows are
// computed with it (see matmul.go). So the log-probabilities of the two agree
// to the last bit, a completion depends on its own prompt and seed alone, and
// log-probabilities do not depend on how a batch is cut. Gradients are summed
// over Config.Shards fixed shards in order, so training has the same bits for
// any GOMAXPROCS.
package policy
