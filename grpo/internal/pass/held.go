package pass

// HeldCounts are tokens held at a bound, by the side of the ratio and the sign of the
// advantage.
type HeldCounts struct{ LowNegative, LowPositive, HighNegative, HighPositive int64 }

// Held counts the tokens whose slope is 0, though neither their log-ratio side nor
// their advantage is.
func Held(c *HeldCounts, slope, side, advantage []float64) {
	n := len(slope)
	side, advantage = side[:n], advantage[:n]
	n = held(c, slope, side, advantage)
	heldTwin(c, slope[n:], side[n:], advantage[n:])
}

func heldTwin(c *HeldCounts, slope, side, advantage []float64) {
	for t, s := range slope {
		if s != 0 {
			continue
		}
		switch d, a := side[t], advantage[t]; {
		case d < 0 && a < 0:
			c.LowNegative++
		case d < 0 && a > 0:
			c.LowPositive++
		case d > 0 && a < 0:
			c.HighNegative++
		case d > 0 && a > 0:
			c.HighPositive++
		}
	}
}
