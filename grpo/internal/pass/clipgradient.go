package pass

// ClipGradient is Fill, ClipLosses and Narrow in one pass, for tokens that have one
// advantage: it writes to dst what Narrow makes of Clip's derivatives and of slope. spare
// is memory of as many tokens, which it overwrites where that takes three passes after
// all.
func ClipGradient[F Float](dst []F, s *Pair, c *HeldCounts, ratio, side, slope []float64, advantage float64, b Bounds, f Factors, spare [3][]float64) (finite bool) {
	n := len(dst)
	ratio, side = ratio[:n], side[:n]
	if slope != nil {
		slope = slope[:n]
	}
	n = min(n, mostHeld)
	var h held
	var bad [8]F
	switch dst := any(dst).(type) {
	case []float32:
		n = clipGradient32(dst[:n], s, &h, ratio, side, slope, &advantage, &b, &f, any(&bad).(*[8]float32))
	case []float64:
		n = clipGradient64(dst[:n], s, &h, ratio, side, slope, &advantage, &b, &f, any(&bad).(*[8]float64))
	}
	c.add(&h)
	finite = allZero(&bad)
	if n == len(dst) {
		return finite
	}
	if slope != nil {
		slope = slope[n:]
	}
	dst = dst[n:]
	n = len(dst)
	a, loss, dloss := spare[0][:n], spare[1][:n], spare[2][:n]
	Fill(a, advantage)
	ClipLosses(s, c, loss, dloss, ratio[len(ratio)-n:], side[len(side)-n:], a, b)
	return Narrow(dst, dloss, slope, f) && finite
}
