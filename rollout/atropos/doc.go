// Package atropos speaks the wire format of Atropos 0.4.0, between trainers and
// environments of reinforcement learning that know nothing of each other: JSON over
// HTTP through a trajectory server. That project is archived, so the format is
// frozen; both sides of it and the server are here.
//
// A trainer:
//
//	client := &atropos.Client{URL: "http://127.0.0.1:8000"}
//	_, err := client.Register(ctx, atropos.Registration{BatchSize: 128, MaxTokenLen: 32768, ...})
//	for batch, err := range client.Batches(ctx) {
//		first, tokens, err := atropos.Pack(&b, batch...) // a grpo.Batch with advantages and mask
//		...
//	}
//
// An environment:
//
//	env, err := client.RegisterEnv(ctx, atropos.EnvRegistration{DesiredName: "coding", ...}) // waits for the trainer
//	for g, err := range rollout.Groups(...) {
//		d, err := atropos.FromGroup(g)
//		if env.Refuse(d) == atropos.RefusalNone {
//			_, err = env.Post(ctx, d)
//		}
//	}
//
// Between them a Server, or the reference one (uvicorn atroposlib.api.server:app).
//
// # How batches are made
//
// A batch has exactly BatchSize sequences. Groups of one size are released in packs
// that add up to the largest size in the queue, so sizes must divide it; packs leave
// first in, first out. All batches that can be made are made at once, and the step
// counts those. A group that is not of its environment's registered size waits in a
// buffer until some add up to it. An environment with a minimum share gets it first,
// and blocks every batch while it has nothing.
//
// The policy's weights do not go through the server.
package atropos
