package policy

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Policy is the model, its gradient and its optimiser. Sample may run in several
// goroutines at once, but not beside LogProbs, Backward, Step, ZeroGradient or
// ResetAdam, which are for one goroutine.
type Policy struct {
	// Adam is read by every Step and may be changed between steps.
	Adam Adam

	config   Config
	rotation rotation
	weights  parameters

	moment1, moment2 []float32 // Adam's
	steps            int       // Adam's step count

	shards  []shard      // gradients
	pending bool         // a gradient has been added since the last Step
	train   trainingPass // of the last LogProbs

	samplers sync.Pool // of *sampler
}

// New draws a policy at random. The error is a *ConfigError.
func New(c Config, seed uint64) (*Policy, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := allocate(c.withDefaults())
	p.weights.initialise(p.config, seed)
	return p, nil
}

// allocate makes the policy of a valid Config, all zero.
func allocate(c Config) *Policy {
	n := c.parameters()
	p := &Policy{
		config:  c,
		weights: view(c, make([]float32, n)),
		moment1: make([]float32, n), moment2: make([]float32, n),
		shards: make([]shard, c.Shards),
	}
	for i := range p.shards {
		p.shards[i].gradient = view(c, make([]float32, n))
	}
	p.rotation, _ = newRotation(c, Rope{}, c.Positions) // the frequencies of a valid Config are valid
	return p
}

// Clone returns an independent policy with the same weights, Adam state and
// settings. A gradient that waits for its Step is not copied.
func (p *Policy) Clone() *Policy {
	q := allocate(p.config)
	q.Adam = p.Adam
	q.steps = p.steps
	copy(q.weights.flat, p.weights.flat)
	copy(q.moment1, p.moment1)
	copy(q.moment2, p.moment2)
	return q
}

// Config returns the configuration with its defaults filled in.
func (p *Policy) Config() Config { return p.config }

// Parameters is a copy of all weights: embeddings [V × d], then each layer's two
// gains, qkv [d × 3d], out [d × d], up [hidden × d] and down [hidden × d], then
// the last gain and the head [d × V].
func (p *Policy) Parameters() []float32 { return slices.Clone(p.weights.flat) }

// Gradient is a copy of the accumulated gradient, laid out like Parameters.
func (p *Policy) Gradient() []float32 {
	sum := make([]float32, len(p.weights.flat))
	for i := range p.shards {
		add(sum, p.shards[i].gradient.flat)
	}
	return sum
}

// parallel calls f(0), ..., f(n-1) on as many goroutines as there are cores for them.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			f(int(i))
		}
	}
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
