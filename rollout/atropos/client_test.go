package atropos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func serve(t testing.TB, o Options) (*Server, string) {
	t.Helper()
	s, err := NewServer(o)
	require.NoError(t, err)
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	return s, h.URL
}

func fast(url string) *Client {
	return &Client{URL: url, Poll: 5 * time.Millisecond, Backoff: time.Millisecond}
}

var registration = Registration{WandbGroup: "g", WandbProject: "p", BatchSize: 4, MaxTokenLen: 1000, CheckpointDir: "/c", SaveCheckpointInterval: 5, StartingStep: 3, NumSteps: 100}

// The whole conversation, with our server and with the reference one: an environment
// that waits for the trainer, groups alone and in lists and packed, batches, status,
// departure.
func TestConversation(t *testing.T) {
	t.Run("ours", func(t *testing.T) {
		_, url := serve(t, Options{})
		converse(t, url)
	})
	t.Run("ours, with a journal", func(t *testing.T) {
		_, url := serve(t, Options{Dir: t.TempDir(), Gzip: true})
		converse(t, url)
	})
	t.Run("reference", func(t *testing.T) { converse(t, reference(t)) })
}

func converse(t *testing.T, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := fast(url + "/")
	info, err := c.Info(ctx)
	require.NoError(t, err)
	require.Equal(t, Info{-1, -1}, info)
	_, err = c.Batch(ctx)
	var reply *ReplyError
	require.ErrorAs(t, err, &reply)
	require.Contains(t, reply.Message, "not registered")
	latest, err := c.LatestExample(ctx)
	require.NoError(t, err)
	require.Nil(t, latest)

	registered := make(chan *Env)
	go func() { // before the trainer
		e, err := c.RegisterEnv(ctx, EnvRegistration{MaxTokenLength: 1000, DesiredName: "sum", GroupSize: 2})
		if err != nil {
			t.Error(err)
		}
		registered <- e
	}()
	uuid, err := c.Register(ctx, registration)
	require.NoError(t, err)
	require.Greater(t, uuid.BitLen(), 64)
	select {
	case <-registered:
		t.Fatal("the trainer has not asked for a batch")
	case <-time.After(30 * time.Millisecond):
	}
	batch, err := c.Batch(ctx)
	require.NoError(t, err)
	require.Nil(t, batch)
	e := <-registered
	require.Equal(t, EnvInfo{0, "sum_0", "/c", 3, 5, 100}, e.EnvInfo)
	require.Equal(t, Info{4, 1000}, e.Trainer)
	group, project, err := c.WandbInfo(ctx)
	require.NoError(t, err)
	require.Equal(t, "g p", group+" "+project)

	var sent []*ScoredData
	for i := range 4 {
		d := randomData(uint64(i), 2, 300)
		d.Scores[0], d.Scores[1] = 1, 0
		d.Messages = json.RawMessage(`[[{"role":"user","content":"<é>"}],[]]`)
		d.Overrides = []Override{{}, {SetAdvantageToZero: true}}
		sent = append(sent, d)
	}
	p, err := e.Post(ctx, sent[0])
	require.NoError(t, err)
	require.Equal(t, Posted{Groups: 1}, p)
	p, err = e.Post(ctx)
	require.NoError(t, err)
	require.Zero(t, p)
	s, err := e.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, EnvStatus{Step: 3, Queue: 1, UnallocatedFraction: 1, OwnQueue: 1, MaxGroupSize: 2, Weight: 1}, s)
	require.Equal(t, 3, s.Workers(10, 2, e.Trainer.BatchSize, 2))
	p, err = e.Post(ctx, sent[1], sent[2])
	require.NoError(t, err)
	require.Equal(t, Posted{Groups: 2}, p)
	packed := *c
	packed.Gzip = true
	e.client = &packed
	p, err = e.Post(ctx, sent[3])
	require.NoError(t, err)
	require.Equal(t, Posted{Groups: 1}, p)
	half := randomData(9, 1, 10)
	p, err = e.Post(ctx, half)
	require.NoError(t, err)
	require.Equal(t, Posted{1, 1, 1}, p)
	p, err = e.Post(ctx, half, half)
	require.NoError(t, err)
	require.Equal(t, Posted{2, 2, 1}, p)

	st, err := c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, Status{3, 6}, st)
	latest, err = c.LatestExample(ctx)
	require.NoError(t, err)
	require.Equal(t, half.Tokens, latest.Tokens)
	var got []*ScoredData
	for batch, err := range c.Batches(ctx) {
		require.NoError(t, err)
		got = append(got, batch...)
		if len(got) == 4 {
			break
		}
	}
	seen := map[string]bool{}
	for _, d := range got {
		require.Equal(t, 0, *d.EnvID)
		d.EnvID = nil
		b, err := d.AppendJSON(nil)
		require.NoError(t, err)
		seen[string(b)] = true
	}
	for i, d := range sent {
		b, err := d.AppendJSON(nil)
		require.NoError(t, err)
		require.True(t, seen[string(b)], "group %d did not come back as it was", i)
	}
	st, err = c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, Status{5, 2}, st)

	require.NoError(t, e.Disconnect(ctx))
	e.ID = 7
	require.ErrorAs(t, e.Disconnect(ctx), &reply)
	require.NoError(t, c.Reset(ctx))
	info, err = c.Info(ctx)
	require.NoError(t, err)
	require.Equal(t, -1, info.BatchSize)
	uuid, err = c.Register(ctx, Registration{BatchSize: 2})
	require.NoError(t, err)
	require.Greater(t, uuid.BitLen(), 64)
	info, err = c.Info(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, info.BatchSize)
	short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	_, err = c.WaitBatch(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A server that does what is asked of it here.
func fake(t *testing.T, handle http.HandlerFunc) *Client {
	h := httptest.NewServer(handle)
	t.Cleanup(h.Close)
	return fast(h.URL)
}

func TestClientAsksForNothingPacked(t *testing.T) {
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
		require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		io.WriteString(w, `{"uuid": 340282366920938463463374607431768211455}`)
	})
	c.Token = "secret"
	id, err := c.Register(t.Context(), registration)
	require.NoError(t, err)
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
	require.Equal(t, all, id, "all 128 bits")
}

// status-env has its question in the body of a GET.
func TestStatusEnvHasABody(t *testing.T) {
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		require.Equal(t, `GET /status-env "" {"env_id":5}`, fmt.Sprintf("%s %s %q %s", r.Method, r.URL.Path, r.URL.RawQuery, b))
		io.WriteString(w, `{"current_step": 1, "queue_size": 2, "env_weight": 0.01}`)
	})
	s, err := (&Env{EnvInfo: EnvInfo{ID: 5}, client: c}).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, EnvStatus{Step: 1, Queue: 2, Weight: 0.01}, s)
}

// A server that fails is asked again, with the same key; a full one as long as it
// takes; one that refuses is not.
func TestClientRetries(t *testing.T) {
	var n atomic.Int32
	var keys []string
	codes := []int{500, 0, 503, 503, 503, 503, 503, 502, 200}
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		code := codes[n.Add(1)-1]
		io.Copy(io.Discard, r.Body)
		switch code {
		case 0: // a broken connection
			panic(http.ErrAbortHandler)
		case 200:
			io.WriteString(w, `{"status": "received"}`)
		default:
			w.WriteHeader(code)
		}
	})
	e := &Env{client: c, Registration: EnvRegistration{GroupSize: 2}}
	p, err := e.Post(t.Context(), randomData(1, 2, 10))
	require.NoError(t, err)
	require.Equal(t, 1, p.Groups)
	require.Len(t, keys, len(codes))
	require.Len(t, keys[0], 32)
	for _, k := range keys {
		require.Equal(t, keys[0], k)
	}

	n.Store(0)
	keys = nil
	codes = []int{500, 502, 504, 500, 200}
	var status *HTTPError
	_, err = e.Post(t.Context(), randomData(1, 2, 10))
	require.ErrorAs(t, err, &status)
	require.Equal(t, 500, status.Code)
	require.Len(t, keys, 4, "once and three times again")

	n.Store(0)
	keys = nil
	codes = []int{422, 200}
	_, err = e.Post(t.Context(), randomData(1, 2, 10))
	require.ErrorAs(t, err, &status)
	require.Equal(t, 422, status.Code)
	require.Len(t, keys, 1)

	n.Store(0)
	keys = nil
	codes = []int{500, 500}
	c.Retries = -1
	_, err = e.Post(t.Context(), randomData(1, 2, 10))
	require.ErrorAs(t, err, &status)
	require.Len(t, keys, 1)
}

// Answers that are none are errors and not empty batches.
func TestClientOddAnswers(t *testing.T) {
	text := ""
	c := fake(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) })
	for _, text = range []string{"", "[]", "<html>", `{"batch": [{"tokens": [[1]]}]}`, `{"batch": 5}`, `{"batch": null} x`, `{"batch": [`} {
		_, err := c.Batch(t.Context())
		require.ErrorAs(t, err, new(*JSONError), text)
	}
	text = `{"status": "error", "message": "no", "batch": []}`
	_, err := c.Batch(t.Context())
	require.ErrorAs(t, err, new(*ReplyError))
	for _, text = range []string{`{"status": "success"}`, `{"status": "later"}`, `{}`} {
		_, err = c.RegisterEnv(t.Context(), EnvRegistration{})
		require.ErrorAs(t, err, new(*ReplyError), text)
	}
	text = `{"id": 1}`
	_, err = c.Register(t.Context(), registration)
	require.ErrorAs(t, err, new(*ReplyError))
	text = `{"status": "lost"}`
	_, err = (&Env{client: c}).Post(t.Context(), randomData(1, 1, 5))
	require.ErrorAs(t, err, new(*ReplyError))
	_, err = (&Env{client: c}).Post(t.Context(), &ScoredData{})
	require.ErrorAs(t, err, new(*ShapeError))
}

// A batch of which half arrives is asked for again.
func TestClientHalfABatch(t *testing.T) {
	var n atomic.Int32
	whole := `{"batch": [` + sized(2, 1, "0") + `]}`
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
			io.WriteString(w, whole[:30])
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, whole)
	})
	batch, err := c.Batch(t.Context())
	require.NoError(t, err)
	require.Len(t, batch, 1)
	require.Equal(t, [][]int32{{1, 0}, {1, 1}}, batch[0].Tokens)
}

func TestRefuse(t *testing.T) {
	e := &Env{Registration: EnvRegistration{GroupSize: 2}, Trainer: Info{4, 3}}
	d := func(scores []float64, lengths ...int) *ScoredData {
		d := &ScoredData{Scores: scores}
		for _, n := range lengths {
			d.Tokens = append(d.Tokens, make([]int32, n))
		}
		return d
	}
	require.Equal(t, RefusalNone, e.Refuse(d([]float64{0, 1}, 2, 2)))
	require.Equal(t, SameScores, e.Refuse(d([]float64{1, 1}, 2, 2)))
	require.Equal(t, TooLong, e.Refuse(d([]float64{0, 1}, 2, 3)), "as many as the trainer takes is too many")
	require.Equal(t, WrongSize, e.Refuse(d([]float64{0, 1, 1}, 2, 2, 2)))
	e.Trainer.MaxTokenLen = -1
	require.Equal(t, RefusalNone, e.Refuse(d([]float64{0, 1}, 2, 3)))
}

func TestWorkers(t *testing.T) {
	// two batches of 128 sequences ahead are 32 groups of 8
	require.Equal(t, 22, EnvStatus{Queue: 10}.Workers(100, 2, 128, 8))
	require.Equal(t, 16, EnvStatus{Queue: 10}.Workers(16, 2, 128, 8))
	require.Equal(t, 0, EnvStatus{Queue: 40}.Workers(16, 2, 128, 8))
	require.Equal(t, 0, EnvStatus{}.Workers(16, 2, 128, 0))
	queue := []int{3, 2, 3, 3}
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"queue_size": %d}`, queue[0])
		queue = queue[1:]
	})
	e := &Env{client: c, Registration: EnvRegistration{GroupSize: 2}, Trainer: Info{BatchSize: 4}}
	running := 2
	s, err := e.WaitRoom(t.Context(), func() int { running--; return running + 1 }, 10, 2) // 1 > 2, 2 > 1
	require.NoError(t, err)
	require.Equal(t, 2, s.Queue)
	require.Zero(t, running)
}
