package openai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/grouprl/grouprl/rollout"
)

// reply is an answer that has been found whole.
type reply struct {
	completions []*rollout.Completion // [n], in the order of the choices
	usage       *usage                // nil: the server does not say
}

// or returns value, or def where value is 0.
func or[T comparable](value, def T) T {
	var zero T
	if value == zero {
		return def
	}
	return value
}

// ask has one question answered.
func (g *Generator) ask(ctx context.Context, q *question) (*reply, error) {
	body := g.body(q)
	return try(ctx, g, q, func(ctx context.Context, s *server, id string) (*reply, error) {
		return g.attempt(ctx, s, q, body, id)
	})
}

// try makes attempts until one succeeds, is refused for good, or none is left. One
// that fails leaves nothing behind. id is the same for all of them.
func try[T any](ctx context.Context, g *Generator, q *question, once func(ctx context.Context, s *server, id string) (T, error)) (none T, err error) {
	id := key()
	var failed *server
	for attempt := 1; ; attempt++ {
		release, err := g.limiter.acquire(ctx, q.tokens)
		if err != nil {
			return none, err
		}
		s, err := g.pool.take(ctx, q.tokens, failed)
		if err != nil {
			release()
			return none, err
		}
		end := g.pool.probeBeside(ctx)
		result, err := once(ctx, s, id)
		end()
		over := ctx.Err() != nil
		g.pool.give(s, q.tokens, err, !over)
		release()
		switch {
		case err == nil:
			return result, nil
		case over:
			return none, context.Cause(ctx)
		case !Retryable(err) || attempt > or(g.Retries, 4):
			return none, &RequestError{s.url, attempt, err}
		}
		failed = s
		if err := pause(ctx, g.jitter(attempt)); err != nil {
			return none, err
		}
	}
}

// jitter is the wait after so many attempts: uniform from 0 to the bound, which
// doubles each time, so that callers that failed together do not return together.
func (g *Generator) jitter(attempt int) time.Duration {
	bound, most := or(g.Backoff, 500*time.Millisecond), or(g.MaxBackoff, 30*time.Second)
	for range attempt - 1 {
		if bound >= most {
			break
		}
		bound *= 2
	}
	return rand.N(min(bound, most))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt makes one request of one server.
func (g *Generator) attempt(ctx context.Context, s *server, q *question, body any, id string) (r *reply, err error) {
	err = g.post(ctx, s, g.path(), body, id, q, func(header http.Header, events ssestream.Decoder, whole []byte) error {
		a := newAnswer(g.API, q.n, header.Get(or(g.VersionHeader, "X-Weight-Version")))
		var err error
		if events != nil {
			err = a.stream(events)
		} else {
			err = a.parse(whole)
		}
		if err != nil {
			return err
		}
		r, err = g.finish(a, q)
		return err
	})
	return r, err
}

// post makes one request and hands the answer to read: as events if it is a stream,
// else whole. What read may see is bounded in size, and every stage in time.
func (g *Generator) post(ctx context.Context, s *server, path string, body any, id string, q *question, read func(http.Header, ssestream.Decoder, []byte) error) (err error) {
	timeout := or(g.Timeout, 2*time.Hour)
	first := g.FirstByte
	switch {
	case first == 0 && q.stream:
		first = 10 * time.Minute
	case first == 0:
		first = timeout
	}
	ctx, watch := newWatch(ctx, timeout, first)
	defer watch.stop()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // a *TimeoutError, or the caller's
		}
	}()

	var res *http.Response
	err = s.client.Post(ctx, path, body, &res,
		option.WithHeader("Idempotency-Key", id),
		option.WithMaxRetries(0),
		option.WithMiddleware(refuse)) // the last one: closest to the wire
	if err != nil {
		return err
	}
	defer res.Body.Close()
	limited := &limitedBody{body: res.Body, left: g.maxBytes(q), limit: g.maxBytes(q)}
	watch.next(or(g.Idle, 2*time.Minute))
	if q.stream && strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		res.Body = io.NopCloser(limited)
		if err := read(res.Header, &watchedEvents{ssestream.NewDecoder(res), watch}, nil); err != nil {
			return err
		}
	} else {
		whole, err := io.ReadAll(&watchedReader{limited, watch})
		if err != nil {
			return err
		}
		if err := read(res.Header, nil, whole); err != nil {
			return err
		}
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // so that the connection is used again
	return nil
}

func (g *Generator) maxBytes(q *question) int64 {
	return or(g.MaxBytes, 1<<20+1<<10*int64(q.n)*int64(q.most))
}

// limitedBody is a body that ends in a *SizeError where it is too long.
type limitedBody struct {
	body        io.Reader
	left, limit int64
}

// Read implements io.Reader.
func (l *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.body.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &SizeError{l.limit}
	}
	return n, err
}

// refuse turns every status but 2xx into a *StatusError, of whose body it reads the
// beginning alone.
func refuse(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	res, err := next(r)
	if err != nil || res.StatusCode/100 == 2 {
		return res, err
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	res.Body.Close()
	return nil, &StatusError{Code: res.StatusCode, Message: message(text), RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now())}
}

// message finds what a server says in the body of an error: {"error": {"message"}}
// as OpenAI, {"message"} as older releases of vLLM and SGLang, {"detail"} as FastAPI
// have it, or the text as it is.
func message(body []byte) string {
	text := strings.TrimSpace(string(body))
	var fields map[string]json.RawMessage
	for json.Unmarshal([]byte(text), &fields) == nil {
		inner := first(fields, "error", "message", "detail")
		if inner == nil {
			break
		}
		text, fields = string(inner), nil
		if json.Unmarshal(inner, &text) == nil {
			break
		}
	}
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "")
	}
	return text
}

func first(fields map[string]json.RawMessage, names ...string) json.RawMessage {
	for _, name := range names {
		if f, ok := fields[name]; ok {
			return f
		}
	}
	return nil
}

// retryAfter reads the header: seconds, or a date. What it cannot read is 0.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, 24*3600) * float64(time.Second))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), 24*time.Hour)
}

// watch ends an attempt's context with a *TimeoutError where it takes too long.
type watch struct {
	cancel context.CancelCauseFunc
	total  *time.Timer
	stage  *time.Timer
	idle   time.Duration
}

func newWatch(ctx context.Context, total, first time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{cancel: cancel}
	w.total = w.after("whole answer", total)
	w.stage = w.after("first byte", first)
	return ctx, w
}

// after is a timer that ends the context; a negative time never does.
func (w *watch) after(stage string, d time.Duration) *time.Timer {
	if d < 0 {
		return nil
	}
	return time.AfterFunc(d, func() { w.cancel(&TimeoutError{stage, d}) })
}

// next begins the stage between chunks.
func (w *watch) next(idle time.Duration) {
	if w.stage != nil {
		w.stage.Stop()
	}
	w.idle, w.stage = idle, w.after("next chunk", idle)
}

// progress says that a chunk has come.
func (w *watch) progress() {
	if w.stage != nil {
		w.stage.Reset(w.idle)
	}
}

func (w *watch) stop() {
	for _, t := range []*time.Timer{w.total, w.stage} {
		if t != nil {
			t.Stop()
		}
	}
	w.cancel(nil)
}

// watchedReader counts every read as progress.
type watchedReader struct {
	io.Reader
	watch *watch
}

// Read implements io.Reader.
func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.watch.progress()
	}
	return n, err
}

// watchedEvents counts whole events alone as progress: a server that drips bytes or
// comments makes none.
type watchedEvents struct {
	ssestream.Decoder
	watch *watch
}

// Next implements ssestream.Decoder.
func (e *watchedEvents) Next() bool {
	ok := e.Decoder.Next()
	if ok {
		e.watch.progress()
	}
	return ok
}

// lost reports whether an error says that the server cannot be reached, or no longer
// answers: what makes it unhealthy at once.
func lost(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.RetryAfter == 0 && (status.Code == http.StatusBadGateway || status.Code == http.StatusServiceUnavailable || status.Code == http.StatusGatewayTimeout)
	}
	for _, answered := range []any{new(*AnswerError), new(*CountError), new(*LogProbError), new(*FinishError), new(*MissingError), new(*SizeError), new(*VersionError), new(*OptionsError)} {
		if errors.As(err, answered) {
			return false
		}
	}
	return err != nil
}
