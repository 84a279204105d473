package pass

// HeldCounts are tokens held at a bound, by the side of the ratio and the sign of the
// advantage.
type HeldCounts struct{ LowNegative, LowPositive, HighNegative, HighPositive int64 }

// held are HeldCounts that are being made: those of each lane, sixteen bits a class, so
// of up to mostHeld tokens, of which a lane counts 1 << 13.
type held [8]uint64

const mostHeld = 1 << 16

func (c *HeldCounts) add(h *held) {
	for _, x := range h {
		c.HighPositive += int64(x & 0xffff)
		c.HighNegative += int64(x >> 16 & 0xffff)
		c.LowPositive += int64(x >> 32 & 0xffff)
		c.LowNegative += int64(x >> 48)
	}
}

// Losses adds token losses and their derivatives to s, and counts the tokens that are
// held: those whose slope is 0 and whose log-ratio side times advantage is not.
func Losses(s *Pair, c *HeldCounts, loss, dloss, slope, side, advantage []float64) {
	for len(loss) > mostHeld {
		const n = mostHeld
		Losses(s, c, loss[:n], dloss[:n], slope[:n], side[:n], advantage[:n])
		loss, dloss, slope, side, advantage = loss[n:], dloss[n:], slope[n:], side[n:], advantage[n:]
	}
	n := len(loss)
	dloss, slope, side, advantage = dloss[:n], slope[:n], side[:n], advantage[:n]
	var h held
	n = losses(s, &h, loss, dloss, slope, side, advantage)
	addTwin(s, loss[n:], dloss[n:])
	heldTwin(&h, slope[n:], side[n:], advantage[n:])
	c.add(&h)
}

// ClipLosses is Clip and Losses in one pass, with dloss for the slope.
func ClipLosses(s *Pair, c *HeldCounts, loss, dloss, ratio, side, advantage []float64, b Bounds) {
	for len(loss) > mostHeld {
		const n = mostHeld
		ClipLosses(s, c, loss[:n], dloss[:n], ratio[:n], side[:n], advantage[:n], b)
		loss, dloss, ratio, side, advantage = loss[n:], dloss[n:], ratio[n:], side[n:], advantage[n:]
	}
	n := len(loss)
	dloss, ratio, side, advantage = dloss[:n], ratio[:n], side[:n], advantage[:n]
	var h held
	n = clipLosses(s, &h, loss, dloss, ratio, side, advantage, &b)
	loss, dloss, advantage = loss[n:], dloss[n:], advantage[n:]
	clipTwin(loss, dloss, ratio[n:], advantage, &b)
	addTwin(s, loss, dloss)
	heldTwin(&h, dloss, side[n:], advantage)
	c.add(&h)
}

func heldTwin(h *held, slope, side, advantage []float64) {
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
			h[t&7] += 1 << class
		}
	}
}
