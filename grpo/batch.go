package grpo

import "fmt"

// Float is the type of a trainer's log-probabilities. All arithmetic inside is
// float64 whatever F is.
type Float interface{ float32 | float64 }

// Batch is S responses in packed form: all that an objective may read. Nil
// optional fields mean "not given"; an objective that needs one of them says so
// in a *FieldError.
//
// Log-probabilities are natural logarithms, at the sampling temperature. Masked
// tokens are never read in any field, so they may hold anything, NaN included.
//
// A padded [B, L] tensor is a Batch as it is: Offsets[i] = i*L and Mask = the
// completion mask.
type Batch[F Float] struct {
	Offsets         []int     // [S+1] response i owns tokens Offsets[i]:Offsets[i+1]; Offsets[0] may be non-zero
	LogProbs        []F       // [T] log pi_theta of the sampled tokens: the variable
	OldLogProbs     []F       // [T] the trainer's before this step; nil: on-policy, equal to LogProbs and constant
	RolloutLogProbs []F       // [T] as the inference engine reported them
	RefLogProbs     []F       // [T] the reference model's
	Entropies       []F       // [T] entropy of the whole distribution at each token, in nats
	Advantages      []float64 // [S] one a response ...
	TokenAdvantages []float64 // [T] ... or one a token; exactly one of the two
	Groups          []int     // [S] prompt of each response, any ints
	Episodes        []int     // [S] episode of each response, where one rollout is split over several
	Keys            []uint64  // [S] identity of each response, for parts that draw at random: a split draws alike
	Rewards         []float64 // [S] raw rewards, for the few rules that look at them
	Mask            []bool    // [T] tokens that count; nil: all
}

// Slice returns responses i to j-1 as a batch that shares all memory: a
// micro-batch. Token fields stay whole and Offsets keep their values, so all
// micro-batches of a step can write to one Gradient. It panics if i or j is out
// of range, as slicing does.
func (b *Batch[F]) Slice(i, j int) Batch[F] {
	c := *b
	c.Offsets = b.Offsets[i : j+1]
	c.Advantages = slicePart(b.Advantages, i, j)
	c.Groups = slicePart(b.Groups, i, j)
	c.Episodes = slicePart(b.Episodes, i, j)
	c.Keys = slicePart(b.Keys, i, j)
	c.Rewards = slicePart(b.Rewards, i, j)
	return c
}

func slicePart[E any](x []E, i, j int) []E {
	if x == nil {
		return nil
	}
	return x[i:j]
}

// Len returns S, the number of responses.
func (b *Batch[F]) Len() int { return max(len(b.Offsets)-1, 0) }

// check returns a *BatchError if lengths or offsets are inconsistent.
func (b *Batch[F]) check() error {
	if err := checkOffsets(b.Offsets, len(b.LogProbs)); err != nil {
		return err
	}
	s, t := b.Len(), len(b.LogProbs)
	for _, f := range [...]struct {
		name      string
		got, want int
	}{
		{"OldLogProbs", len(b.OldLogProbs), t}, {"RolloutLogProbs", len(b.RolloutLogProbs), t},
		{"RefLogProbs", len(b.RefLogProbs), t}, {"Entropies", len(b.Entropies), t},
		{"TokenAdvantages", len(b.TokenAdvantages), t}, {"Mask", len(b.Mask), t},
		{"Advantages", len(b.Advantages), s}, {"Groups", len(b.Groups), s},
		{"Episodes", len(b.Episodes), s}, {"Keys", len(b.Keys), s}, {"Rewards", len(b.Rewards), s},
	} {
		if f.got != 0 && f.got != f.want {
			per := "T tokens"
			if f.want == s && f.want != t {
				per = "S responses"
			}
			return &BatchError{"Batch." + f.name, fmt.Sprintf("length %d, want %d (%s) or none", f.got, f.want, per)}
		}
	}
	return nil
}

func checkOffsets(offsets []int, tokens int) error {
	const field = "Batch.Offsets"
	if len(offsets) == 0 {
		return &BatchError{field, "empty; S responses need S+1 offsets"}
	}
	if offsets[0] < 0 {
		return &BatchError{field, fmt.Sprintf("starts at %d", offsets[0])}
	}
	for i := range len(offsets) - 1 {
		if offsets[i+1] < offsets[i] {
			return &BatchError{field, fmt.Sprintf("falls from %d to %d at response %d", offsets[i], offsets[i+1], i)}
		}
	}
	if last := offsets[len(offsets)-1]; last > tokens {
		return &BatchError{field, fmt.Sprintf("ends at %d, but there are %d log-probabilities", last, tokens)}
	}
	return nil
}

// MaskResponses takes whole responses out of the mask [T], in place: those with
// drop[i] set no longer count anywhere, neither as tokens nor as responses. It is
// what TRL (mask_truncated_completions) and NeMo-RL (overlong_filtering) do with
// truncated responses; call it before Count. Compare advantage.Overlong, which
// leaves their tokens in the counts and their advantage at 0.
func MaskResponses(mask []bool, offsets []int, drop []bool) error {
	if err := checkOffsets(offsets, len(mask)); err != nil {
		return err
	}
	if len(drop) != len(offsets)-1 {
		return &BatchError{"drop", fmt.Sprintf("length %d, want %d (S responses)", len(drop), len(offsets)-1)}
	}
	for i, d := range drop {
		if d {
			clear(mask[offsets[i]:offsets[i+1]])
		}
	}
	return nil
}
