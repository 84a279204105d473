package policy

// segment is a run of consecutive tokens of one sequence with their keys and
// values. It continues parent, if there is one; a parent has no parent.
//
// Keys and values lie transposed, one channel a row and one token a column, so
// that both products of attention run along tokens, which are many, and not along the
// 16 channels of a head.
type segment struct {
	parent *segment
	start  int // position of the first token
	n      int // tokens
	stride int // tokens that it has room for, a multiple of four
	layers []segmentLayer
}

type segmentLayer struct {
	keys, values   matrix    // [d × stride]
	dkeys, dvalues matrix    // [d × stride], in training
	shifted        []float32 // [d/2] what the token after the last sees of it (token shift)
}

// reset empties s and gives it room for capacity tokens after parent.
func (s *segment) reset(c *Config, parent *segment, capacity int) {
	s.parent, s.start, s.n, s.stride = parent, 0, 0, roundUp4(capacity)
	if parent != nil {
		s.start = parent.n
	}
	if s.layers == nil {
		s.layers = make([]segmentLayer, c.Layers)
	}
	for l := range s.layers {
		y := &s.layers[l]
		y.keys = matrix{grow(y.keys.data, c.Width*s.stride), s.stride}
		y.values = matrix{grow(y.values.data, c.Width*s.stride), s.stride}
		y.shifted = zeroed(y.shifted, c.Width/2)
	}
}

// resetGradients gives s zero gradients of its keys and values.
func (s *segment) resetGradients(c *Config) {
	for l := range s.layers {
		y := &s.layers[l]
		y.dkeys = matrix{zeroed(y.dkeys.data, c.Width*s.stride), s.stride}
		y.dvalues = matrix{zeroed(y.dvalues.data, c.Width*s.stride), s.stride}
	}
}

// store writes x into column t.
func (m matrix) store(t int, x []float32) {
	i := t
	for _, v := range x {
		m.data[i] = v
		i += m.stride
	}
}

// load reads column t into x.
func (m matrix) load(t int, x []float32) {
	i := t
	for c := range x {
		x[c] = m.data[i]
		i += m.stride
	}
}
