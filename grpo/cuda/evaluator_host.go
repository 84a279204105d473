package cuda

import "github.com/grouprl/grouprl/grpo"

// columns are a batch on the host: its shape, to be checked by package grpo, and its
// numbers where package grpo evaluates them. Memory is kept between calls.
type columns[F grpo.Float] struct {
	engine  grpo.Evaluator[F]
	offsets []int
	blank   []F // [T] that nobody reads: a column's length is all that a check sees
	blanks  []float64

	batch      [5][]F // the columns of Batch, in their order, but for the last
	advantages []float64
	narrow     []F // TokenAdvantages as they come
	gradient   [3][]F
}

// shape is the batch with nothing in its token fields.
func (c *columns[F]) shape(b *Batch) grpo.Batch[F] {
	tokens := max(b.Tokens, 0)
	c.blank = resize(c.blank, tokens)
	given := func(p Ptr) []F {
		if p == 0 {
			return nil
		}
		return c.blank
	}
	s := grpo.Batch[F]{
		Offsets: b.Offsets, LogProbs: c.blank, OldLogProbs: given(b.OldLogProbs), RolloutLogProbs: given(b.RolloutLogProbs),
		RefLogProbs: given(b.RefLogProbs), Entropies: given(b.Entropies), Advantages: b.Advantages,
		Groups: b.Groups, Episodes: b.Episodes, Keys: b.Keys, Rewards: b.Rewards, Mask: b.Mask,
	}
	if b.TokenAdvantages != 0 {
		c.blanks = resize(c.blanks, tokens)
		s.TokenAdvantages = c.blanks
	}
	return s
}

// check is the error that grpo.Evaluator would return before it reads a number. It is
// grpo's own: of the same batch with no tokens in its responses.
func (c *columns[F]) check(scale float64, dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals) error {
	s := c.shape(b)
	if b.ordered() {
		_, last := b.rows()
		c.offsets = resize(c.offsets, len(b.Offsets))
		for i := range c.offsets {
			c.offsets[i] = last
		}
		s.Offsets = c.offsets
	}
	c.engine.Scale = scale
	_, err := c.engine.Eval(c.host(dst, func(int) []F { return c.blank }), o, &s, t)
	return err
}

// host is a gradient of host memory where dst has device memory.
func (c *columns[F]) host(dst Gradient, memory func(i int) []F) (g grpo.Gradient[F]) {
	for i, x := range dst.columns() {
		if x.ptr != 0 {
			*[...]*[]F{&g.LogProbs, &g.Entropies, &g.Losses}[i] = memory(i)
		}
	}
	return g
}

// evaluate copies the batch's rows here, evaluates them, and copies the gradient back.
func (c *columns[F]) evaluate(e *Evaluator, dst Gradient, o *grpo.Objective, b *Batch, t *grpo.Totals, add bool) (grpo.Stats, error) {
	d, stream := e.Stream.d, e.Stream.handle
	first, last := b.rows()
	// copies rows of a column: at(p) is their address.
	at := func(p Ptr) Ptr { return p + Ptr(int64(first)*b.size()) }
	download := func(dst []F, src Ptr) error {
		if first == last {
			return nil
		}
		return d.see(d.drv.Download(bytesOf(dst[first:last]), at(src), stream))
	}
	s := c.shape(b)
	for i, x := range b.columns() {
		if x.ptr == 0 {
			continue
		}
		if i == len(c.batch) {
			c.narrow = resize(c.narrow, b.Tokens)
			if err := download(c.narrow, x.ptr); err != nil {
				return grpo.Stats{}, err
			}
			c.advantages = resize(c.advantages, b.Tokens)
			for t := first; t < last; t++ {
				c.advantages[t] = float64(c.narrow[t])
			}
			s.TokenAdvantages = c.advantages
			continue
		}
		c.batch[i] = resize(c.batch[i], b.Tokens)
		if err := download(c.batch[i], x.ptr); err != nil {
			return grpo.Stats{}, err
		}
		*[...]*[]F{&s.LogProbs, &s.OldLogProbs, &s.RolloutLogProbs, &s.RefLogProbs, &s.Entropies}[i] = c.batch[i]
	}
	g := c.host(dst, func(i int) []F {
		c.gradient[i] = resize(c.gradient[i], b.Tokens)
		return c.gradient[i]
	})
	evaluate := c.engine.Eval
	if add {
		evaluate = c.engine.Add
		for i, x := range dst.columns() {
			if x.ptr == 0 {
				continue
			}
			if err := download(c.gradient[i], x.ptr); err != nil {
				return grpo.Stats{}, err
			}
		}
	}
	stats, err := evaluate(g, o, &s, t)
	if err != nil || first == last {
		return stats, err
	}
	for i, x := range dst.columns() {
		if x.ptr == 0 {
			continue
		}
		if err := d.see(d.drv.Upload(at(x.ptr), bytesOf(c.gradient[i][first:last]), stream)); err != nil {
			return grpo.Stats{}, err
		}
	}
	return stats, nil
}

func resize[E any](x []E, n int) []E {
	if cap(x) < n {
		x = make([]E, n+n/8)
	}
	return x[:n]
}
