package openai

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// server is one server, under the pool's lock but for what never changes.
type server struct {
	url    string
	health string
	client openai.Client

	load    int64         // tokens of requests under way
	down    bool          // not to be used before it has answered a health check
	probing bool          // somebody asks it
	next    time.Time     // of a server that is down: when to ask again
	wait    time.Duration // and how long that was
	strikes int           // requests that failed since one succeeded
	busy    time.Time     // it wants no request before: Retry-After
}

// pool chooses servers. It has no goroutine of its own: a server that is down is
// asked for its health by the next call, once its time has come.
type pool struct {
	http     *http.Client
	patience time.Duration

	mu      sync.Mutex
	servers []*server
	turn    int           // among servers of equal load
	changed chan struct{} // closed when a server may have become fit
	last    error         // that made a server unfit
}

// How servers are taken for unhealthy, and asked again.
const (
	maxStrikes   = 3               // failed answers in a row
	firstProbe   = 1 * time.Second // after a health check that failed; doubled for each next
	lastProbe    = 30 * time.Second
	probeTimeout = 5 * time.Second
)

func (g *Generator) newPool() *pool {
	p := &pool{http: g.client, patience: or(g.Patience, 5*time.Minute), changed: make(chan struct{})}
	for _, base := range g.Servers {
		api := base
		if g.API == Native {
			api = root(base)
		}
		// Not openai.NewClient: it takes keys, headers and organisations out of the
		// environment, and would hand them to whatever server this is.
		options := []option.RequestOption{option.WithBaseURL(api), option.WithHTTPClient(g.client)}
		if g.Key != "" {
			options = append(options, option.WithAPIKey(g.Key))
		}
		options = append(options, g.Options...)
		p.servers = append(p.servers, &server{url: base, health: root(base) + "/health", client: openai.Client{Options: options}})
	}
	return p
}

// take returns the least loaded server that is fit, and counts tokens on it; one
// other than avoid if there is one. It waits for one as long as the patience lasts.
func (p *pool) take(ctx context.Context, tokens int64, avoid *server) (*server, error) {
	begin := time.Now()
	for {
		p.mu.Lock()
		now := time.Now()
		if s := p.fit(now, avoid); s != nil {
			s.load += tokens
			p.mu.Unlock()
			return s, nil
		}
		if s := p.due(now); s != nil {
			p.mu.Unlock()
			p.probe(ctx, s)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			continue
		}
		at, probing := p.soonest(now)
		changed, last := p.changed, p.last
		p.mu.Unlock()

		left := p.patience - now.Sub(begin)
		if p.patience < 0 || left <= 0 || !probing && at.Sub(now) > left {
			return nil, &DownError{len(p.servers), now.Sub(begin), last}
		}
		wait := left
		if !at.IsZero() {
			wait = min(wait, at.Sub(now))
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// fit is the server to take, nil if there is none.
func (p *pool) fit(now time.Time, avoid *server) *server {
	var best *server
	p.turn++
	for i := range p.servers {
		s := p.servers[(p.turn+i)%len(p.servers)]
		switch {
		case s.down || now.Before(s.busy):
		case best == nil, best == avoid, s != avoid && s.load < best.load:
			best = s
		}
	}
	return best
}

// due is a server that is to be asked for its health, by whoever calls it; nil if
// there is none.
func (p *pool) due(now time.Time) *server {
	for _, s := range p.servers {
		if s.down && !s.probing && !now.Before(s.next) {
			s.probing = true
			return s
		}
	}
	return nil
}

// soonest is when a server may become fit, and whether one is being asked just now.
func (p *pool) soonest(now time.Time) (at time.Time, probing bool) {
	for _, s := range p.servers {
		when := s.busy
		switch {
		case s.probing:
			probing = true
			continue
		case s.down:
			when = s.next
		}
		if at.IsZero() || when.Before(at) {
			at = when
		}
	}
	return at, probing
}

// probeBeside asks a server that is due for its health while its caller waits for
// another one; the function that it returns calls that off and waits for its end.
func (p *pool) probeBeside(ctx context.Context) (end func()) {
	p.mu.Lock()
	s := p.due(time.Now())
	p.mu.Unlock()
	if s == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { p.probe(ctx, s) })
	return func() {
		cancel()
		done.Wait()
	}
}

// probe asks a server for its health. Whatever it answers below 500 is a sign of
// life: some servers have no such route.
func (p *pool) probe(ctx context.Context, s *server) {
	err := p.healthy(ctx, s)
	p.mu.Lock()
	defer p.mu.Unlock()
	s.probing = false
	switch {
	case err == nil:
		s.down, s.strikes, s.wait = false, 0, 0
	case ctx.Err() == nil:
		p.fell(s, err)
	}
	p.signal()
}

func (p *pool) healthy(ctx context.Context, s *server) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.health, nil)
	if err != nil {
		return err
	}
	res, err := p.http.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10)
	res.Body.Close()
	if res.StatusCode >= 500 {
		return &StatusError{Code: res.StatusCode}
	}
	return nil
}

// fell takes a server out until it has answered a health check: at once, and then
// after waits that double.
func (p *pool) fell(s *server, err error) {
	p.last = err
	if !s.down {
		s.down, s.next = true, time.Now()
		return
	}
	s.wait = min(max(2*s.wait, firstProbe), lastProbe)
	s.next = time.Now().Add(s.wait/2 + rand.N(s.wait/2))
}

// give returns a server after a request of so many tokens; err is what became of it,
// if it says anything of the server.
func (p *pool) give(s *server, tokens int64, err error, says bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.load -= tokens
	var status *StatusError
	switch {
	case !says:
	case err == nil:
		s.strikes, s.wait = 0, 0
	case errors.As(err, &status) && status.RetryAfter > 0:
		s.busy, p.last = time.Now().Add(status.RetryAfter), err
	case !Retryable(err), errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
	default:
		if s.strikes++; !s.down && (lost(err) || s.strikes >= maxStrikes) {
			p.fell(s, err)
		}
	}
	p.signal()
}

// signal wakes whoever waits.
func (p *pool) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}
