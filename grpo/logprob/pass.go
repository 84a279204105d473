package logprob

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// pass is one call: its arguments, and what its workers share. Passes are reused, so
// that a call allocates nothing.
type pass[E Element, F Float] struct {
	forward, backward bool
	x, dst            Logits[E]
	targets           []int32
	rows              Rows[F]
	partials          []Partial
	g                 Gradient[F]
	o                 Options

	next  atomic.Int64 // row that nobody has taken yet
	batch int64        // rows to take at once
	wait  sync.WaitGroup
	lock  sync.Mutex
	err   *RowError // of the first bad row
	run   func()    // work, as a value
}

// pools holds idle passes, one pool for each pair of types.
var pools [6]sync.Pool

func pool[E Element, F Float]() *sync.Pool {
	i := 0
	switch any(E(0)).(type) {
	case BFloat16:
		i = 1
	case Float16:
		i = 2
	}
	if _, ok := any(F(0)).(float64); ok {
		i += 3
	}
	return &pools[i]
}

func newPass[E Element, F Float]() *pass[E, F] {
	if p, ok := pool[E, F]().Get().(*pass[E, F]); ok {
		return p
	}
	p := new(pass[E, F])
	p.run = func() {
		defer p.wait.Done()
		p.work()
	}
	return p
}

func (p *pass[E, F]) check() error {
	if err := p.x.check("Logits"); err != nil {
		return err
	}
	if err := p.o.check(p.x.Rows, p.x.Vocab); err != nil {
		return err
	}
	if p.targets != nil && int64(len(p.targets)) != p.x.Rows {
		return &ShapeError{"Targets", fmt.Sprintf("has %d elements for %d rows", len(p.targets), p.x.Rows)}
	}
	if p.targets == nil && p.x.Rows > 0 && (p.forward && p.rows.LogProbs != nil || p.g.LogProbs != nil) {
		return &ShapeError{"Targets", "is not given, and log-probabilities are of targets"}
	}
	if err := p.rows.check(p.x.Rows); err != nil {
		return err
	}
	if !p.backward {
		return nil
	}
	if err := p.dst.check("dst"); err != nil {
		return err
	}
	if p.dst.Rows != p.x.Rows || p.dst.Vocab != p.x.Vocab {
		return &ShapeError{"dst", fmt.Sprintf("is %d rows of %d for logits of %d rows of %d", p.dst.Rows, p.dst.Vocab, p.x.Rows, p.x.Vocab)}
	}
	return p.g.check(p.x.Rows)
}

// do runs the pass unless err says that it is impossible, and puts it away.
func (p *pass[E, F]) do(err error) error {
	if err == nil {
		p.batch = max(1, callElements/p.x.Vocab)
		workers := min(int64(max(p.o.Workers, 1)), (p.x.Rows+p.batch-1)/p.batch)
		p.next.Store(0)
		for i := int64(1); i < workers; i++ {
			p.wait.Add(1)
			go p.run()
		}
		p.work()
		p.wait.Wait()
		if p.err != nil {
			err = p.err
		}
	}
	run := p.run
	p.forward, p.backward, p.err = false, false, nil
	p.x, p.dst, p.targets, p.rows, p.partials = Logits[E]{}, Logits[E]{}, nil, Rows[F]{}, nil
	p.g, p.o, p.run = Gradient[F]{}, Options{}, run
	pool[E, F]().Put(p)
	return err
}

// work takes rows until none is left.
func (p *pass[E, F]) work() {
	var s scan
	s.begin(p.o.temperature())
	for {
		from := p.next.Add(p.batch) - p.batch
		if from >= p.x.Rows {
			return
		}
		for r := from; r < min(from+p.batch, p.x.Rows); r++ {
			if err := p.one(&s, r); err != nil {
				p.lock.Lock()
				if p.err == nil || r < p.err.Row {
					p.err = err
				}
				p.lock.Unlock()
			}
		}
	}
}

// one does row r.
func (p *pass[E, F]) one(s *scan, r int64) (err *RowError) {
	var lse, entropy float64
	done := false
	if p.forward {
		var sums Partial
		if p.backward {
			sums, err, done = p.both(s, r)
		}
		if !done {
			sums, err = p.row(s, r)
		}
		if err != nil {
			sums = Partial{Sum: math.NaN(), Found: true}
		}
		lse, entropy = sums.LSE(), sums.Entropy()
		if p.partials != nil {
			p.partials[r] = sums
		} else {
			p.rows.set(r, &sums)
		}
	} else {
		if p.rows.LSE != nil {
			lse = p.rows.LSE[r]
		}
		if p.rows.Entropies != nil {
			entropy = float64(p.rows.Entropies[r])
		}
	}
	if p.backward {
		if err == nil && !done {
			err = p.gradient(s, r, lse, entropy)
		}
		if err != nil {
			clear(p.dst.Row(r))
		}
	}
	return err
}
