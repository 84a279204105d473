package policy

// attend computes the heads' outputs of a span: softmax(q·k) v over the parent
// segment and over the own one up to the row itself. Scores and weights of the parent are products
// of all rows at once; those of the own segment are done row by row, as causality
// gives each row another length.
func (s *span) attend(c *Config, y *layerPass, l int) {
	d, h, own := c.Width, c.headWidth(), &s.seg.layers[l]
	stride := c.Heads * s.width
	parent := s.parent
	skip, row := s.after(l == c.Layers-1)
	rows, first := s.n-skip, s.first+skip
	for head := range c.Heads {
		q := matrix{y.qkv[(s.row+skip)*3*d+head*h:], 3 * d}
		o := matrix{y.o[row*d+head*h:], d}
		w := matrix{y.weights[s.weights+head*s.width:], stride}

		if parent > 0 {
			mul(rows, parent, h, q, s.seg.parent.layers[l].keys.from(head*h, 0), 0, w)
		}
		for i := range rows {
			n := first + i + 1
			mul(1, n, h, q.from(i, 0), own.keys.from(head*h, 0), 0, w.from(i, parent))
			softmaxWeights(w.row(i, parent+n))
		}
		var beta float32
		if parent > 0 {
			mulT(rows, h, parent, w, s.seg.parent.layers[l].values.from(head*h, 0), 0, o)
			beta = 1
		}
		for i := range rows {
			mulT(1, h, first+i+1, w.from(i, parent), own.values.from(head*h, 0), beta, o.from(i, 0))
		}
	}
}

// attendBackward takes do, the gradient of the heads' outputs [m × d], to dq, in the
// first d columns of dqkv [n × 3d], and adds to the gradients of the keys and values of both
// segments. dw is scratch for s.n × s.width numbers.
func (s *span) attendBackward(c *Config, y *layerPass, l int, do, dqkv, dw []float32) {
	d, h, own := c.Width, c.headWidth(), &s.seg.layers[l]
	stride := c.Heads * s.width
	parent := s.parent
	skip, row := s.after(l == c.Layers-1)
	rows, first := s.n-skip, s.first+skip
	for i := range skip {
		clear(dqkv[(s.row+i)*3*d:][:d])
	}
	for head := range c.Heads {
		q := matrix{y.qkv[(s.row+skip)*3*d+head*h:], 3 * d}
		w := matrix{y.weights[s.weights+head*s.width:], stride}
		do := matrix{do[row*d+head*h:], d}
		dq := matrix{dqkv[(s.row+skip)*3*d+head*h:], 3 * d}
		dw := matrix{dw, s.width}

		if parent > 0 {
			mul(rows, parent, h, do, s.seg.parent.layers[l].values.from(head*h, 0), 0, dw)
		}
		for i := range rows {
			n := first + i + 1
			mul(1, n, h, do.from(i, 0), own.values.from(head*h, 0), 0, dw.from(i, parent))
			softmaxWeightsBackward(dw.row(i, parent+n), w.row(i, parent+n))
		}
		var beta float32
		if parent > 0 {
			p := &s.seg.parent.layers[l]
			mulT(rows, h, parent, dw, p.keys.from(head*h, 0), 0, dq)
			mulTA(h, parent, rows, q, dw, 1, p.dkeys.from(head*h, 0))
			mulTA(h, parent, rows, do, w, 1, p.dvalues.from(head*h, 0))
			beta = 1
		}
		for i := range rows {
			n := first + i + 1
			mulT(1, h, n, dw.from(i, parent), own.keys.from(head*h, 0), beta, dq.from(i, 0))
			mulTA(h, n, 1, q.from(i, 0), dw.from(i, parent), 1, own.dkeys.from(head*h, 0))
			mulTA(h, n, 1, do.from(i, 0), w.from(i, parent), 1, own.dvalues.from(head*h, 0))
		}
	}
}
