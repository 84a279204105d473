package rollout

import (
	"hash/fnv"
	"math/rand/v2"
)

// groupKey identifies a drawing of a problem: FNV-1a over the ID's bytes, the
// round mixed in. It is the same in every process and release.
func groupKey(id string, round int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return mix(h.Sum64() ^ mix(uint64(round)))
}

func responseKey(id string, round, sample int) uint64 {
	return mix(groupKey(id, round) + uint64(sample) + 1)
}

// mix is a bijection of the 64-bit words in which every input bit reaches every
// output bit: the finaliser of splitmix64 (Steele, Lea, Flood, 2014) after one
// step of its counter.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Key identifies the response that r asks for: a hash of (Problem.ID, Round,
// Sample), the same in every process, and what Pack writes into Batch.Keys.
func (r *Request) Key() uint64 { return responseKey(r.Problem.ID, r.Round, r.Sample) }

// Rand returns a source that is a function of (Seed, Problem.ID, Round, Sample)
// alone: a Generator that draws from it samples the same however many workers
// there are and whatever else is in flight.
func (r *Request) Rand() *rand.Rand { return rand.New(rand.NewPCG(uint64(r.Seed), r.Key())) }
