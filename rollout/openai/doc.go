// Package openai is a rollout.Generator over inference servers that speak OpenAI's
// HTTP API: vLLM, SGLang, and others with what they can do.
//
//	g := &openai.Generator{
//		Servers:     []string{"http://10.0.0.7:8000/v1", "http://10.0.0.8:8000/v1"},
//		Model:       "policy",
//		API:         openai.Chat,
//		Temperature: 1,
//		Budget:      window.Budget{Window: 32768, Reserve: 32},
//		InFlight:    4_000_000,
//	}
//	defer g.Close()
//	for group, err := range rollout.Groups(ctx, problems, g, verifier, rollout.Options{Retries: -1}) { ... }
//
// # What a trainer gets
//
// A completion has the token ids that were sampled, the sampler's log-probability of
// each, the prompt's ids, why it ended, and the policy's version. An answer that
// lacks one of these is an error and never patched up: text that is tokenised again
// may give other ids than were sampled, and a gradient of those is of another
// policy's. Generator.Retokenize is for those who want it all the same, TextOnly for
// evaluation, which needs none of it.
//
// # What a server must be told
//
//	vLLM     --logprobs-mode processed_logprobs, or its log-probabilities are those before temperature, top-k and top-p;
//	         0.10.2 or later for token ids (older ones: API Completions with prompts of token ids)
//	SGLang   API Native if it is older than its return_token_ids, and with Stream off; its log-probabilities are those after temperature;
//	         seeds count with --enable-deterministic-inference alone
//	version  SGLang writes weight_version into every whole answer; for vLLM have whatever updates its weights set the header X-Weight-Version
//
// # One sample, one request
//
// A sample has one seed, a function of (Seed, Problem.ID, Round, Sample), and is
// asked for until one attempt has succeeded or a bound is reached. Of an attempt that
// failed nothing is kept, not even a part that was good; its connection is closed,
// which both servers take as a sign to stop. All attempts carry one Idempotency-Key
// header. So no sample enters a group twice and none is stitched together of two
// policies. A server without seeds may of course have sampled, in vain, something
// else before.
//
// A failed attempt is followed by another after a random wait (full jitter), at
// another server if there is one that is fit. Of the servers that are fit the one with
// the fewest tokens under way is taken. One that cannot be reached, or that failed
// three times in a row, is left alone until it has answered a health check (GET
// /health), which the next call makes; one that said Retry-After, until then.
// Failures are errors and never completions, so they cannot become rewards.
package openai
