package pass

// HeldCounts are tokens held at a bound, by the side of the ratio and the sign of the
// advantage.
type HeldCounts struct{ LowNegative, LowPositive, HighNegative, HighPositive int64 }

// Losses adds token losses and their derivatives to s, and counts the tokens that are
// held: those whose slope is 0 and whose log-ratio side times advantage is not.
func Losses(s *Pair, c *HeldCounts, loss, dloss, slope, side, advantage []float64) {
	const most = 1 << 16 // tokens at a time, of which a lane counts up to 1 << 13
	for len(loss) > most {
		Losses(s, c, loss[:most], dloss[:most], slope[:most], side[:most], advantage[:most])
		loss, dloss, slope, side, advantage = loss[most:], dloss[most:], slope[most:], side[most:], advantage[most:]
	}
	n := len(loss)
	dloss, slope, side, advantage = dloss[:n], slope[:n], side[:n], advantage[:n]
	var counts [8]uint64 // of each lane, sixteen bits a class
	n = losses(s, &counts, loss, dloss, slope, side, advantage)
	addTwin(s, loss[n:], dloss[n:])
	heldTwin(&counts, slope[n:], side[n:], advantage[n:])
	for _, x := range counts {
		c.HighPositive += int64(x & 0xffff)
		c.HighNegative += int64(x >> 16 & 0xffff)
		c.LowPositive += int64(x >> 32 & 0xffff)
		c.LowNegative += int64(x >> 48)
	}
}

func heldTwin(counts *[8]uint64, slope, side, advantage []float64) {
	for t, s := range slope {
		if s != 0 {
			continue
		}
		class := 0
		if side[t] < 0 {
			class += 32
		}
		if advantage[t] < 0 {
			class += 16
		}
		if p := side[t] * advantage[t]; p < 0 || p > 0 {
			counts[t&7] += 1 << class
		}
	}
}
