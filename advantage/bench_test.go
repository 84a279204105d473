package advantage_test

import (
	"math/rand/v2"
	"testing"

	"github.com/grouprl/grouprl/advantage"
	"github.com/stretchr/testify/require"
)

// million is 1M responses in 125k groups of 8 with arbitrary ids: side by side, or
// interleaved at random.
func million(shuffled, binary bool) *advantage.Input {
	const groups, n = 125_000, 8
	rng := rand.New(rand.NewPCG(1, 2))
	in := &advantage.Input{}
	for range groups {
		id := int(rng.Uint64())
		for range n {
			r := rng.NormFloat64()
			if binary {
				r = float64(2*rng.IntN(2) - 1)
			}
			in.Rewards = append(in.Rewards, r)
			in.Groups = append(in.Groups, id)
		}
	}
	if shuffled {
		rng.Shuffle(len(in.Groups), func(i, j int) {
			in.Groups[i], in.Groups[j] = in.Groups[j], in.Groups[i]
		})
	}
	return in
}

func BenchmarkMillion(b *testing.B) {
	for _, data := range []struct {
		name             string
		shuffled, binary bool
	}{{"binary", false, true}, {"real", false, false}, {"interleaved", true, false}} {
		in := million(data.shuffled, data.binary)
		dst := make([]float64, len(in.Rewards))
		for _, e := range []struct {
			name string
			advantage.Estimator
		}{
			{"GroupRelative", advantage.GroupRelative{}},
			{"DrGRPO", advantage.DrGRPO()},
			{"RLOO", advantage.RLOO()},
			{"BatchScaled", advantage.BatchScaled()},
		} {
			b.Run(e.name+"/"+data.name, func(b *testing.B) {
				require.NoError(b, e.Estimate(dst, in))
				b.ReportAllocs()
				for b.Loop() {
					_ = e.Estimate(dst, in)
				}
			})
		}
		keep := make([]bool, len(dst))
		b.Run("Informative/"+data.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = advantage.Informative(keep, in.Rewards, in.Groups, 0)
			}
		})
	}
}
