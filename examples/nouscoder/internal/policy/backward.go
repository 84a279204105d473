package policy

import "math"

// scratch is what a backward pass needs beyond the activations.
type scratch struct {
	dx, spread, dn, dqkv, do, dh, dw []float32
}

// backward adds the parameter gradients of a pass to g. p.logits holds dL/dlogits;
// activations are overwritten.
func (w *parameters) backward(c *Config, rot *rotation, p *pass, g *parameters, s *scratch) {
	m, d := len(p.outputs), c.Width
	dlogits := matrix{p.logits, c.Vocabulary}
	mulTA(d, c.Vocabulary, m, matrix{p.normed, d}, dlogits, 1, g.head)
	s.dx = grow(s.dx, m*d)
	mulT(m, d, c.Vocabulary, dlogits, w.head, 0, matrix{s.dx, d})
	rmsNormBackward(s.dx, p.x, p.invNorm, w.norm, g.norm)

	for _, sp := range p.spans {
		sp.seg.resetGradients(c)
	}
	for l := len(w.layers) - 1; l >= 0; l-- {
		w.layers[l].backward(c, rot, p, l, &g.layers[l], s)
	}
	for r, token := range p.tokens {
		row := g.embed.row(int(token), d)
		for j, v := range s.dx[r*d:][:d] {
			row[j] += v
		}
	}
}

// backward takes s.dx, the gradient of layer l's output, to that of its input.
func (w *layerParameters) backward(c *Config, rot *rotation, p *pass, l int, g *layerParameters, s *scratch) {
	n, d, y, last := len(p.tokens), c.Width, &p.layers[l], l == c.Layers-1
	m := len(s.dx) / d // see layerPass
	dx := matrix{s.dx, d}

	// x = mid + relu(b Upᵀ) Down
	h := matrix{y.h, c.Hidden}
	s.dh = grow(s.dh, m*c.Hidden)
	dh := matrix{s.dh, c.Hidden}
	mulT(m, c.Hidden, d, dx, w.down, 0, dh)
	mulTA(c.Hidden, d, m, h, dx, 1, g.down)
	for i, v := range y.h {
		if v == 0 {
			s.dh[i] = 0
		}
	}
	mulTA(c.Hidden, d, m, dh, matrix{y.b, d}, 1, g.up)
	s.dn = grow(s.dn, m*d)
	mul(m, d, c.Hidden, dh, w.up, 0, matrix{s.dn, d})
	rmsNormBackward(s.dn, y.mid, y.inv2, w.norm2, g.norm2)
	add(s.dx, s.dn)

	// mid = x + o Out
	s.do = grow(s.do, m*d)
	mulT(m, d, d, dx, w.out, 0, matrix{s.do, d})
	mulTA(d, d, m, matrix{y.o, d}, dx, 1, g.out)

	// o = attention(q, k, v), rotated
	s.dqkv = grow(s.dqkv, n*3*d)
	for i := range p.spans {
		sp := &p.spans[i]
		s.dw = grow(s.dw, sp.n*sp.width)
		sp.attendBackward(c, y, l, s.do, s.dqkv, s.dw)
	}
	scale := float32(1 / math.Sqrt(float64(c.headWidth())))
	for _, sp := range p.spans {
		seg := &sp.seg.layers[l]
		for i := range sp.n {
			dq := s.dqkv[(sp.row+i)*3*d:][:3*d]
			seg.dkeys.load(sp.first+i, dq[d:2*d])
			seg.dvalues.load(sp.first+i, dq[2*d:])
			rot.applyTranspose(dq[:d], sp.seg.start+sp.first+i, scale)
			rot.applyTranspose(dq[d:2*d], sp.seg.start+sp.first+i, 1)
		}
	}
	dqkv := matrix{s.dqkv, 3 * d}
	mulTA(d, 3*d, n, matrix{y.a, d}, dqkv, 1, g.qkv)
	s.do, s.dn = grow(s.do, n*d), grow(s.dn, n*d)
	da := s.do // do is no longer needed
	mulT(n, d, 3*d, dqkv, w.qkv, 0, matrix{da, d})
	p.shiftBackward(s.dn, da, d)
	if last {
		s.spread = zeroed(s.spread, n*d)
		for i, r := range p.outputs {
			copy(s.spread[r*d:][:d], s.dx[i*d:][:d])
		}
		s.dx, s.spread = s.spread, s.dx
	}
	rmsNormBackward(s.dn, y.x, y.inv1, w.norm1, g.norm1)
	add(s.dx, s.dn)
}

// shiftBackward takes da, the gradient of shift's output, to db, that of its input.
func (p *pass) shiftBackward(db, da []float32, d int) {
	half := d / 2
	for r := range p.tokens {
		clear(db[r*d:][:half])
		copy(db[r*d+half:][:d-half], da[r*d+half:][:d-half])
	}
	for _, s := range p.spans {
		before := s.before
		for r := s.row; r < s.row+s.n; r++ {
			if before >= 0 {
				add(db[before*d:][:half], da[r*d:][:half])
			}
			before = r
		}
	}
}

// rmsNormBackward turns dy, the gradient of y = gain x inv, into that of x, and adds
// the gain's to dgain.
//
//	dx = inv (gain dy - x inv² mean(x gain dy))
func rmsNormBackward(dy, x, inv, gain, dgain []float32) {
	d := len(gain)
	for i, r := range inv {
		u, v := x[i*d:][:d], dy[i*d:][:d]
		var sum float32
		for j, g := range gain {
			t := u[j] * r * v[j]
			dgain[j] += t
			sum += t * g
		}
		mean := sum / float32(d)
		for j, g := range gain {
			v[j] = r * (g*v[j] - u[j]*r*mean)
		}
	}
}

// add is y += x.
func add(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += x[i]
	}
}
