package openai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/openai"
	"github.com/grouprl/grouprl/rollout/openai/openaitest"
)

// instead answers the first requests in other ways, and then leaves them alone.
func instead(ways ...func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request, *openaitest.Question) bool {
	return func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		if int(q.Count) > len(ways) {
			return false
		}
		ways[q.Count-1](w, r)
		return true
	}
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", code) }
}

func text(contentType, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

func reset(w http.ResponseWriter, r *http.Request) { openaitest.Reset(w) }

// torn begins an answer and ends the connection.
func torn(contentType, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
		w.(http.Flusher).Flush()
		openaitest.Reset(w)
	}
}

const (
	asJSON   = "application/json"
	asStream = "text/event-stream"
	chunk    = `data: {"choices":[{"index":0,"text":"wrong","token_ids":[119],"prompt_token_ids":[1],"logprobs":{"tokens":["w"],"token_logprobs":[-1]}}]}` + "\n\n"
)

// Each of these costs an attempt and nothing else: the completion is whole, of the
// attempt that succeeded alone.
func TestPassingFaults(t *testing.T) {
	for name, c := range map[string]struct {
		stream bool
		fault  func(http.ResponseWriter, *http.Request)
	}{
		"408":                        {false, status(408)},
		"429":                        {false, status(429)},
		"500":                        {false, status(500)},
		"502":                        {false, status(502)},
		"503":                        {true, status(503)},
		"connection reset":           {false, reset},
		"half an answer":             {false, torn(asJSON, `{"choices":[{"index":0,"te`)},
		"half an answer, clean":      {false, text(asJSON, `{"choices":[{"index":0,"te`)},
		"no answer":                  {false, text(asJSON, "")},
		"not JSON":                   {false, text("text/html", "<html>proxy</html>")},
		"NaN":                        {false, text(asJSON, `{"choices":[{"index":0,"text":"x","finish_reason":"stop","token_ids":[1],"prompt_token_ids":[1],"logprobs":{"tokens":["x"],"token_logprobs":[NaN]}}]}`)},
		"error with status 200":      {false, text(asJSON, `{"object":"error","message":"engine died","code":500}`)},
		"aborted":                    {false, text(asJSON, `{"choices":[{"index":0,"text":"x","finish_reason":"abort","token_ids":[1]}]}`)},
		"half a stream":              {true, torn(asStream, chunk)},
		"half a stream, clean":       {true, text(asStream, chunk)},
		"half a chunk":               {true, torn(asStream, chunk+`data: {"choices":[{"ind`)},
		"an empty stream":            {true, text(asStream, "data: [DONE]\n\n")},
		"error within a stream":      {true, text(asStream, chunk+`data: {"error":{"message":"out of memory","code":500}}`+"\n\ndata: [DONE]\n\n")},
		"not JSON within a stream":   {true, text(asStream, chunk+"data: {]\n\n")},
		"a chunk behind the end":     {true, text(asStream, `data: {"choices":[{"index":0,"text":"x","finish_reason":"stop"}]}`+"\n\n"+chunk+"data: [DONE]\n\n")},
		"a choice that nobody asked": {true, text(asStream, `data: {"choices":[{"index":1,"text":"x"}]}`+"\n\n")},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &openaitest.Server{Instead: instead(c.fault, c.fault)}
			g := serve(t, fake)
			g.Stream, g.HTTP = c.stream, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // over a kept connection net/http may try again itself
			done, err := g.Generate(context.Background(), request("p", 3))
			require.NoError(t, err)
			require.Equal(t, "ok", done.Text)
			require.Equal(t, append(ids("ok"), openaitest.EOS), done.Tokens)
			require.Len(t, fake.Questions(), 3)

			broken := &openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
				c.fault(w, r)
				return true
			}}
			g = serve(t, broken)
			g.Stream, g.Retries, g.HTTP = c.stream, 1, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			_, err = g.Generate(context.Background(), request("p", 3))
			var failed *openai.RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, 2, failed.Attempts)
			require.True(t, openai.Retryable(err), "%v", err)
			require.Len(t, broken.Questions(), 2)
		})
	}
}

// answering alters the only choice, or the answer, of a good one.
func answering(alter func(a, c map[string]any)) *openaitest.Server {
	return &openaitest.Server{Alter: func(q *openaitest.Question, a map[string]any) {
		alter(a, a["choices"].([]any)[0].(map[string]any))
	}}
}

func TestWrongCounts(t *testing.T) {
	values := func(c map[string]any, v any) { c["logprobs"].(map[string]any)["token_logprobs"] = v }
	for name, c := range map[string]struct {
		alter func(a, c map[string]any)
		want  openai.CountError
	}{
		"fewer choices":  {func(a, c map[string]any) { a["choices"] = []any{} }, openai.CountError{What: "choices", Got: 0, Want: 1}},
		"more choices":   {func(a, c map[string]any) { a["choices"] = []any{c, c} }, openai.CountError{What: "choices", Got: 2, Want: 1}},
		"another choice": {func(a, c map[string]any) { c["index"] = 1 }, openai.CountError{What: "as the index of a choice", Got: 1, Want: 0}},
		"more log-probs": {func(a, c map[string]any) { values(c, []float64{-1, -1, -1, -1}) }, openai.CountError{What: "log-probabilities", Got: 4, Want: 3}},
		"no log-probs":   {func(a, c map[string]any) { values(c, []float64{}) }, openai.CountError{What: "log-probabilities", Got: 0, Want: 3}},
		"fewer ids":      {func(a, c map[string]any) { c["token_ids"] = []int{1} }, openai.CountError{What: "log-probabilities", Got: 3, Want: 1}},
		"too many": {func(a, c map[string]any) {
			c["token_ids"] = make([]int, 1001)
			values(c, make([]float64, 1001))
		}, openai.CountError{What: "tokens of a completion", Got: 1001, Want: 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := answering(c.alter)
			g := serve(t, fake)
			g.Retries = -1
			_, err := g.Generate(context.Background(), request("p", 0))
			var count *openai.CountError
			require.ErrorAs(t, err, &count, "%v", err)
			require.Equal(t, c.want, *count)
			require.Len(t, fake.Questions(), 1)
		})
	}
	g := serve(t, &openaitest.Server{Alter: func(q *openaitest.Question, a map[string]any) {
		list := a["choices"].([]any)
		list[1] = list[0]
	}})
	g.Retries = -1
	_, err := g.Sample(context.Background(), request("p", 0), 2)
	require.ErrorAs(t, err, new(*openai.AnswerError))
	require.ErrorContains(t, err, "choice 0 comes twice")
}

// No NaN, null or infinity gets past, wherever it stands.
func TestImpossibleLogProbs(t *testing.T) {
	for _, bad := range []any{nil, "NaN", -9999.0, 0.5, 1e39, -1e39, true} {
		for name, set := range routes {
			fake := &openaitest.Server{Chunk: 3, Alter: func(q *openaitest.Question, a map[string]any) {
				if meta, ok := a["meta_info"].(map[string]any); ok {
					meta["output_token_logprobs"].([]any)[1].([]any)[0] = bad
					return
				}
				if list := a["choices"].([]any); len(list) > 0 {
					l := list[0].(map[string]any)["logprobs"].(map[string]any)
					if content, ok := l["content"].([]map[string]any); ok {
						content[1]["logprob"] = bad
					} else {
						v := l["token_logprobs"].([]float64)
						l["token_logprobs"] = []any{v[0], bad, v[2]}
					}
				}
			}}
			g := serve(t, fake)
			set(g)
			g.Retries = -1
			_, err := g.Generate(context.Background(), request("p", 0))
			var wrong *openai.LogProbError
			require.ErrorAs(t, err, &wrong, "%s: %v", name, bad)
			require.Equal(t, 1, wrong.Token)
		}
	}
	g := serve(t, answering(func(a, c map[string]any) { c["token_ids"] = []int{1, -2, 3} }))
	g.Retries = -1
	_, err := g.Generate(context.Background(), request("p", 0))
	require.ErrorContains(t, err, "token 1 is -2")
	g = serve(t, answering(func(a, c map[string]any) { c["prompt_token_ids"] = []int{1} }))
	g.Retries = -1
	g.Prompt = func(*rollout.Problem) (openai.Prompt, error) { return openai.Prompt{Tokens: []int32{2}}, nil }
	_, err = g.Generate(context.Background(), request("p", 0))
	require.ErrorContains(t, err, "another prompt")
}

// What a server lacks, or refuses, it will lack the next time too: one attempt.
func TestLastingFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fake *openaitest.Server
		want any
		says string
	}{
		"no log-probs": {&openaitest.Server{NoLogProbs: true}, new(*openai.MissingError), "no log-probabilities"},
		"no ids":       {&openaitest.Server{NoIDs: true}, new(*openai.MissingError), "no token ids"},
		"no prompt":    {answering(func(a, c map[string]any) { delete(c, "prompt_token_ids") }), new(*openai.MissingError), "no token ids of the prompt"},
		"400": {&openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
			w.WriteHeader(400)
			io.WriteString(w, `{"error":{"message":"This model's maximum context length is 40960 tokens","code":400}}`)
			return true
		}}, new(*openai.StatusError), "status 400 Bad Request: This model's maximum"},
		"401":      {&openaitest.Server{Instead: instead(status(401))}, new(*openai.StatusError), "status 401 Unauthorized: no"},
		"404":      {&openaitest.Server{Instead: instead(text(asJSON, `{"object":"error","message":"no such model","code":404}`))}, new(*openai.StatusError), "no such model"},
		"redirect": {&openaitest.Server{Instead: instead(status(304))}, new(*openai.StatusError), "304"},
		"too large": {&openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
			for range 1000 {
				if _, err := w.Write(make([]byte, 10_000)); err != nil {
					break
				}
			}
			return true
		}}, new(*openai.SizeError), "more than 2072576 bytes"}, // 2^20 + 2^10 * 1000
		"an error without end": {&openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
			w.WriteHeader(400)
			for {
				if _, err := w.Write(make([]byte, 10_000)); err != nil {
					return true
				}
			}
		}}, new(*openai.StatusError), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			g := serve(t, c.fake)
			_, err := g.Generate(context.Background(), request("p", 0))
			require.ErrorAs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			require.False(t, openai.Retryable(err))
			require.Len(t, c.fake.Questions(), 1)
		})
	}
	// A stream without end, in small events.
	g := serve(t, &openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		w.Header().Set("Content-Type", asStream)
		for {
			if _, err := io.WriteString(w, strings.Repeat(chunk, 100)); err != nil {
				return true
			}
		}
	}})
	g.Stream = true
	_, err := g.Generate(context.Background(), request("p", 0))
	require.ErrorAs(t, err, new(*openai.SizeError))
}

// Keys, headers and organisations in the environment are for OpenAI, not for
// whatever server this is.
func TestEnvironmentStaysHere(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "secret")
	t.Setenv("OPENAI_ADMIN_KEY", "secret")
	t.Setenv("OPENAI_ORG_ID", "secret")
	t.Setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: secret")
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
	fake := &openaitest.Server{}
	g := serve(t, fake)
	_, err := g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(fake.Questions()[0].Header), "secret")

	g = serve(t, fake)
	g.Key = "own"
	_, err = g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Equal(t, "Bearer own", fake.Questions()[1].Header.Get("Authorization"))
}

// A server dies and comes back at its address; until then the other one does it all.
func TestServerDiesAndComesBack(t *testing.T) {
	var fakes [2]openaitest.Server
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	mortal := &http.Server{Handler: &fakes[0]}
	go mortal.Serve(listener)
	other := httptest.NewServer(&fakes[1])
	defer other.Close()
	g := &openai.Generator{Servers: []string{"http://" + address + "/v1", other.URL + "/v1"}, MaxTokens: 100, Temperature: 1, Backoff: time.Millisecond}
	defer g.Close()
	ask := func(n int) {
		t.Helper()
		for i := range n {
			_, err := g.Generate(context.Background(), request("p", i))
			require.NoError(t, err)
		}
	}
	ask(10)
	require.Len(t, fakes[0].Questions(), 5, "servers of equal load take turns")
	mortal.Close()
	ask(10)
	require.Len(t, fakes[0].Questions(), 5)
	require.Len(t, fakes[1].Questions(), 15)

	other.Close() // none is left
	listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	mortal = &http.Server{Handler: &fakes[0]}
	defer mortal.Close()
	go mortal.Serve(listener)
	ask(3) // within a second the first is asked for its health, and is well
	require.Len(t, fakes[0].Questions(), 8)
}

// The server with the fewest tokens under way is taken.
func TestLeastLoaded(t *testing.T) {
	release := make(chan struct{})
	slow := &openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		<-release
		return false
	}}
	quick := &openaitest.Server{}
	g := serve(t, slow, quick)
	var held sync.WaitGroup
	held.Go(func() {
		for len(slow.Questions()) == 0 {
			_, err := g.Generate(context.Background(), request("p", 0))
			require.NoError(t, err)
		}
	})
	for len(slow.Questions()) == 0 {
		runtime.Gosched()
	}
	before := len(quick.Questions())
	for i := range 20 {
		_, err := g.Generate(context.Background(), request("p", i))
		require.NoError(t, err)
	}
	close(release)
	held.Wait()
	require.Len(t, slow.Questions(), 1)
	require.Len(t, quick.Questions(), before+20)
}

// At 50 tokens each of 100 in flight there are two at a time; a request larger than
// the limit runs alone.
func TestTokensInFlight(t *testing.T) {
	fake := &openaitest.Server{Instead: func(http.ResponseWriter, *http.Request, *openaitest.Question) bool {
		time.Sleep(time.Millisecond)
		return false
	}}
	g := serve(t, fake)
	g.Prompt = func(*rollout.Problem) (openai.Prompt, error) { return openai.Prompt{Tokens: make([]int32, 10)}, nil }
	g.InFlight, g.Expect = 100, 40
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			_, err := g.Generate(context.Background(), request("p", i))
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 2, fake.MostAtOnce())
	g = serve(t, fake)
	g.InFlight = 5
	_, err := g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
}

// A run against servers that fail at random comes to what it comes to without: every
// sample once, whole, and no goroutine is left.
func TestChaos(t *testing.T) {
	before := runtime.NumGoroutine()
	reply := func(q *openaitest.Question) string { return fmt.Sprint("seed ", *q.Seed, " of ", q.Prompt) }
	faults := []func(http.ResponseWriter, *http.Request){
		status(429), status(500), status(503), reset, torn(asStream, chunk), text(asStream, chunk), torn(asJSON, `{"choi`), text(asJSON, `{"choices":[]}`),
	}
	run := func(instead func(http.ResponseWriter, *http.Request, *openaitest.Question) bool) map[string]*rollout.Completion {
		fakes := [3]openaitest.Server{}
		g := &openai.Generator{MaxTokens: 100, Temperature: 1, Stream: true, Backoff: time.Microsecond, Retries: 1000, InFlight: 1000}
		for i := range fakes {
			fakes[i].Reply, fakes[i].Instead, fakes[i].Chunk = reply, instead, 7
			s := httptest.NewServer(&fakes[i])
			defer s.Close()
			g.Servers = append(g.Servers, s.URL+"/v1")
		}
		defer g.Close()
		problems := func(yield func(*rollout.Problem, error) bool) {
			for i := range 12 {
				if !yield(problem(fmt.Sprint(i)), nil) {
					return
				}
			}
		}
		right := rollout.VerifierFunc(func(context.Context, *rollout.Problem, *rollout.Completion) (rollout.Verdict, error) {
			return rollout.Verdict{Status: rollout.Accepted, Reward: 1}, nil
		})
		got := map[string]*rollout.Completion{}
		for group, err := range rollout.Groups(context.Background(), problems, g, right, rollout.Options{Samples: 4, Retries: -1}) {
			require.NoError(t, err)
			for _, c := range group.Completions {
				got[fmt.Sprint(group.Problem.ID, "/", c.Sample)] = c
			}
		}
		return got
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	chaotic := run(func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		mu.Lock()
		way := random.IntN(4 * len(faults))
		mu.Unlock()
		if way >= len(faults) {
			return false
		}
		faults[way](w, r)
		return true
	})
	require.Equal(t, run(nil), chaotic)
	require.Len(t, chaotic, 48)
	for range 1000 { // goroutines of idle connections end after Close, but not at once
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestOptionsAndPrompts(t *testing.T) {
	for field, set := range map[string]func(g *openai.Generator){
		"Servers":     func(g *openai.Generator) { g.Servers = nil },
		"Servers ":    func(g *openai.Generator) { g.Servers = []string{"localhost:8000"} },
		"Servers  ":   func(g *openai.Generator) { g.Servers = []string{"http://a:secret@b/v1"} },
		"API":         func(g *openai.Generator) { g.API = 3 },
		"Stream":      func(g *openai.Generator) { g.API, g.Stream = openai.Native, true },
		"Plain":       func(g *openai.Generator) { g.API, g.Plain = openai.Native, true },
		"Temperature": func(g *openai.Generator) { g.Temperature = -1 },
		"TopP":        func(g *openai.Generator) { g.TopP = 1.5 },
		"TopK":        func(g *openai.Generator) { g.TopK = -1 },
		"TopK ":       func(g *openai.Generator) { g.TopK, g.Plain = 3, true },
		"MinP":        func(g *openai.Generator) { g.MinP = 2 },
		"MinP ":       func(g *openai.Generator) { g.MinP, g.Plain = 0.5, true },
		"MaxTokens":   func(g *openai.Generator) { g.MaxTokens = -1 },
		"MaxTokens ":  func(g *openai.Generator) { g.MaxTokens = 0 },
		"Budget":      func(g *openai.Generator) { g.Budget.Reserve = -1 },
		"InFlight":    func(g *openai.Generator) { g.InFlight = -1 },
		"Expect":      func(g *openai.Generator) { g.Expect = -1 },
		"Backoff":     func(g *openai.Generator) { g.Backoff = -1 },
		"MaxBackoff":  func(g *openai.Generator) { g.MaxBackoff = -1 },
		"MaxBytes":    func(g *openai.Generator) { g.MaxBytes = -1 },
	} {
		g := &openai.Generator{Servers: []string{"http://127.0.0.1:1/v1"}, MaxTokens: 10, Temperature: 1}
		set(g)
		_, err := g.Generate(context.Background(), request("p", 0))
		var wrong *openai.OptionsError
		require.ErrorAs(t, err, &wrong, field)
		require.Equal(t, strings.TrimRight(field, " "), wrong.Field)
		require.NotContains(t, err.Error(), "secret")
		g.Close()
	}
	greedy := serve(t, &openaitest.Server{})
	greedy.Temperature = 0
	_, err := greedy.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	_, err = greedy.Generate(context.Background(), request("p", 1))
	require.ErrorContains(t, err, "alike")
	_, err = greedy.Sample(context.Background(), request("p", 0), 2)
	require.ErrorContains(t, err, "alike")

	own := errors.New("own")
	for says, c := range map[string]struct {
		api    openai.API
		prompt openai.Prompt
		err    error
	}{
		"0 of Tokens, Text and Messages": {},
		"2 of Tokens, Text and Messages": {prompt: openai.Prompt{Tokens: []int32{1}, Text: "x"}},
		"API Chat takes Messages":        {api: openai.Chat, prompt: openai.Prompt{Text: "x"}},
		"needs the model's chat":         {prompt: openai.Prompt{Messages: []openai.Message{{Role: "user"}}}, api: openai.Completions},
		"token 1 is -3":                  {prompt: openai.Prompt{Tokens: []int32{1, -3}}},
		`role "tool"`:                    {api: openai.Chat, prompt: openai.Prompt{Messages: []openai.Message{{Role: "tool"}}}},
		"own":                            {err: own},
	} {
		g := serve(t, &openaitest.Server{})
		g.API = c.api
		g.Prompt = func(*rollout.Problem) (openai.Prompt, error) { return c.prompt, c.err }
		_, err := g.Generate(context.Background(), request("p", 0))
		var wrong *openai.PromptError
		require.ErrorAs(t, err, &wrong)
		require.ErrorContains(t, err, strings.ReplaceAll(says, "needs the", "messages need the"))
		require.False(t, openai.Retryable(err))
	}
	require.False(t, openai.Retryable(nil))
	require.Equal(t, "API(7)", openai.API(7).String())
}
