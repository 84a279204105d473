package policy

import (
	"fmt"
	"math"
	"slices"
)

// Group is a prompt and responses to it. The prompt is computed once.
type Group struct {
	Prompt    []int32   // at least one token
	Responses [][]int32 // of at least one token each
}

// trainingPass is the state between LogProbs and Backward.
type trainingPass struct {
	groups    []groupPass // those beyond n are spare
	n         int
	tokens    int // T; 0: nothing to go back through
	entropies []float32
}

// groupPass is the forward pass of one group.
type groupPass struct {
	pass     pass
	segments []segment // prompt, then responses
	targets  []target
	rows     int // input tokens, for the balance of shards
}

// target says that the logits of an output row predict token, which has packed index t.
type target struct {
	output int
	token  int32
	t      int
}

// shard is a fixed share of each training batch with a gradient of its own. Which
// core computes it makes no difference.
type shard struct {
	gradient parameters
	groups   []int
	scratch  scratch
}

// LogProbs returns the log-probabilities of every response token given what
// precedes it, packed [T] in the order of groups, responses and tokens. It keeps the
// activations for one Backward. An empty batch gives an empty slice.
//
// The bits do not depend on what else is in the batch, and equal those that Sample
// returned for the same weights. The error is an *InputError, before anything is
// computed.
func (p *Policy) LogProbs(groups []Group) ([]float32, error) {
	tokens, err := p.check(groups)
	if err != nil {
		return nil, err
	}
	t := &p.train
	t.n, t.tokens = len(groups), tokens
	for len(t.groups) < t.n {
		t.groups = append(t.groups, groupPass{})
	}
	packed := 0
	for i := range groups {
		packed = t.groups[i].layout(&groups[i], packed)
	}
	p.deal()
	logProbs := make([]float32, tokens)
	t.entropies = make([]float32, tokens)
	parallel(len(p.shards), func(s int) {
		for _, i := range p.shards[s].groups {
			t.groups[i].forward(p, &groups[i], logProbs, t.entropies)
		}
	})
	return logProbs, nil
}

// Entropies returns the entropy in nats of the distribution that each token of the last
// LogProbs was drawn from, packed [T].
func (p *Policy) Entropies() []float32 { return slices.Clone(p.train.entropies) }

// Backward adds sum_t g[t] dlogp_t/dtheta to the gradient, where logp is what the
// last LogProbs returned and g [T] is dL/dlogp. Calls add up until Step. The
// activations are used up. A group whose g is all zero costs nothing.
//
// Errors: ErrNoForward, an *InputError for another length, a *ValueError for a g that is
// not finite; the gradient is then untouched.
func (p *Policy) Backward(g []float32) error {
	t := &p.train
	if t.n == 0 {
		return ErrNoForward
	}
	if len(g) != t.tokens {
		return &InputError{-1, -1, -1, fmt.Sprintf("gradient has %d elements for %d tokens", len(g), t.tokens)}
	}
	for i, v := range g {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return &ValueError{"gradient of log-probability", i, f}
		}
	}
	parallel(len(p.shards), func(s int) {
		sh := &p.shards[s]
		for _, i := range sh.groups {
			gp := &t.groups[i]
			if gp.logitGradient(p.config.Vocabulary, g) {
				p.weights.backward(&p.config, &p.rotation, &gp.pass, &sh.gradient, &sh.scratch)
			}
		}
	})
	t.n, p.pending = 0, true
	return nil
}

// ZeroGradient drops the accumulated gradient and the activations of the last LogProbs.
func (p *Policy) ZeroGradient() {
	for i := range p.shards {
		clear(p.shards[i].gradient.flat)
	}
	p.train.n, p.pending = 0, false
}

// check returns the number of response tokens.
func (p *Policy) check(groups []Group) (int, error) {
	tokens := 0
	for i, g := range groups {
		if err := p.checkTokens(i, -1, g.Prompt); err != nil {
			return 0, err
		}
		for j, r := range g.Responses {
			if err := p.checkTokens(i, j, r); err != nil {
				return 0, err
			}
			if n := len(g.Prompt) + len(r); n > p.config.Positions {
				return 0, &InputError{i, j, -1, fmt.Sprintf("prompt and response have %d tokens, the policy has %d positions", n, p.config.Positions)}
			}
			tokens += len(r)
		}
	}
	return tokens, nil
}

func (p *Policy) checkTokens(group, response int, tokens []int32) error {
	if len(tokens) == 0 {
		return &InputError{group, response, -1, "has no tokens"}
	}
	if response < 0 && len(tokens) > p.config.Positions {
		return &InputError{group, response, -1, fmt.Sprintf("prompt has %d tokens, the policy has %d positions", len(tokens), p.config.Positions)}
	}
	for k, t := range tokens {
		if t < 0 || int(t) >= p.config.Vocabulary {
			return &InputError{group, response, k, fmt.Sprintf("token %d is not below %d", t, p.config.Vocabulary)}
		}
	}
	return nil
}

// deal gives each group to the shard with the fewest rows so far, largest group first.
func (p *Policy) deal() {
	order := make([]int, p.train.n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return p.train.groups[b].rows - p.train.groups[a].rows })
	load := make([]int, len(p.shards))
	for s := range p.shards {
		p.shards[s].groups = p.shards[s].groups[:0]
	}
	for _, i := range order {
		s := slices.Index(load, slices.Min(load))
		load[s] += p.train.groups[i].rows
		p.shards[s].groups = append(p.shards[s].groups, i)
	}
}

// layout lists the targets of g, whose first response token has packed index t, and
// returns the packed index after its last.
func (gp *groupPass) layout(g *Group, t int) int {
	gp.targets = gp.targets[:0]
	gp.rows = len(g.Prompt)
	output := 1 // output 0 is the prompt's last, which predicts every response's first token
	for _, r := range g.Responses {
		gp.targets = append(gp.targets, target{0, r[0], t})
		for k := 1; k < len(r); k++ {
			gp.targets = append(gp.targets, target{output, r[k], t + k})
			output++
		}
		t += len(r)
		gp.rows += len(r) - 1 // the last token is predicted, never read
	}
	return t
}

// forward fills in the log-probabilities and entropies of g and leaves the
// probabilities in pass.logits.
func (gp *groupPass) forward(p *Policy, g *Group, logProbs, entropies []float32) {
	c, x := &p.config, &gp.pass
	if n := len(g.Responses) + 1; len(gp.segments) < n {
		gp.segments = slices.Grow(gp.segments, n-len(gp.segments))[:n]
	}
	prompt := &gp.segments[0]
	prompt.reset(c, nil, len(g.Prompt))
	x.begin()
	x.add(c, prompt, -1, 1, g.Prompt...)
	for i, r := range g.Responses {
		if len(r) == 1 {
			continue
		}
		seg := &gp.segments[i+1]
		seg.reset(c, prompt, len(r)-1)
		x.add(c, seg, len(g.Prompt)-1, len(r)-1, r[:len(r)-1]...)
	}
	p.weights.forward(c, &p.rotation, x)

	for _, a := range gp.targets {
		logProbs[a.t] = x.logits[a.output*c.Vocabulary+int(a.token)]
	}
	rows := make([]distribution, len(x.outputs))
	for i := range rows {
		z := x.logits[i*c.Vocabulary:][:c.Vocabulary]
		rows[i] = softmax(z, z)
	}
	for _, a := range gp.targets {
		logProbs[a.t] = rows[a.output].logProb(logProbs[a.t])
		entropies[a.t] = rows[a.output].entropy
	}
}

// logitGradient turns the probabilities in pass.logits into dL/dlogits: a target adds
// g (onehot - probabilities) to its row. It returns false if every g is zero.
func (gp *groupPass) logitGradient(vocabulary int, g []float32) bool {
	sum := make([]float32, len(gp.pass.outputs))
	any := false
	for _, a := range gp.targets {
		sum[a.output] += g[a.t]
		any = any || g[a.t] != 0
	}
	if !any {
		return false
	}
	for i, s := range sum {
		row := gp.pass.logits[i*vocabulary:][:vocabulary]
		for j := range row {
			row[j] *= -s
		}
	}
	for _, a := range gp.targets {
		gp.pass.logits[a.output*vocabulary+int(a.token)] += g[a.t]
	}
	return true
}
