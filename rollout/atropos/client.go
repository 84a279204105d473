package atropos

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Client talks to a trajectory server, ours or the reference one. URL is required,
// the zero value of the rest is useful. It is used by any number of goroutines.
//
// It never asks for a packed answer: the reference server takes more than twice as long
// to pack a batch as to send it. There is no timeout but the context's, since a batch
// may take minutes.
type Client struct {
	URL     string        // "http://127.0.0.1:8000"
	Token   string        // sent as "Authorization: Bearer ..."; "": none
	HTTP    *http.Client  // nil: one of its own kind, without a timeout
	Gzip    bool          // pack posts of 1 KiB and more, at the fastest level: for slow networks
	Retries int           // attempts after one that failed with a broken connection or a status of 500 or more; 0: 3, negative: none. A full queue (status 503) is waited for as long as the context lasts
	Backoff time.Duration // wait before the first of them, doubled for each next up to 10 s, less up to a half at random; 0: 500 ms
	Poll    time.Duration // between questions of WaitBatch and RegisterEnv; 0: 1 s
}

// transport never asks for gzip.
var transport = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.MaxIdleConnsPerHost = 16
	t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
	return t
}()

var plainHTTP = &http.Client{Transport: transport}

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

// do makes one request, again where that may help, and hands the answer's body to
// read. key makes a post that comes twice count once, for servers that look at it.
func (c *Client) do(ctx context.Context, method, path string, body []byte, key string, read func(io.Reader) error) error {
	retries, wait := c.Retries, c.Backoff
	if retries == 0 {
		retries = 3
	}
	if wait == 0 {
		wait = 500 * time.Millisecond
	}
	for attempt := 0; ; {
		err := c.once(ctx, method, path, body, key, read)
		var status *HTTPError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &status) && status.Code < 500:
			return err
		case errors.As(err, new(*JSONError)), errors.As(err, new(*ReplyError)):
			return err
		case errors.As(err, &status) && status.Code == http.StatusServiceUnavailable:
		case attempt >= retries:
			return err
		default:
			attempt++
		}
		if err := pause(ctx, wait/2+mathrand.N(wait/2+1)); err != nil {
			return err
		}
		wait = min(2*wait, 10*time.Second)
	}
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, key string, read func(io.Reader) error) error {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, r)
	if err != nil {
		return fmt.Errorf("atropos: %w", err)
	}
	q.Header.Set("Accept-Encoding", "identity")
	if c.Token != "" {
		q.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
		if len(body) > 1 && body[0] == 0x1f && body[1] == 0x8b {
			q.Header.Set("Content-Encoding", "gzip")
		}
	}
	if key != "" {
		q.Header.Set("Idempotency-Key", key)
	}
	client := c.HTTP
	if client == nil {
		client = plainHTTP
	}
	a, err := client.Do(q)
	if err != nil {
		return fmt.Errorf("atropos: %w", err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(a.Body, 1000))
		return &HTTPError{method, path, a.StatusCode, string(text)}
	}
	if err := read(a.Body); err != nil {
		return err
	}
	io.CopyN(io.Discard, a.Body, 1<<10) // so that the connection is used again
	return nil
}

// ask makes a small request and reads its answer into v.
func (c *Client) ask(ctx context.Context, method, path string, in, v any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("atropos: %w", err)
		}
	}
	return c.do(ctx, method, path, body, "", func(r io.Reader) error {
		b, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, v); err != nil {
			return &JSONError{Why: fmt.Sprintf("%s %s: %v", method, path, err)}
		}
		return nil
	})
}

// Register registers the trainer and returns the number that the server gives it, of
// 128 bits. If a trainer has registered before, the server goes on as that one said;
// Reset first to begin anew.
func (c *Client) Register(ctx context.Context, r Registration) (*big.Int, error) {
	var reply registered
	if err := c.ask(ctx, "POST", "/register", r, &reply); err != nil {
		return nil, err
	}
	if reply.UUID == nil {
		return nil, &ReplyError{"POST", "/register", "no uuid", ""}
	}
	return reply.UUID, nil
}

// Info is what the trainer registered. Before it has, BatchSize is -1.
func (c *Client) Info(ctx context.Context) (info Info, err error) {
	return info, c.ask(ctx, "GET", "/info", nil, &info)
}

// Status is the state of the server.
func (c *Client) Status(ctx context.Context) (status Status, err error) {
	return status, c.ask(ctx, "GET", "/status", nil, &status)
}

// WandbInfo is the group and project that the trainer registered, "" before it has.
func (c *Client) WandbInfo(ctx context.Context) (group, project string, err error) {
	var reply struct{ Group, Project string }
	err = c.ask(ctx, "GET", "/wandb_info", nil, &reply)
	return reply.Group, reply.Project, err
}

// Reset forgets the trainer, the environments and all groups.
func (c *Client) Reset(ctx context.Context) error {
	return c.do(ctx, "GET", "/reset_data", nil, "", func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
}

// LatestExample is the group that entered the queue last; nil if none has.
func (c *Client) LatestExample(ctx context.Context) (d *ScoredData, err error) {
	err = c.do(ctx, "GET", "/latest_example", nil, "", func(r io.Reader) error {
		p := newParser(r)
		b := p.raw()
		if err := p.finish(); err != nil {
			return err
		}
		var shape struct{ Tokens []json.RawMessage }
		if err := json.Unmarshal(b, &shape); err != nil || len(shape.Tokens) == 0 {
			return nil // empty lists, also where objects belong
		}
		d = new(ScoredData)
		return d.UnmarshalJSON(b)
	})
	return d, err
}

// Batch returns the next batch; nil if there is none yet. It is the trainer's first
// call of it that lets environments register.
func (c *Client) Batch(ctx context.Context) (batch []*ScoredData, err error) {
	err = c.do(ctx, "GET", "/batch", nil, "", func(r io.Reader) error {
		var status, message string
		batch = nil
		p := newParser(r)
		p.object(func(key string) {
			switch key {
			case "batch":
				if p.null() {
					return
				}
				p.list(func() {
					d := new(ScoredData)
					p.scored(d)
					batch = append(batch, d)
				})
			case "status":
				p.decode(&status)
			case "message":
				p.decode(&message)
			default:
				p.raw()
			}
		})
		if err := p.finish(); err != nil {
			batch = nil
			if !errors.As(err, new(*JSONError)) {
				return fmt.Errorf("atropos: GET /batch: %w", err)
			}
			return err
		}
		if status != "" && status != "success" {
			batch = nil
			return &ReplyError{"GET", "/batch", status, message}
		}
		return nil
	})
	return batch, err
}

// WaitBatch asks for a batch until there is one.
func (c *Client) WaitBatch(ctx context.Context) ([]*ScoredData, error) {
	for {
		batch, err := c.Batch(ctx)
		if err != nil || batch != nil {
			return batch, err
		}
		if err := pause(ctx, c.poll()); err != nil {
			return nil, err
		}
	}
}

// Batches yields one batch after the other, and an error at the end: ctx's cause, or
// what the server said.
func (c *Client) Batches(ctx context.Context) iter.Seq2[[]*ScoredData, error] {
	return func(yield func([]*ScoredData, error) bool) {
		for {
			batch, err := c.WaitBatch(ctx)
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

func (c *Client) poll() time.Duration {
	if c.Poll == 0 {
		return time.Second
	}
	return c.Poll
}

// Env is a registered environment. Only a registered one can post: the reference
// server never hands out a batch again once a group has come before the trainer.
type Env struct {
	EnvInfo
	Registration EnvRegistration
	Trainer      Info
	client       *Client
}

// RegisterEnv registers an environment, and waits until the trainer has registered
// and asked for its first batch. A group size of 0 is 8, a weight of 0 is 1.
func (c *Client) RegisterEnv(ctx context.Context, r EnvRegistration) (*Env, error) {
	if r.GroupSize == 0 {
		r.GroupSize = 8
	}
	if r.Weight == 0 {
		r.Weight = 1
	}
	for {
		var reply struct {
			Status string
			ID     *int `json:"env_id"`
			EnvInfo
		}
		if err := c.ask(ctx, "POST", "/register-env", r, &reply); err != nil {
			return nil, err
		}
		switch {
		case reply.Status == "success" && reply.ID != nil:
			e := &Env{EnvInfo: reply.EnvInfo, Registration: r, client: c}
			e.EnvInfo.ID = *reply.ID
			var err error
			e.Trainer, err = c.Info(ctx)
			return e, err
		case strings.HasPrefix(reply.Status, "wait"):
		default:
			return nil, &ReplyError{"POST", "/register-env", reply.Status, "neither success nor wait"}
		}
		if err := pause(ctx, c.poll()); err != nil {
			return nil, err
		}
	}
}

// Refusal says why a group should not be posted; RefusalNone: it should.
type Refusal int

// Refusals, in the order in which they are looked for.
const (
	RefusalNone Refusal = iota
	SameScores          // all scores are equal: no signal. It is dynamic sampling as environments do it
	TooLong             // a sequence has as many tokens as the trainer takes, or more
	WrongSize           // not the registered number of sequences: the server would wait for others that fill it up
)

// String is the constant's name.
func (r Refusal) String() string {
	switch r {
	case RefusalNone:
		return "RefusalNone"
	case SameScores:
		return "SameScores"
	case TooLong:
		return "TooLong"
	case WrongSize:
		return "WrongSize"
	}
	return "Refusal(" + strconv.Itoa(int(r)) + ")"
}

// Refuse says which of the reference environment's rules keep a group from being
// posted. Post does not ask: whether to keep them is the environment's choice.
func (e *Env) Refuse(d *ScoredData) Refusal {
	same := true
	for _, s := range d.Scores {
		same = same && s == d.Scores[0]
	}
	if same {
		return SameScores
	}
	for _, t := range d.Tokens {
		if e.Trainer.MaxTokenLen > 0 && len(t) >= e.Trainer.MaxTokenLen {
			return TooLong
		}
	}
	if len(d.Tokens) != e.Registration.GroupSize {
		return WrongSize
	}
	return RefusalNone
}

// Posted is the answer to Post.
type Posted struct {
	Groups   int // that the server took
	Buffered int // of these, not of the registered size: they wait for others that add up to it
	Waiting  int // sequences that wait so
}

// Post sends groups, with this environment's ID. Each is checked first (*ShapeError).
//
// A post whose answer was lost is sent again with the same Idempotency-Key, at which
// Server looks; the reference server does not, and then trains on the groups twice.
// A *HTTPError with a code below 500 says that the server will never take them.
func (e *Env) Post(ctx context.Context, groups ...*ScoredData) (p Posted, err error) {
	if len(groups) == 0 {
		return p, nil
	}
	body := []byte{}
	for i, d := range groups {
		if err := d.Check(); err != nil {
			return p, err
		}
		own := *d
		own.EnvID = &e.ID
		if len(groups) > 1 {
			body = append(body, "[,"[btoi(i > 0)])
		}
		if body, err = own.AppendJSON(body); err != nil {
			return p, err
		}
	}
	path := "/scored_data"
	if len(groups) > 1 {
		path, body = "/scored_data_list", append(body, ']')
	}
	if e.client.Gzip && len(body) >= 1<<10 {
		body = pack(body)
	}
	var id [16]byte
	rand.Read(id[:])
	var reply struct {
		Status string
		Size   int  `json:"buffer_size"`
		Groups *int `json:"groups_processed"`
		Count  int  `json:"buffered"`
		Last   int  `json:"last_buffer_size"`
	}
	err = e.client.do(ctx, "POST", path, body, hex.EncodeToString(id[:]), func(r io.Reader) error {
		b, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &reply); err != nil {
			return &JSONError{Why: fmt.Sprintf("POST %s: %v", path, err)}
		}
		return nil
	})
	switch {
	case err != nil:
		return p, err
	case len(groups) > 1 && reply.Status == "received" && reply.Groups != nil:
		return Posted{*reply.Groups, reply.Count, reply.Last}, nil
	case len(groups) == 1 && reply.Status == "received":
		return Posted{Groups: 1}, nil
	case len(groups) == 1 && reply.Status == "buffered":
		return Posted{1, 1, reply.Size}, nil
	}
	return p, &ReplyError{"POST", path, reply.Status, "neither received nor buffered"}
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// Status is the state of the server as this environment sees it.
func (e *Env) Status(ctx context.Context) (s EnvStatus, err error) {
	return s, e.client.ask(ctx, "GET", "/status-env", map[string]int{"env_id": e.ID}, &s) // a body on a GET: the query string is not read
}

// WaitRoom waits until the environment may start another group, by the rule of
// EnvStatus.Workers; running counts those under way, and is asked again with each
// status. Nothing that runs is cancelled.
func (e *Env) WaitRoom(ctx context.Context, running func() int, most, offPolicy int) (EnvStatus, error) {
	for {
		s, err := e.Status(ctx)
		if err != nil || s.Workers(most, offPolicy, e.Trainer.BatchSize, e.Registration.GroupSize) > running() {
			return s, err
		}
		if err := pause(ctx, e.client.poll()); err != nil {
			return s, err
		}
	}
}

// Disconnect says that the environment is leaving. Groups that it posted stay.
func (e *Env) Disconnect(ctx context.Context) error {
	var reply struct{ Status, Error string }
	if err := e.client.ask(ctx, "POST", "/disconnect-env", map[string]int{"env_id": e.ID}, &reply); err != nil {
		return err
	}
	if reply.Status != "success" {
		return &ReplyError{"POST", "/disconnect-env", reply.Status, reply.Error}
	}
	return nil
}
