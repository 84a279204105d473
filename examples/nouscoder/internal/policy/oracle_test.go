package policy

import "math"

// oracle is the model again, slow and obvious: float64, one sequence at a time, every
// position computed from the whole prefix, no segment, no cache. It returns the
// log-probabilities of tokens[from:].
func oracle(c Config, flat []float64, tokens []int32, from int) []float64 {
	d, heads := c.Width, c.Heads
	hw := d / heads
	take := func(n int) []float64 { v := flat[:n]; flat = flat[n:]; return v }
	embed := take(c.Vocabulary * d)
	n := len(tokens)
	x := make([][]float64, n)
	for t, token := range tokens {
		x[t] = append([]float64(nil), embed[int(token)*d:][:d]...)
	}
	norm := func(x, gain []float64) []float64 {
		var s float64
		for _, v := range x {
			s += v * v
		}
		r := 1 / math.Sqrt(s/float64(len(x))+1e-6)
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = v * r * gain[i]
		}
		return y
	}
	// x [in] times w [in × out].
	times := func(x, w []float64, out int) []float64 {
		y := make([]float64, out)
		for i, v := range x {
			for j := range y {
				y[j] += v * w[i*out+j]
			}
		}
		return y
	}
	rotate := func(x []float64, t int) {
		for h := 0; h < d; h += hw {
			for i := range hw / 2 {
				angle := float64(t) * math.Pow(c.RopeBase, -2*float64(i)/float64(hw))
				a, b := x[h+i], x[h+hw/2+i]
				x[h+i] = a*math.Cos(angle) - b*math.Sin(angle)
				x[h+hw/2+i] = a*math.Sin(angle) + b*math.Cos(angle)
			}
		}
	}
	for range c.Layers {
		norm1, norm2 := take(d), take(d)
		qkv, out := take(3*d*d), take(d*d)
		up, down := take(c.Hidden*d), take(c.Hidden*d)
		normed := make([][]float64, n)
		all := make([][]float64, n)
		for t := range x {
			normed[t] = norm(x[t], norm1)
			a := append(make([]float64, d/2), normed[t][d/2:]...)
			if t > 0 {
				copy(a, normed[t-1][:d/2])
			}
			all[t] = times(a, qkv, 3*d)
			rotate(all[t][:d], t)
			rotate(all[t][d:2*d], t)
		}
		for t := range x {
			o := make([]float64, d)
			for h := 0; h < d; h += hw {
				weights := make([]float64, t+1)
				var sum float64
				for s := range weights {
					for i := range hw {
						weights[s] += all[t][h+i] * all[s][d+h+i]
					}
					weights[s] = math.Exp(weights[s] / math.Sqrt(float64(hw)))
					sum += weights[s]
				}
				for s, w := range weights {
					for i := range hw {
						o[h+i] += w / sum * all[s][2*d+h+i]
					}
				}
			}
			for i, v := range times(o, out, d) {
				x[t][i] += v
			}
			b := norm(x[t], norm2)
			for u := range c.Hidden {
				var z float64
				for i, v := range b {
					z += v * up[u*d+i]
				}
				for i := range x[t] {
					x[t][i] += max(z, 0) * down[u*d+i]
				}
			}
		}
	}
	last := take(d)
	head := take(d * c.Vocabulary)
	var logProbs []float64
	for t := from; t < n; t++ {
		z := times(norm(x[t-1], last), head, c.Vocabulary)
		var sum float64
		for _, v := range z {
			sum += math.Exp(v)
		}
		logProbs = append(logProbs, z[tokens[t]]-math.Log(sum))
	}
	return logProbs
}
