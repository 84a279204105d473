package pass

// HeldCounts are tokens held at a bound, by the side of the ratio and the sign of the
// advantage.
type HeldCounts struct{ LowNegative, LowPositive, HighNegative, HighPositive int64 }

// Held counts the tokens whose slope is 0 and whose log-ratio side times advantage is
// not.
func Held(c *HeldCounts, slope, side, advantage []float64) {
	const most = 1 << 16 // tokens in a call, of which a lane counts up to 1 << 16
	for len(slope) > most {
		Held(c, slope[:most], side[:most], advantage[:most])
		slope, side, advantage = slope[most:], side[most:], advantage[most:]
	}
	n := len(slope)
	side, advantage = side[:n], advantage[:n]
	var counts [8]uint64 // of each lane, sixteen bits a class
	n = held(&counts, slope, side, advantage)
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
