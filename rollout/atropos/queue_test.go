package atropos

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func items(sizes ...int) (q []item) {
	for i, s := range sizes {
		q = append(q, item{int64(i), s, -1})
	}
	return q
}

// First in, first out where that works; otherwise any set that sums up exactly.
func TestSumTo(t *testing.T) {
	require.Equal(t, []int{0, 2}, sumTo(items(3, 2, 1, 1), 4))
	require.Equal(t, []int{0, 3}, sumTo(items(3, 4, 4, 2), 5))
	require.Equal(t, []int{1, 2}, sumTo(items(3, 2, 2), 4))
	require.Empty(t, sumTo(items(3, 3), 4))
	require.Empty(t, sumTo(items(8), 4))
	require.Empty(t, sumTo(nil, 4))
	require.Empty(t, sumTo(items(1), -1))
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		q := items()
		for range r.IntN(10) {
			q = append(q, item{0, 1 + r.IntN(9), -1})
		}
		target := 1 + r.IntN(20)
		possible := false
		for set := range 1 << len(q) { // every subset
			sum := 0
			for i := range q {
				sum += q[i].Size * (set >> i & 1)
			}
			possible = possible || sum == target
		}
		chosen := sumTo(q, target)
		require.Equal(t, possible, len(chosen) > 0)
		sum := 0
		for k, i := range chosen {
			sum += q[i].Size
			require.True(t, k == 0 || i > chosen[k-1])
		}
		require.True(t, !possible || sum == target)
	}
}

func TestGrab(t *testing.T) {
	require.Equal(t, []int{1, 0, 2}, grab(items(1, 2, 1, 2), 4), "the pair of ones is released with the second one")
	require.Nil(t, grab(items(4, 4), 6))
	require.Nil(t, grab(items(2, 2), 8))
	require.Nil(t, grab(nil, 1))
	require.Nil(t, grab(items(4, 1, 1, 1), 7), "three ones are no pack of four")
	require.Equal(t, []int{0, 1, 2, 3, 4}, grab(items(4, 1, 1, 1, 1), 8))
	require.Equal(t, []int{0, 1}, grabShares(items(2, 2), 4, nil))
	q := []item{{0, 2, 1}, {1, 2, 0}, {2, 2, 1}, {3, 2, -1}}
	require.Equal(t, []int{1, 0}, grabShares(q, 4, []share{{0, 0.5}}), "the promised one first")
	require.Nil(t, grabShares(q, 4, []share{{2, 0.5}}))
	require.Equal(t, []int{0, 1}, grabShares(q, 4, []share{{2, 0.2}}), "less than one sequence is nothing promised")
	q = []item{{0, 2, 1}, {1, 2, 1}, {2, 2, 1}, {3, 2, 1}, {4, 2, 0}}
	require.Equal(t, []int{4, 0, 1, 2}, grabShares(q, 8, []share{{0, 0.13}, {1, 1}}), "1 and 8 of 8 are scaled to 0 and 7, but one group is the least")
	require.Nil(t, grabShares(items(2), 2, []share{{0, 0}}), "groups of no environment stay")
}
