package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/grouprl/grouprl/rollout"
)

// Key identifies one sampled completion of a run, so that one that arrives twice is
// kept once.
type Key [16]byte

// KeyOf is the first half of SHA-256 over (run, problem, round, sample, version):
// strings by their length and bytes, numbers as 8 bytes, little-endian. Round tells
// drawings of one problem apart; version is the policy that began the completion,
// so what is sampled again by a newer policy is a new completion.
func KeyOf(run, problem string, round, sample int, version int64) (k Key) {
	b := make([]byte, 0, 5*8+len(run)+len(problem))
	for _, s := range []string{run, problem} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range []int64{int64(round), int64(sample), version} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	sum := sha256.Sum256(b)
	copy(k[:], sum[:])
	return k
}

// Keys returns the key of each completion of g. The version is that of the first
// token, rollout.Unversioned if there is none.
func Keys(run string, g *rollout.Group) []Key {
	keys := make([]Key, len(g.Completions))
	for i, c := range g.Completions {
		keys[i] = KeyOf(run, g.Problem.ID, g.Round, c.Sample, c.Version(0))
	}
	return keys
}

// String is the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }
