package atropos

import "slices"

// An item is a group as the rules of batching see it.
type item struct {
	ID   int64
	Size int // sequences
	Env  int // -1: none
}

// sumTo returns the indices of items whose sizes sum to target, none if there are no
// such: first in, first out, passing over those that would exceed it, and otherwise
// any subset, found by dynamic programming from the back.
func sumTo(items []item, target int) []int {
	sum := 0
	var chosen []int
	for i, it := range items {
		if sum+it.Size <= target {
			chosen = append(chosen, i)
			sum += it.Size
			if sum == target {
				return chosen
			}
		}
	}
	if target < 0 {
		return nil
	}
	// reach[i][j]: some of the first i items sum to j.
	reach := make([][]bool, len(items)+1)
	for i := range reach {
		reach[i] = make([]bool, target+1)
		for j := range reach[i] {
			reach[i][j] = j == 0 && i == 0 || i > 0 && (reach[i-1][j] || j >= items[i-1].Size && reach[i-1][j-items[i-1].Size])
		}
	}
	if !reach[len(items)][target] {
		return nil
	}
	chosen = nil
	for i, j := len(items), target; i > 0; i-- {
		if size := items[i-1].Size; j >= size && reach[i-1][j-size] {
			chosen = append(chosen, i-1)
			j -= size
		}
	}
	slices.Reverse(chosen)
	return chosen
}

func largest(queue []item) (size int) {
	for _, it := range queue {
		size = max(size, it.Size)
	}
	return size
}

// packs returns the indices of the items that are released: those of one size (and
// one environment, if apart) leave together as soon as they add up to the largest
// size in the queue. Which is why sizes must divide it.
func packs(queue []item, apart bool) []int {
	type kind struct{ size, env int }
	whole := largest(queue)
	open := map[kind][]int{}
	var released []int
	for i, it := range queue {
		k := kind{it.Size, 0}
		if apart {
			if it.Env < 0 {
				continue
			}
			k.env = it.Env
		}
		open[k] = append(open[k], i)
		if len(open[k])*it.Size == whole {
			released = append(released, open[k]...)
			open[k] = nil
		}
	}
	return released
}

// grab returns the indices of the next batch of exactly n sequences, nil if there is
// none: released packs, first in, first out.
func grab(queue []item, n int) []int {
	released := packs(queue, false)
	sum := 0
	for k, i := range released {
		sum += queue[i].Size
		if sum == n {
			return released[:k+1]
		}
		if sum > n {
			break
		}
	}
	return nil
}

// A share is the part of each batch that an environment is promised.
type share struct {
	env  int
	part float64
}

// grabShares is grab where environments have a minimum: each first gets int(n part)
// sequences of its packs, the rest is filled in the order of the queue. One that has
// a minimum and no pack blocks every batch.
func grabShares(queue []item, n int, shares []share) []int {
	if len(shares) == 0 {
		return grab(queue, n)
	}
	if len(queue) == 0 {
		return nil
	}
	released := packs(queue, true)
	mine := map[int][]int{} // indices, by environment, in the order of release
	for _, i := range released {
		mine[queue[i].Env] = append(mine[queue[i].Env], i)
	}
	least := make([]int, len(shares))
	total := 0
	for s, sh := range shares {
		least[s] = int(float64(n) * sh.part)
		if least[s] <= 0 {
			continue
		}
		if len(mine[sh.env]) == 0 {
			return nil
		}
		total += least[s]
	}
	if total > n { // scaled down, but each gets one group
		scale := float64(n) / float64(total)
		for s, sh := range shares {
			if least[s] > 0 {
				smallest := queue[mine[sh.env][0]].Size
				for _, i := range mine[sh.env] {
					smallest = min(smallest, queue[i].Size)
				}
				least[s] = max(smallest, int(float64(least[s])*scale))
			}
		}
	}
	var batch []int
	taken := map[int]bool{}
	sum := 0
	take := func(i int) bool {
		if sum+queue[i].Size > n {
			return false
		}
		sum += queue[i].Size
		batch = append(batch, i)
		taken[i] = true
		return true
	}
	for s, sh := range shares {
		got := 0
		for _, i := range mine[sh.env] {
			if got >= least[s] {
				break
			}
			if take(i) {
				got += queue[i].Size
			}
		}
	}
	slices.Sort(released)
	for _, i := range released {
		if sum == n {
			break
		}
		if !taken[i] {
			take(i)
		}
	}
	if sum != n {
		return nil
	}
	return batch
}
