package policy

import "math"

// pass is one trip of some rows (tokens) through the model. In training it keeps
// what the backward pass needs; in sampling one pass is used over and over.
type pass struct {
	tokens []int32 // [n] input tokens
	spans  []span  // which segments they belong to, parents before children
	layers []layerPass

	outputs []int     // [m] rows whose logits are wanted, ascending
	x       []float32 // [n × d] residual stream; [m × d] after the last layer
	invNorm []float32 // [m] 1/rms of it
	normed  []float32 // [m × d] norm(x)
	logits  []float32 // [m × V]
}

// layerPass is what one layer keeps of a pass. In the last layer the rows that nothing is
// predicted from (all of a prompt but its last token) are needed as keys and values
// alone: what comes after attention has the m output rows there, and all n in other layers.
type layerPass struct {
	x       []float32 // [n × d] input
	inv1    []float32 // [n] 1/rms of x
	a       []float32 // [n × d] shift(norm(x)), input of attention
	qkv     []float32 // [n × 3d] rotated, and q divided by sqrt(head width)
	weights []float32 // attention weights, see span
	o       []float32 // [m × d] output of the heads
	mid     []float32 // [m × d] x after attention
	inv2    []float32 // [m] 1/rms of mid
	b       []float32 // [m × d] norm(mid), input of the MLP
	h       []float32 // [m × hidden] after ReLU
}

// span is the rows row, ..., row+n-1 of a pass: tokens first, ..., first+n-1 of a segment.
type span struct {
	seg     *segment
	row     int
	first   int
	n       int
	before  int // row of the token before the first, -1: not in this pass
	skip    int // how many of its rows have no output; the others are outputs output, output+1, ...
	output  int
	parent  int // tokens of the parent segment
	width   int // tokens of both, which is room for the weights of one row and head
	weights int // offset into layerPass.weights of [n × heads × width], parent first
}

// begin empties the pass.
func (p *pass) begin() {
	p.tokens, p.spans, p.outputs = p.tokens[:0], p.spans[:0], p.outputs[:0]
}

// add appends tokens to seg and to the pass. The logits of the last outputs of them are
// wanted; before is the row of the token that precedes them, -1 if it is not in
// this pass.
func (p *pass) add(c *Config, seg *segment, before, outputs int, tokens ...int32) {
	s := span{
		seg: seg, row: len(p.tokens), first: seg.n, n: len(tokens), before: before,
		skip: len(tokens) - outputs, output: len(p.outputs),
	}
	if len(p.spans) > 0 {
		last := &p.spans[len(p.spans)-1]
		s.weights = last.weights + last.n*c.Heads*last.width
	}
	seg.n += len(tokens)
	if seg.parent != nil {
		s.parent = seg.parent.n
	}
	s.width = s.parent + seg.n
	p.tokens = append(p.tokens, tokens...)
	p.spans = append(p.spans, s)
	for r := s.row + s.skip; r < s.row+s.n; r++ {
		p.outputs = append(p.outputs, r)
	}
}

// after is where a span's rows lie after attention: those from skip on, the first at row.
func (s *span) after(last bool) (skip, row int) {
	if last {
		return s.skip, s.output
	}
	return 0, s.row
}

// weightCount is the number of attention weights of one layer.
func (p *pass) weightCount(c *Config) int {
	last := &p.spans[len(p.spans)-1]
	return last.weights + last.n*c.Heads*last.width
}

// forward computes the logits of p.outputs.
func (w *parameters) forward(c *Config, rot *rotation, p *pass) {
	n, d := len(p.tokens), c.Width
	p.x = grow(p.x, n*d)
	for r, token := range p.tokens {
		copy(p.x[r*d:][:d], w.embed.row(int(token), d))
	}
	if p.layers == nil {
		p.layers = make([]layerPass, c.Layers)
	}
	for l := range w.layers {
		w.layers[l].forward(c, rot, p, l)
	}

	m := len(p.outputs)
	p.invNorm, p.normed = grow(p.invNorm, m), grow(p.normed, m*d)
	rmsNorm(p.normed, p.invNorm, p.x, w.norm)
	p.logits = grow(p.logits, m*c.Vocabulary)
	mul(m, c.Vocabulary, d, matrix{p.normed, d}, w.head, 0, matrix{p.logits, c.Vocabulary})
}

// forward replaces p.x by the output of layer l.
func (w *layerParameters) forward(c *Config, rot *rotation, p *pass, l int) {
	n, d, y, last := len(p.tokens), c.Width, &p.layers[l], l == c.Layers-1

	y.x = grow(y.x, n*d)
	copy(y.x, p.x)
	y.inv1, y.b = grow(y.inv1, n), grow(y.b, n*d)
	rmsNorm(y.b, y.inv1, y.x, w.norm1)
	y.a = grow(y.a, n*d)
	p.shift(y.a, y.b, d, l)

	y.qkv = grow(y.qkv, n*3*d)
	mul(n, 3*d, d, matrix{y.a, d}, w.qkv, 0, matrix{y.qkv, 3 * d})
	scale := float32(1 / math.Sqrt(float64(c.headWidth())))
	for _, s := range p.spans {
		seg := &s.seg.layers[l]
		for i := range s.n {
			q := y.qkv[(s.row+i)*3*d:][:3*d]
			rot.apply(q[:d], s.seg.start+s.first+i, scale)
			rot.apply(q[d:2*d], s.seg.start+s.first+i, 1)
			seg.keys.store(s.first+i, q[d:2*d])
			seg.values.store(s.first+i, q[2*d:])
		}
	}

	m := n
	if last {
		m = len(p.outputs)
		for i, r := range p.outputs {
			copy(p.x[i*d:][:d], p.x[r*d:][:d])
		}
		p.x = p.x[:m*d]
	}
	y.o, y.weights = grow(y.o, m*d), grow(y.weights, p.weightCount(c))
	for i := range p.spans {
		p.spans[i].attend(c, y, l)
	}
	mul(m, d, d, matrix{y.o, d}, w.out, 1, matrix{p.x, d})
	y.mid = grow(y.mid, m*d)
	copy(y.mid, p.x)
	y.inv2 = grow(y.inv2, m)
	rmsNorm(y.b, y.inv2, y.mid, w.norm2)
	y.h = grow(y.h, m*c.Hidden)
	mulT(m, c.Hidden, d, matrix{y.b, d}, w.up, 0, matrix{y.h, c.Hidden})
	for i, v := range y.h {
		y.h[i] = max(v, 0)
	}
	mul(m, d, c.Hidden, matrix{y.h, c.Hidden}, w.down, 1, matrix{p.x, d})
}

// shift writes into a the first half of the channels of the token before and the second
// half of the token's own, and leaves each segment its last token's first half.
func (p *pass) shift(a, b []float32, d, l int) {
	half := d / 2
	for _, s := range p.spans {
		before := s.seg.layers[l].shifted
		if s.first == 0 && s.seg.parent != nil {
			copy(before, s.seg.parent.layers[l].shifted)
		}
		for r := s.row; r < s.row+s.n; r++ {
			copy(a[r*d:][:half], before)
			copy(a[r*d+half:][:d-half], b[r*d+half:][:d-half])
			before = b[r*d:][:half]
		}
		copy(s.seg.layers[l].shifted, before)
	}
}

// rmsNorm is y = gain x / rms(x) for each row; inv gets 1/rms.
func rmsNorm(y, inv, x, gain []float32) {
	d := len(gain)
	for i := range inv {
		u, v := x[i*d:][:d], y[i*d:][:d]
		var s0, s1 float32
		for j := 0; j+1 < d; j += 2 {
			s0 += u[j] * u[j]
			s1 += u[j+1] * u[j+1]
		}
		r := float32(1 / math.Sqrt(float64(s0+s1)/float64(d)+1e-6))
		inv[i] = r
		for j, g := range gain {
			v[j] = u[j] * r * g
		}
	}
}
