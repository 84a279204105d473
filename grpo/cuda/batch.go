package cuda

import (
	"github.com/grouprl/grouprl/grpo"
)

// Batch is a grpo.Batch whose token fields stand in device memory: the same fields in
// the same packed form, under the same contracts. Masked tokens are never read. What
// has one number a response, and the mask, stays on the host, where Totals are counted.
type Batch struct {
	Offsets []int // [S+1] response i owns tokens Offsets[i]:Offsets[i+1]
	Tokens  int   // T, the length of every token field

	LogProbs        Ptr // [T] log pi_theta of the sampled tokens: Rows.LogProbs of Forward
	OldLogProbs     Ptr // [T] the trainer's before this step; 0: on-policy
	RolloutLogProbs Ptr // [T] as the inference engine reported them; 0: not given
	RefLogProbs     Ptr // [T] the reference model's; 0: not given
	Entropies       Ptr // [T] in nats: Rows.Entropies of Forward; 0: not given
	TokenAdvantages Ptr // [T] ... or Advantages; exactly one of the two

	// Double says that the token fields, and the gradient, are float64 and not float32.
	Double bool

	Advantages []float64 // [S]
	Groups     []int     // [S] prompt of each response
	Episodes   []int     // [S] episode of each response
	Keys       []uint64  // [S] identity of each response
	Rewards    []float64 // [S] raw rewards
	Mask       []bool    // [T] tokens that count; nil: all
}

// Slice is responses i to j-1 as a batch that shares all memory: a micro-batch, as
// grpo.Batch.Slice. Token fields stay whole, so micro-batches share one Gradient.
func (b *Batch) Slice(i, j int) Batch {
	c := *b
	c.Offsets = b.Offsets[i : j+1]
	c.Advantages = part(b.Advantages, i, j)
	c.Groups = part(b.Groups, i, j)
	c.Episodes = part(b.Episodes, i, j)
	c.Keys = part(b.Keys, i, j)
	c.Rewards = part(b.Rewards, i, j)
	return c
}

func part[E any](x []E, i, j int) []E {
	if x == nil {
		return nil
	}
	return x[i:j]
}

// Len is S, the number of responses.
func (b *Batch) Len() int { return max(len(b.Offsets)-1, 0) }

// Count is grpo.Count: nothing of it reads the device.
func (b *Batch) Count(o *grpo.Objective) (grpo.Totals, error) {
	var c columns[float32]
	shape := c.shape(b)
	return grpo.Count(o, &shape)
}

// size is the bytes of a number in a token field.
func (b *Batch) size() int64 {
	if b.Double {
		return 8
	}
	return 4
}

// rows are the tokens of the batch's responses: first to last-1, of those that exist.
func (b *Batch) rows() (first, last int) {
	if len(b.Offsets) == 0 {
		return 0, 0
	}
	first, last = max(b.Offsets[0], 0), min(b.Offsets[b.Len()], b.Tokens)
	return first, max(first, last)
}

// ordered reports whether the offsets are those of a batch; grpo says what is wrong.
func (b *Batch) ordered() bool {
	at := 0
	for _, x := range b.Offsets {
		if x < at {
			return false
		}
		at = x
	}
	return len(b.Offsets) > 0 && at <= b.Tokens
}

// column is a token field by its name in grpo.Batch.
type column struct {
	name string
	ptr  Ptr
}

func (b *Batch) columns() [6]column {
	return [...]column{
		{"LogProbs", b.LogProbs}, {"OldLogProbs", b.OldLogProbs}, {"RolloutLogProbs", b.RolloutLogProbs},
		{"RefLogProbs", b.RefLogProbs}, {"Entropies", b.Entropies}, {"TokenAdvantages", b.TokenAdvantages},
	}
}

// check looks at the memory of every field that is given.
func (b *Batch) check(d *Device) error {
	if b.Len() == 0 || b.Tokens == 0 {
		return nil
	}
	for i, c := range b.columns() {
		if c.ptr == 0 && i > 0 { // LogProbs are always read
			continue
		}
		if err := d.checkVector("Batch."+c.name, c.ptr, int64(b.Tokens), b.size()); err != nil {
			return err
		}
	}
	return nil
}

// columns are what an objective writes.
func (g *Gradient) columns() [3]column {
	return [...]column{{"LogProbs", g.LogProbs}, {"Entropies", g.Entropies}, {"Losses", g.Losses}}
}

// check looks at the memory of a column of the gradient, as far as the batch's rows go.
func (c column) check(d *Device, b *Batch) error {
	if _, last := b.rows(); c.ptr != 0 && last > 0 {
		return d.checkVector("Gradient."+c.name, c.ptr, int64(last), b.size())
	}
	return nil
}
