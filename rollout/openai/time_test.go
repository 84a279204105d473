package openai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/openai"
)

// transport answers requests in place of a network, under synctest's clock.
type transport func(r *http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const good = `{"choices":[{"index":0,"text":"ok","finish_reason":"stop","token_ids":[1,2],"prompt_token_ids":[3],"logprobs":{"tokens":["o","k"],"token_logprobs":[-1,-2]}}]}`

func respond(code int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {asJSON}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// over is a generator over a transport.
func over(f transport) *openai.Generator {
	return &openai.Generator{Servers: []string{"http://one/v1"}, MaxTokens: 10, Temperature: 1, HTTP: &http.Client{Transport: f}}
}

// Waits are drawn from [0, bound), the bound doubles from Backoff to MaxBackoff, and
// over many calls they fill it: callers that failed together spread out.
func TestFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bounds := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
		sums := make([]time.Duration, len(bounds))
		const calls = 400
		for range calls {
			var at []time.Time
			g := over(func(r *http.Request) (*http.Response, error) {
				at = append(at, time.Now())
				return respond(429, ""), nil
			})
			g.Backoff, g.MaxBackoff, g.Retries = time.Second, 5*time.Second, len(bounds)
			_, err := g.Generate(t.Context(), request("p", 0))
			var failed *openai.RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, len(bounds)+1, failed.Attempts)
			require.Len(t, at, len(bounds)+1)
			for i, bound := range bounds {
				wait := at[i+1].Sub(at[i])
				require.Less(t, wait, bound)
				sums[i] += wait
			}
		}
		for i, bound := range bounds { // the mean of a uniform: half the bound, give or take five standard errors
			require.InDelta(t, 0.5, float64(sums[i])/calls/float64(bound), 5*0.2887/20)
		}
	})
}

// A server that says Retry-After gets no request before; another one does meanwhile.
func TestRetryAfter(t *testing.T) {
	for header, wait := range map[string]time.Duration{
		"7":                             7 * time.Second,
		"1.5":                           1500 * time.Millisecond,
		"Sat, 01 Jan 2000 00:00:30 GMT": 30 * time.Second, // synctest's clock begins at midnight
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var at []time.Duration
			g := over(func(r *http.Request) (*http.Response, error) {
				at = append(at, time.Since(begin))
				if len(at) == 1 {
					return respond(429, "", "Retry-After", header), nil
				}
				return respond(200, good), nil
			})
			_, err := g.Generate(t.Context(), request("p", 0))
			require.NoError(t, err)
			require.Len(t, at, 2)
			require.Equal(t, wait, at[1], "the jitter of at most 500 ms lies within the wait")
		})
	}
	synctest.Test(t, func(t *testing.T) {
		count := map[string]int{}
		g := over(func(r *http.Request) (*http.Response, error) {
			count[r.URL.Host]++
			if r.URL.Host == "one" {
				return respond(503, "", "Retry-After", "60"), nil
			}
			return respond(200, good), nil
		})
		g.Servers = append(g.Servers, "http://two/v1")
		begin := time.Now()
		for i := range 20 {
			_, err := g.Generate(t.Context(), request("p", i))
			require.NoError(t, err)
		}
		require.Less(t, time.Since(begin), time.Second)
		require.Equal(t, map[string]int{"one": 1, "two": 20}, count)
	})
	synctest.Test(t, func(t *testing.T) { // longer than the patience: the caller hears why at once
		g := over(func(r *http.Request) (*http.Response, error) {
			return respond(429, "quota", "Retry-After", "3600"), nil
		})
		_, err := g.Generate(t.Context(), request("p", 0))
		var down *openai.DownError
		require.ErrorAs(t, err, &down)
		require.ErrorContains(t, err, "quota")
		require.True(t, openai.Retryable(err))
	})
}

// A call waits for a healthy server as long as its patience lasts, asking after 0,
// 1, 2, 4, ... seconds, at most 30 apart; then it says what is wrong.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []time.Time
		g := over(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/health" {
				checks = append(checks, time.Now())
			}
			return nil, errors.New("connection refused")
		})
		g.Patience = 2 * time.Minute
		begin := time.Now()
		_, err := g.Generate(t.Context(), request("p", 0))
		var down *openai.DownError
		require.ErrorAs(t, err, &down)
		require.ErrorContains(t, err, "connection refused")
		took := time.Since(begin)
		require.LessOrEqual(t, took, 2*time.Minute+time.Second)
		require.Greater(t, took, 90*time.Second, "less by one wait at most")
		require.GreaterOrEqual(t, len(checks), 8)
		for i, bound := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			wait := checks[i+1].Sub(checks[i])
			require.GreaterOrEqual(t, wait, bound*time.Second/2)
			require.Less(t, wait, bound*time.Second)
		}

		g = over(func(r *http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
		g.Patience = -1
		begin = time.Now()
		_, err = g.Generate(t.Context(), request("p", 0))
		require.ErrorAs(t, err, &down)
		require.Less(t, time.Since(begin), time.Second)
	})
	synctest.Test(t, func(t *testing.T) { // it comes back
		begin := time.Now()
		g := over(func(r *http.Request) (*http.Response, error) {
			if time.Since(begin) < time.Minute {
				return nil, errors.New("connection refused")
			}
			return respond(200, good), nil
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				_, err := g.Generate(t.Context(), request("p", i))
				require.NoError(t, err)
			})
		}
		all.Wait()
		require.Less(t, time.Since(begin), 2*time.Minute)
	})
}

// A server that is down is asked for its health beside the requests that another one
// answers, and used again when it is well.
func TestHealthBesideWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		sick := func() bool { return time.Since(begin) < time.Minute }
		count := map[string]int{}
		var mu sync.Mutex
		g := over(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			count[r.URL.Host+r.URL.Path]++
			mu.Unlock()
			if r.URL.Host == "one" && sick() {
				return respond(502, ""), nil
			}
			time.Sleep(time.Second)
			return respond(200, good), nil
		})
		g.Servers = append(g.Servers, "http://two/v1")
		for i := range 120 {
			_, err := g.Generate(t.Context(), request("p", i))
			require.NoError(t, err)
		}
		require.Less(t, count["one/health"], 10)
		require.InDelta(t, 25, count["one/v1/completions"], 15, "half of those in the second minute")
	})
}

// Three failed answers in a row make a server unhealthy, and one good one forgives.
func TestStrikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paths []string
		bad := "bad bad good bad bad bad good"
		answers := strings.Fields(bad)
		g := over(func(r *http.Request) (*http.Response, error) {
			paths = append(paths, r.URL.Path)
			if r.URL.Path == "/health" {
				return respond(404, ""), nil // no such route, but alive
			}
			a := answers[0]
			answers = answers[1:]
			if a == "bad" {
				return respond(500, ""), nil
			}
			return respond(200, good), nil
		})
		for i := range 2 {
			_, err := g.Generate(t.Context(), request("p", i))
			require.NoError(t, err)
		}
		c, h := "/v1/completions", "/health"
		require.Equal(t, []string{c, c, c, c, c, c, h, c}, paths)
	})
}

// dripping is a body that gives one piece an interval, for ever.
type dripping struct {
	ctx   context.Context
	every time.Duration
	piece string
}

func (d dripping) Read(p []byte) (int, error) {
	select {
	case <-time.After(d.every):
		return copy(p, d.piece), nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (dripping) Close() error { return nil }

// A server that hangs before its headers, in the middle, or drips is given up after
// the time of that stage, whatever it drips.
func TestSlowLoris(t *testing.T) {
	body := func(stream bool, every time.Duration, piece string) transport {
		return func(r *http.Request) (*http.Response, error) {
			res := respond(200, "")
			if stream {
				res.Header.Set("Content-Type", asStream)
			}
			res.Body = dripping{r.Context(), every, piece}
			return res, nil
		}
	}
	hang := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for name, c := range map[string]struct {
		transport transport
		stream    bool
		stage     string
		after     time.Duration
	}{
		"no headers":           {hang, false, "first byte", 2 * time.Hour}, // the same as Timeout, which was set before
		"no headers, stream":   {hang, true, "first byte", 10 * time.Minute},
		"no body":              {body(false, 24*time.Hour, "x"), false, "next chunk", 2 * time.Minute},
		"no events":            {body(true, 24*time.Hour, "x"), true, "next chunk", 2 * time.Minute},
		"a byte a second":      {body(false, time.Second, " "), false, "whole answer", 2 * time.Hour},
		"comments":             {body(true, time.Second, ": keep-alive\n\n"), true, "next chunk", 2 * time.Minute},
		"a line without end":   {body(true, time.Second, "x"), true, "next chunk", 2 * time.Minute},
		"an event each minute": {body(true, time.Minute, chunk), true, "whole answer", 2 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := over(c.transport)
			g.Stream, g.Retries, g.MaxBytes = c.stream, -1, 1<<30
			begin := time.Now()
			_, err := g.Generate(t.Context(), request("p", 0))
			var late *openai.TimeoutError
			require.ErrorAs(t, err, &late, name)
			require.True(t, openai.Retryable(err))
			require.Equal(t, c.after, late.After, name)
			if name != "no headers" {
				require.Equal(t, c.stage, late.Stage, name)
			}
			require.Equal(t, c.after, time.Since(begin), name)
		})
	}
	synctest.Test(t, func(t *testing.T) { // no bound at all, and then the caller's
		g := over(hang)
		g.FirstByte, g.Idle, g.Timeout = -1, -1, -1
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
		defer cancel()
		_, err := g.Generate(ctx, request("p", 0))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A call ends when its context does, wherever it waits, with the context's cause.
func TestCancellation(t *testing.T) {
	stopped := errors.New("stopped")
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	for name, set := range map[string]func() *openai.Generator{
		"headers": func() *openai.Generator { return over(hang) },
		"body": func() *openai.Generator {
			return over(func(r *http.Request) (*http.Response, error) {
				res := respond(200, "")
				res.Body = dripping{r.Context(), time.Second, " "}
				return res, nil
			})
		},
		"stream": func() *openai.Generator {
			g := over(func(r *http.Request) (*http.Response, error) {
				res := respond(200, "", "Content-Type", asStream)
				res.Body = dripping{r.Context(), time.Second, chunk}
				return res, nil
			})
			g.Stream = true
			return g
		},
		"backoff": func() *openai.Generator {
			g := over(func(r *http.Request) (*http.Response, error) { return respond(429, ""), nil })
			g.Backoff, g.MaxBackoff, g.Retries = 1000*time.Hour, 1000*time.Hour, 1000
			return g
		},
		"busy": func() *openai.Generator {
			g := over(func(r *http.Request) (*http.Response, error) { return respond(429, "", "Retry-After", "9999"), nil })
			g.Patience = 100 * time.Hour
			return g
		},
		"down": func() *openai.Generator {
			g := over(func(r *http.Request) (*http.Response, error) { return nil, errors.New("refused") })
			g.Patience = 100 * time.Hour
			return g
		},
		"health": func() *openai.Generator {
			return over(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/health" {
					return hang(r)
				}
				return nil, errors.New("refused")
			})
		},
		"length": func() *openai.Generator {
			g := over(hang)
			g.Budget.Window = 100
			return g
		},
		"limit": func() *openai.Generator {
			g := over(hang)
			g.InFlight = 1
			return g
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := set()
			ctx, cancel := context.WithCancelCause(t.Context())
			var all sync.WaitGroup
			for i := range 3 {
				all.Go(func() {
					_, err := g.Generate(ctx, request("p", i))
					require.ErrorIs(t, err, stopped, name)
				})
			}
			time.Sleep(3*time.Second + time.Millisecond)
			begin := time.Now()
			cancel(stopped)
			all.Wait()
			require.Zero(t, time.Since(begin), name)
		})
	}
}

// A call that succeeded leaves no timer and no context behind.
func TestNothingIsLeft(t *testing.T) {
	var left context.Context
	g := over(func(r *http.Request) (*http.Response, error) {
		left = r.Context()
		return respond(200, good), nil
	})
	_, err := g.Generate(t.Context(), request("p", 0))
	require.NoError(t, err)
	require.ErrorIs(t, left.Err(), context.Canceled)
}

// One caller asks for a prompt's length and is called off; another that waited asks
// itself. One that failed tells the others.
func TestLengthIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := 0
		g := over(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), `"max_tokens":1,`) {
				mu.Lock()
				asked++
				mu.Unlock()
				select {
				case <-time.After(10 * time.Second):
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
				return respond(200, `{"choices":[{"index":0,"text":"x","finish_reason":"length"}],"usage":{"prompt_tokens":95}}`), nil
			}
			return respond(200, good), nil
		})
		g.Budget.Window = 100
		first, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := g.Generate(first, request("p", 0))
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		for i := range 10 {
			all.Go(func() {
				_, err := g.Generate(t.Context(), request("p", i))
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		require.Equal(t, 1, asked)
		cancel()
		all.Wait()
		require.Equal(t, 2, asked)
	})
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := over(func(r *http.Request) (*http.Response, error) {
			asked++
			time.Sleep(time.Second)
			return respond(400, "too long"), nil
		})
		g.Budget.Window = 100
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				_, err := g.Generate(t.Context(), request("p", i))
				require.ErrorContains(t, err, "too long")
			})
		}
		all.Wait()
		require.Equal(t, 1, asked)
	})
}

// Requests wait for room in the order in which they came: a large one is not passed
// over by small ones.
func TestLimitIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		g := over(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			order = append(order, fmt.Sprint(strings.Count(string(body), "5")))
			mu.Unlock()
			time.Sleep(time.Second)
			return respond(200, strings.Replace(good, `"prompt_token_ids":[3],`, "", 1)), nil
		})
		g.InFlight, g.Unseeded = 100, true
		g.Prompt = func(p *rollout.Problem) (openai.Prompt, error) {
			tokens := make([]int32, 80)
			if p.ID == "small" {
				tokens = tokens[:40]
			}
			for i := range tokens {
				tokens[i] = 5
			}
			return openai.Prompt{Tokens: tokens}, nil
		}
		var all sync.WaitGroup
		for i, id := range []string{"small", "large", "small", "small"} {
			all.Go(func() {
				_, err := g.Generate(t.Context(), request(id, i))
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		all.Wait()
		require.Equal(t, []string{"40", "80", "40", "40"}, order)
	})
}
