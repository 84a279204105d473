package atropos

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grouprl/grouprl/rollout/journal"
	"github.com/stretchr/testify/require"
)

// call makes a request of a server without a network.
func call(s *Server, request string) (int, string) {
	method, rest, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(rest, " ")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func must(t *testing.T, s *Server, request string) string {
	t.Helper()
	code, reply := call(s, request)
	require.Equal(t, 200, code, "%s\n%s", request, reply)
	return reply
}

// view is all that can be seen of a server's state.
func view(t *testing.T, s *Server) string {
	t.Helper()
	b, err := json.Marshal(s.state)
	require.NoError(t, err)
	for _, route := range []string{"GET /info", "GET /wandb_info", "GET /status", "GET /latest_example"} {
		b = append(b, must(t, s, route)...)
	}
	return string(b)
}

// Whatever happened to a server, one that reads its journal is where it was, with a
// compaction before or not: a random life, restarted after every tenth event, beside
// one that is never restarted.
func TestRestart(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 4))
		dir := t.TempDir()
		s, err := NewServer(Options{Dir: dir})
		require.NoError(t, err)
		twin, err := NewServer(Options{})
		require.NoError(t, err)
		both := func(request string) {
			t.Helper()
			code, reply := call(s, request)
			code2, reply2 := call(twin, request)
			require.Equal(t, code2, code)
			if !strings.Contains(reply, "uuid") {
				require.Equal(t, reply2, reply, request)
			}
		}
		both(trainer(8).request)
		both(batch.request)
		for i := range 150 {
			switch r.IntN(12) {
			case 0:
				both(environmentOf(1<<r.IntN(3), string(rune('a'+r.IntN(2))), [...]string{"", `, "min_batch_allocation": 0.25`}[r.IntN(2)]).request)
			case 1:
				both(fmt.Sprintf(`POST /disconnect-env {"env_id": %d}`, r.IntN(4)))
			case 2:
				if len(s.state.Envs) > 0 {
					both(statusOf(r.IntN(len(s.state.Envs))).request)
				}
			case 3, 4, 5:
				both(batch.request)
			case 6:
				if r.IntN(6) == 0 {
					both("GET /reset_data")
					both(trainer(8).request)
				}
			default:
				both(post(1<<r.IntN(4), i, [...]string{"null", "0", "1", "2"}[r.IntN(4)]).request)
			}
			if i%10 == 9 {
				if r.IntN(2) == 0 {
					require.NoError(t, s.compact())
				}
				before := view(t, s)
				require.NoError(t, s.Close())
				s, err = NewServer(Options{Dir: dir})
				require.NoError(t, err)
				require.Equal(t, before, view(t, s), "seed %d, event %d", seed, i)
				require.Equal(t, view(t, twin), view(t, s))
			}
		}
		require.NoError(t, s.Close())
	}
}

// The journal shrinks once most of it has been handed out.
func TestServerCompacts(t *testing.T) {
	s, err := NewServer(Options{Dir: t.TempDir(), Compact: 1 << 14})
	require.NoError(t, err)
	defer s.Close()
	must(t, s, trainer(4).request)
	for i := range 200 {
		must(t, s, post(4, i, "null").request)
		require.Contains(t, must(t, s, "GET /batch"), fmt.Sprintf("[[%d,0]", i))
	}
	require.Less(t, s.log.Size(), int64(1<<15))
}

// A batch that could not be written whole stays, and the next who asks gets it; while
// it is on its way, another gets the next one.
func TestBrokenBatchStays(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s, err := NewServer(Options{Dir: dir})
		require.NoError(t, err)
		defer s.Close()
		must(t, s, trainer(2).request)
		for i := range 3 {
			must(t, s, post(2, i, "null").request)
		}
		w := &brokenWriter{ResponseRecorder: httptest.NewRecorder(), left: 20}
		w.then = func() { require.Contains(t, must(t, s, "GET /batch"), "[[1,0]") }
		s.ServeHTTP(w, httptest.NewRequest("GET", "/batch", nil))
		require.Contains(t, must(t, s, "GET /batch"), "[[0,0]")
		require.Contains(t, must(t, s, "GET /batch"), "[[2,0]")
		require.JSONEq(t, `{"batch": null}`, must(t, s, "GET /batch"))
	}
}

type brokenWriter struct {
	*httptest.ResponseRecorder
	left int
	then func()
}

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		if w.then != nil {
			then := w.then
			w.then = nil
			then()
		}
		return 0, io.ErrClosedPipe
	}
	return w.ResponseRecorder.Write(b)
}

// Many environments post and many trainers ask at once: every group comes out once.
func TestEveryGroupOnce(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		_, url := serve(t, Options{Dir: dir, Queue: 20})
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c := fast(url)
		_, err := c.Register(ctx, registration)
		require.NoError(t, err)
		_, err = c.Batch(ctx)
		require.NoError(t, err)
		const envs, each = 4, 25
		var wait sync.WaitGroup
		for k := range envs {
			wait.Go(func() {
				e, err := c.RegisterEnv(ctx, EnvRegistration{DesiredName: "e", GroupSize: 2})
				for i := 0; i < each && err == nil; i++ {
					id := int32(k*each + i)
					_, err = e.Post(ctx, &ScoredData{Tokens: [][]int32{{id}, {id}}, Masks: [][]int32{{id}, {id}}, Scores: []float64{0, 1}})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		var mu sync.Mutex
		var got []int
		for range 3 {
			wait.Go(func() {
				for {
					mu.Lock()
					done := len(got) == envs*each
					mu.Unlock()
					if done {
						return
					}
					batch, err := c.Batch(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, d := range batch {
						got = append(got, int(d.Tokens[0][0]))
					}
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		slices.Sort(got)
		require.Len(t, got, envs*each)
		require.Len(t, slices.Compact(got), envs*each)
	}
}

// The server goes away in the middle of everything and comes back at the same
// address: clients notice a delay, nothing is lost and nothing comes twice.
func TestRestartUnderway(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	start := func(l net.Listener) (stop func()) {
		s, err := NewServer(Options{Dir: dir})
		require.NoError(t, err)
		h := &http.Server{Handler: s}
		go h.Serve(l)
		return func() {
			h.Close() // at once, requests under way included
			s.Close()
		}
	}
	stop := start(l)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := fast("http://" + address)
	c.Retries = 1000
	_, err = c.Register(ctx, registration)
	require.NoError(t, err)
	_, err = c.Batch(ctx)
	require.NoError(t, err)
	e, err := c.RegisterEnv(ctx, EnvRegistration{DesiredName: "e", GroupSize: 4})
	require.NoError(t, err)
	const groups = 60
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range int32(groups) {
			d := &ScoredData{}
			for range 4 {
				d.Tokens, d.Masks, d.Scores = append(d.Tokens, []int32{i}), append(d.Masks, []int32{i}), append(d.Scores, float64(len(d.Scores)))
			}
			if _, err := e.Post(ctx, d); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wait.Go(func() {
		for range 5 {
			time.Sleep(20 * time.Millisecond)
			stop()
			l, err := net.Listen("tcp", address)
			for ; err != nil && ctx.Err() == nil; l, err = net.Listen("tcp", address) {
				time.Sleep(time.Millisecond)
			}
			stop = start(l)
		}
	})
	wait.Wait()
	defer func() { stop() }()
	for i := range int32(groups) {
		batch, err := c.WaitBatch(ctx)
		require.NoError(t, err)
		require.Len(t, batch, 1)
		require.Equal(t, i, batch[0].Tokens[0][0])
	}
	batch, err := c.Batch(ctx)
	require.NoError(t, err)
	require.Nil(t, batch, "a post that came twice entered twice")
}

// A post with a key enters once, also across a restart.
func TestIdempotencyKey(t *testing.T) {
	dir := t.TempDir()
	send := func(s *Server, key, path, body string) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code)
	}
	for _, compact := range []bool{false, true} {
		s, err := NewServer(Options{Dir: dir})
		require.NoError(t, err)
		for range 2 {
			send(s, "a", "/scored_data", sized(1, 1, "null"))
			send(s, "b", "/scored_data_list", "["+sized(1, 2, "null")+","+sized(1, 2, "null")+"]")
			require.Len(t, s.state.Queue, 3)
		}
		if compact {
			require.NoError(t, s.compact())
		}
		require.NoError(t, s.Close())
	}
	s, err := NewServer(Options{Dir: dir})
	require.NoError(t, err)
	defer s.Close()
	send(s, "b", "/scored_data", sized(1, 2, "null"))
	require.Len(t, s.state.Queue, 3)
	must(t, s, "POST /scored_data "+sized(1, 1, "null"))
	must(t, s, "POST /scored_data "+sized(1, 1, "null"))
	require.Len(t, s.state.Queue, 5, "without a key every post is a new one")
}

// Only so many groups wait, wherever they do.
func TestServerFull(t *testing.T) {
	s, err := NewServer(Options{Queue: 3})
	require.NoError(t, err)
	must(t, s, trainer(2).request)
	must(t, s, batch.request)
	must(t, s, environmentOf(4, "a", "").request)
	must(t, s, post(1, 0, "0").request) // a buffer
	must(t, s, post(2, 1, "null").request)
	must(t, s, post(2, 2, "null").request)
	code, reply := call(s, post(2, 3, "null").request)
	require.Equal(t, 503, code)
	require.Contains(t, reply, "3 groups are waiting")
	code, _ = call(s, "POST /scored_data_list ["+sized(2, 3, "null")+"]")
	require.Equal(t, 503, code)
	require.Contains(t, must(t, s, "GET /batch"), "[[1,0]")
	must(t, s, post(2, 3, "null").request)
}

func TestServerToken(t *testing.T) {
	s, url := serve(t, Options{Token: "secret"})
	for _, header := range []string{"", "secret", "Bearer", "Bearer wrong", "Basic secret", "Bearer secret "} {
		r := httptest.NewRequest("GET", "/info", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, 401, w.Code, header)
	}
	c := fast(url)
	_, err := c.Info(t.Context())
	var status *HTTPError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 401, status.Code)
	c.Token = "secret"
	_, err = c.Info(t.Context())
	require.NoError(t, err)
}

// Bodies are bounded, packed ones by what they unpack to.
func TestServerBodyTooLarge(t *testing.T) {
	s, err := NewServer(Options{MaxBody: 1 << 16})
	require.NoError(t, err)
	long := `{"tokens": [[1]], "masks": [[1]], "scores": [1], "images": "` + strings.Repeat("x", 1<<16) + `"}`
	code, _ := call(s, "POST /scored_data "+long)
	require.Equal(t, 413, code)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, long)
	z.Close()
	require.Less(t, packed.Len(), 1000)
	r := httptest.NewRequest("POST", "/scored_data", &packed)
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, 413, w.Code)
	require.Empty(t, s.state.Queue)
}

func TestServerPackedAnswer(t *testing.T) {
	s, err := NewServer(Options{Gzip: true})
	require.NoError(t, err)
	must(t, s, trainer(2).request)
	b, err := randomData(1, 2, 1000).AppendJSON(nil)
	require.NoError(t, err)
	must(t, s, "POST /scored_data "+string(b))
	r := httptest.NewRequest("GET", "/batch", nil)
	r.Header.Set("Accept-Encoding", "br, gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	z, err := gzip.NewReader(w.Body)
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, `{"batch":[`+string(b)+`]}`, string(plain))
}

// A page of another origin may ask, as with the reference server.
func TestServerOrigins(t *testing.T) {
	s, err := NewServer(Options{})
	require.NoError(t, err)
	r := httptest.NewRequest("OPTIONS", "/batch", nil)
	r.Header.Set("Origin", "http://example.com")
	r.Header.Set("Access-Control-Request-Method", "GET")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
}

// A journal that cannot be understood is an error.
func TestStateRecords(t *testing.T) {
	for _, b := range []string{"", "?", "r{", "e{", "d", "z\x02", "g123", "g1234567890123456", "g1234567890123456\x02", "b{", "h", "S[", `S{"Formed":[[]]}`, "c"} {
		s := newState()
		_, err := s.apply(journal.Position{}, []byte(b), true)
		require.Error(t, err, "%q", b)
	}
}
