package openai_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/openai"
	"github.com/grouprl/grouprl/rollout/openai/openaitest"
	"github.com/grouprl/grouprl/rollout/window"
)

// serve starts fakes and returns a generator for them, quick to try again.
func serve(t *testing.T, fakes ...*openaitest.Server) *openai.Generator {
	t.Helper()
	g := &openai.Generator{Model: "policy", MaxTokens: 1000, Temperature: 1, Backoff: time.Millisecond, Patience: 10 * time.Second}
	for _, f := range fakes {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		g.Servers = append(g.Servers, s.URL+"/v1")
	}
	t.Cleanup(g.Close)
	return g
}

func problem(id string) *rollout.Problem { return &rollout.Problem{ID: id, Statement: "say " + id} }

func request(id string, sample int) *rollout.Request {
	return &rollout.Request{Problem: problem(id), Sample: sample, Seed: 7}
}

func ids(text string) (list []int32) {
	for i := range len(text) {
		list = append(list, int32(text[i]))
	}
	return list
}

func logProbs(tokens []int32) (list []float32) {
	for _, id := range tokens {
		list = append(list, float32(openaitest.LogProb(int(id))))
	}
	return list
}

var routes = map[string]func(g *openai.Generator){
	"completions":        func(g *openai.Generator) {},
	"completions stream": func(g *openai.Generator) { g.Stream = true },
	"chat":               func(g *openai.Generator) { g.API = openai.Chat },
	"chat stream":        func(g *openai.Generator) { g.API, g.Stream = openai.Chat, true },
	"native":             func(g *openai.Generator) { g.API = openai.Native },
}

func promptOf(g *openai.Generator, id string) string {
	if g.API == openai.Chat {
		return "<user>say " + id + "<assistant>"
	}
	return "say " + id
}

// Whatever the route, a completion has the sampled ids, their log-probabilities, the
// prompt's ids, the text and why it ended.
func TestEveryRoute(t *testing.T) {
	for name, set := range routes {
		t.Run(name, func(t *testing.T) {
			fake := &openaitest.Server{Reply: func(q *openaitest.Question) string { return "answer to " + q.Prompt }, Chunk: 3, Version: func() string { return "12" }}
			g := serve(t, fake)
			set(g)
			c, err := g.Generate(context.Background(), request("p", 2))
			require.NoError(t, err)
			prompt := promptOf(g, "p")
			text := "answer to " + prompt
			tokens := append(ids(text), openaitest.EOS)
			require.Equal(t, &rollout.Completion{
				Sample: 2, Text: text, Prompt: ids(prompt), Tokens: tokens, LogProbs: logProbs(tokens), Versions: []int64{12}, Finish: rollout.Stop,
			}, c)

			g.MaxTokens = 5
			c, err = g.Generate(context.Background(), request("p", 2))
			require.NoError(t, err)
			require.True(t, c.Truncated())
			require.Equal(t, "answe", c.Text)
			require.Len(t, c.Tokens, 5)
		})
	}
}

// Each choice of one request is a sample of its own, in the order of their numbers.
func TestSeveralSamplesOfOneRequest(t *testing.T) {
	for name, set := range routes {
		t.Run(name, func(t *testing.T) {
			fake := &openaitest.Server{Reply: func(q *openaitest.Question) string { return string(rune('a' + q.Choice)) }}
			g := serve(t, fake)
			set(g)
			all, err := g.Sample(context.Background(), request("p", 4), 3)
			require.NoError(t, err)
			require.Len(t, all, 3)
			for i, c := range all {
				require.Equal(t, 4+i, c.Sample)
				require.Equal(t, string(rune('a'+i)), c.Text)
				require.Equal(t, logProbs(c.Tokens), c.LogProbs)
			}
			require.Len(t, fake.Questions(), 1)

			_, err = g.Sample(context.Background(), request("p", 0), 0)
			require.ErrorAs(t, err, new(*openai.OptionsError))
		})
	}
}

// What goes over the wire, field by field: vLLM's and SGLang's names.
func TestTheRequest(t *testing.T) {
	sent := func(set func(g *openai.Generator)) map[string]any {
		fake := &openaitest.Server{}
		g := serve(t, fake)
		g.Temperature, g.TopP, g.TopK, g.MinP, g.Stop = 0.5, 0.75, 20, 0.125, []string{"END"}
		set(g)
		_, err := g.Generate(context.Background(), request("p", 0))
		require.NoError(t, err)
		f := fake.Questions()[0].Fields
		if s, ok := f["seed"]; ok {
			require.IsType(t, 1.0, s)
			f["seed"] = "seed"
		}
		return f
	}
	check := func(want string, got map[string]any) {
		t.Helper()
		text, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, want, string(text))
	}
	check(`{"model":"policy","prompt":"say p","n":1,"max_tokens":1000,"temperature":0.5,"top_p":0.75,"top_k":20,"min_p":0.125,"stop":["END"],
		"seed":"seed","logprobs":0,"return_token_ids":true,"return_tokens_as_token_ids":true}`, sent(func(*openai.Generator) {}))
	check(`{"model":"policy","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"n":1,"max_tokens":1000,"temperature":0.5,"top_p":0.75,"top_k":20,
		"min_p":0.125,"stop":["END"],"seed":"seed","logprobs":true,"return_token_ids":true,
		"stream":true,"stream_options":{"include_usage":true},"stream_interval":16}`, sent(func(g *openai.Generator) {
		g.API, g.Stream = openai.Chat, true
		g.Prompt = func(*rollout.Problem) (openai.Prompt, error) {
			return openai.Prompt{Messages: []openai.Message{{Role: "system", Content: "s"}, {Role: "user", Content: "u"}}}, nil
		}
	}))
	check(`{"messages":[{"role":"user","content":"say p"}],"n":1,"max_completion_tokens":1000,"temperature":0.5,"top_p":0.75,"stop":["END"]}`, sent(func(g *openai.Generator) {
		g.API, g.Plain, g.TextOnly, g.Unseeded, g.TopK, g.MinP, g.Model = openai.Chat, true, true, true, 0, 0, ""
	}))
	native := sent(func(g *openai.Generator) {
		g.API, g.Unseeded = openai.Native, true
		g.Prompt = func(*rollout.Problem) (openai.Prompt, error) { return openai.Prompt{Tokens: ids("hi")}, nil }
	})
	check(`{"input_ids":[104,105],"sampling_params":{"n":1,"max_new_tokens":1000,"temperature":0.5,"top_p":0.75,"top_k":20,"min_p":0.125,"stop":["END"]},
		"return_logprob":true,"logprob_start_len":-1,"return_prompt_token_ids":true}`, native)
}

// The seed is a function of (Seed, problem, Round, Sample), in every attempt too.
func TestSeeds(t *testing.T) {
	failures := 2
	fake := &openaitest.Server{Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		if failures > 0 {
			failures--
			http.Error(w, "no", 500)
			return true
		}
		return false
	}}
	g := serve(t, fake)
	for _, r := range []*rollout.Request{request("a", 0), request("a", 0), request("a", 1), request("b", 0), {Problem: problem("a"), Round: 1, Seed: 7}, {Problem: problem("a"), Seed: 8}} {
		_, err := g.Generate(context.Background(), r)
		require.NoError(t, err)
	}
	var seeds []int64
	for _, q := range fake.Questions() {
		seeds = append(seeds, *q.Seed)
	}
	require.Len(t, seeds, 8)
	for i := 1; i < 4; i++ {
		require.Equal(t, seeds[0], seeds[i], "two attempts failed, the third succeeded, and a second call asked again")
	}
	distinct := map[int64]bool{}
	for _, s := range seeds {
		distinct[s] = true
		require.GreaterOrEqual(t, s, int64(0))
		require.Less(t, s, int64(1)<<31)
	}
	require.Len(t, distinct, 5)
	require.Equal(t, fake.Questions()[0].Header.Get("Idempotency-Key"), fake.Questions()[2].Header.Get("Idempotency-Key"))
	require.NotEqual(t, fake.Questions()[2].Header.Get("Idempotency-Key"), fake.Questions()[3].Header.Get("Idempotency-Key"))
}

// A budget needs the prompt's length: the server is asked once a prompt, by way of
// one token; a prompt of ids is counted here.
func TestBudget(t *testing.T) {
	for name, set := range routes {
		t.Run(name, func(t *testing.T) {
			fake := &openaitest.Server{}
			g := serve(t, fake)
			set(g)
			g.MaxTokens, g.Budget = 0, window.Budget{Window: 100, Reserve: 8}
			for i := range 3 {
				_, err := g.Generate(context.Background(), request("p", i))
				require.NoError(t, err)
			}
			q := fake.Questions()
			require.Len(t, q, 4)
			require.Equal(t, 1, q[0].MaxTokens)
			require.NotContains(t, q[0].Fields, "logprobs")
			for _, q := range q[1:] {
				require.Equal(t, 92-len(promptOf(g, "p")), q.MaxTokens)
			}
		})
	}
	fake := &openaitest.Server{}
	g := serve(t, fake)
	g.Budget = window.Budget{Window: 100}
	g.Prompt = func(p *rollout.Problem) (openai.Prompt, error) { return openai.Prompt{Tokens: ids(p.Statement)}, nil }
	_, err := g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Len(t, fake.Questions(), 1)
	require.Equal(t, 95, fake.Questions()[0].MaxTokens, "the smaller of 1000 and 100 - 5")

	g.Prompt = func(p *rollout.Problem) (openai.Prompt, error) { return openai.Prompt{Tokens: make([]int32, 100)}, nil }
	_, err = g.Generate(context.Background(), request("p", 0))
	require.ErrorAs(t, err, new(*window.PromptError))
	require.False(t, openai.Retryable(err))

	silent := &openaitest.Server{NoUsage: true}
	g = serve(t, silent)
	g.Budget = window.Budget{Window: 100}
	_, err = g.Generate(context.Background(), request("p", 0))
	require.ErrorAs(t, err, new(*openai.MissingError))
}

func TestCountedTokens(t *testing.T) {
	g := serve(t, &openaitest.Server{NoIDs: true, NoLogProbs: true})
	g.API, g.Plain, g.TextOnly = openai.Chat, true, true
	c, prompt, completion, err := g.GenerateCounted(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Equal(t, "ok", c.Text)
	require.Empty(t, c.Tokens)
	require.Equal(t, len("<user>say p<assistant>"), prompt)
	require.Equal(t, 3, completion)

	g = serve(t, &openaitest.Server{NoUsage: true})
	_, prompt, completion, err = g.GenerateCounted(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Equal(t, []int{5, 3}, []int{prompt, completion})
}

// A completion of a stream whose weights change has a version a token; of an answer
// in one piece, the older of what the header and the body say.
func TestVersions(t *testing.T) {
	version := "7"
	fake := &openaitest.Server{Reply: func(*openaitest.Question) string { return "abcdef" }, Chunk: 2, Version: func() string { return version },
		Between: func(q *openaitest.Question, chunk int) {
			if chunk == 1 {
				version = "8"
			}
		}}
	g := serve(t, fake)
	g.Stream = true
	c, err := g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	// The fake asks for the version when it makes a chunk, before Between of that chunk.
	require.Equal(t, []int64{7, 7, 7, 7, 8, 8, 8}, c.Versions)

	header := &openaitest.Server{Version: func() string { return "41" }, Instead: func(w http.ResponseWriter, r *http.Request, q *openaitest.Question) bool {
		w.Header().Set("X-Weight-Version", "40")
		return false
	}}
	for name, set := range routes {
		t.Run(name, func(t *testing.T) {
			g := serve(t, header)
			set(g)
			c, err := g.Generate(context.Background(), request("p", 0))
			require.NoError(t, err)
			require.Equal(t, []int64{40}, c.Versions)
			require.EqualValues(t, 40, c.Version(0))
		})
	}

	named := &openaitest.Server{Version: func() string { return "step-3" }}
	g = serve(t, named)
	_, err = g.Generate(context.Background(), request("p", 0))
	require.ErrorAs(t, err, new(*openai.VersionError))
	require.Len(t, named.Questions(), 1, "another attempt would say the same")
	g = serve(t, named)
	g.ParseVersion = func(text string) (int64, error) { return int64(text[len(text)-1] - '0'), nil }
	c, err = g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Equal(t, []int64{3}, c.Versions)

	g = serve(t, &openaitest.Server{Version: func() string { return "default" }})
	c, err = g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Nil(t, c.Versions, "SGLang before the first update of its weights")
}

type bytesTokenizer struct{}

func (bytesTokenizer) EncodePrompt(p *openai.Prompt) ([]int32, error) { return ids(p.Text), nil }
func (bytesTokenizer) Encode(text string) ([]int32, error)            { return ids(text), nil }

// Without ids there is no completion, unless re-tokenising is asked for; and then it
// has no log-probabilities, since they are not of these tokens.
func TestRetokenizingIsExplicit(t *testing.T) {
	fake := &openaitest.Server{NoIDs: true}
	g := serve(t, fake)
	_, err := g.Generate(context.Background(), request("p", 0))
	var missing *openai.MissingError
	require.ErrorAs(t, err, &missing)
	require.Contains(t, err.Error(), "no token ids")
	require.False(t, openai.Retryable(err))
	require.Len(t, fake.Questions(), 1)

	g = serve(t, fake)
	g.Retokenize = bytesTokenizer{}
	c, err := g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Equal(t, ids("ok"), c.Tokens)
	require.Equal(t, ids("say p"), c.Prompt)
	require.Nil(t, c.LogProbs)
}

// vLLM before 0.10.2 has ids in the tokens' names alone.
func TestIDsInNames(t *testing.T) {
	fake := &openaitest.Server{Alter: func(q *openaitest.Question, a map[string]any) {
		delete(a["choices"].([]any)[0].(map[string]any), "token_ids")
		delete(a["choices"].([]any)[0].(map[string]any), "prompt_token_ids")
	}}
	g := serve(t, fake)
	_, err := g.Generate(context.Background(), request("p", 0))
	require.ErrorAs(t, err, new(*openai.MissingError), "the prompt's are not there")
	g = serve(t, fake)
	g.Prompt = func(p *rollout.Problem) (openai.Prompt, error) { return openai.Prompt{Tokens: ids(p.Statement)}, nil }
	c, err := g.Generate(context.Background(), request("p", 0))
	require.NoError(t, err)
	require.Equal(t, append(ids("ok"), openaitest.EOS), c.Tokens)
	require.Equal(t, logProbs(c.Tokens), c.LogProbs)
}

// A server with a reasoning parser takes the thought apart; it is put back, so that
// the verifier sees the answer and the length is that of all.
func TestReasoning(t *testing.T) {
	for _, field := range []string{"reasoning", "reasoning_content"} {
		g := serve(t, &openaitest.Server{Alter: func(q *openaitest.Question, a map[string]any) {
			c := a["choices"].([]any)[0].(map[string]any)
			for _, part := range []string{"message", "delta"} {
				if m, ok := c[part].(map[string]any); ok {
					m[field] = "hm"
				}
			}
		}})
		g.API = openai.Chat
		c, err := g.Generate(context.Background(), request("p", 0))
		require.NoError(t, err)
		require.Equal(t, "<think>hm</think>ok", c.Text)
	}
}

func TestScore(t *testing.T) {
	tokens := ids("hello")
	for _, api := range []openai.API{openai.Completions, openai.Chat, openai.Native} {
		g := serve(t, &openaitest.Server{})
		g.API = api
		for from := 1; from <= 5; from++ {
			scores, err := g.Score(context.Background(), tokens, from)
			require.NoError(t, err)
			require.Len(t, scores, 5-from)
			for i, s := range scores {
				require.Equal(t, float32(openaitest.LogProb(int(tokens[from+i]))), s)
			}
		}
		for _, from := range []int{0, -1, 6} {
			_, err := g.Score(context.Background(), tokens, from)
			require.ErrorAs(t, err, new(*openai.OptionsError))
		}
		g = serve(t, &openaitest.Server{NoLogProbs: true})
		g.API = api
		_, err := g.Score(context.Background(), tokens, 1)
		require.ErrorAs(t, err, new(*openai.MissingError))
	}
}
