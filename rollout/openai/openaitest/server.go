// Package openaitest is an inference server for tests: it speaks the routes of
// package openai as vLLM and SGLang do, over a policy that is a Go function, and
// misbehaves where a test wants it to.
//
//	fake := &openaitest.Server{Reply: func(q *openaitest.Question) string { return "```python\nprint(1)\n```" }}
//	server := httptest.NewServer(fake)
//	g := &openai.Generator{Servers: []string{server.URL + "/v1"}, MaxTokens: 100}
//
// Its tokeniser is bytes: the id of a token is its byte's value, and the end token
// is EOS. A chat template puts "<role>content" for each message and "<assistant>"
// behind the last.
package openaitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// EOS is the id of the token that ends a completion.
const EOS = 256

// LogProb is the log-probability that the policy gives to a token: a number that
// float32 holds, and a test can compute.
func LogProb(id int) float64 { return -float64(id) / 1024 }

// Question is a request as the server understood it.
type Question struct {
	Path        string
	Header      http.Header
	Prompt      string // after the chat template, or out of token ids
	N           int
	Choice      int // for Reply: 0..N-1
	MaxTokens   int
	Temperature float64
	TopP        float64
	Seed        *int64
	Stream      bool
	Count       int64          // requests so far, this one included
	Fields      map[string]any // the whole body
}

// Server is an http.Handler. The zero value answers every prompt with "ok". Set its
// fields before its first use.
type Server struct {
	Reply   func(q *Question) string // what the policy says to a prompt, but for the end token; nil: "ok"
	Version func() string            // weight version, asked once a chunk; nil: none

	Model  string // that it serves; "": policy
	Window int    // that it says it was started with; 0: it does not say

	NoIDs      bool                                                           // as servers that have no token ids
	NoLogProbs bool                                                           // as servers that have no log-probabilities
	NoUsage    bool                                                           // as servers that do not count
	Chunk      int                                                            // tokens in a chunk of a stream; 0: 1
	Health     func() int                                                     // status of /health; nil: 200
	Instead    func(w http.ResponseWriter, r *http.Request, q *Question) bool // answers in the server's place, or returns false
	Alter      func(q *Question, answer map[string]any)                       // changes an answer, or a chunk, on its way out
	Between    func(q *Question, chunk int)                                   // runs before each chunk of a stream

	count    atomic.Int64
	flying   atomic.Int64
	mu       sync.Mutex
	most     int64
	received []*Question
}

// Questions are the requests for completions so far.
func (s *Server) Questions() []*Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Question(nil), s.received...)
}

// MostAtOnce is the largest number of requests that were under way at a time.
func (s *Server) MostAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.most)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/health":
		if s.Health != nil {
			w.WriteHeader(s.Health())
		}
		return
	case "/v1/models":
		m := map[string]any{"id": "policy", "object": "model"}
		if s.Model != "" {
			m["id"] = s.Model
		}
		if s.Window > 0 {
			m["max_model_len"] = s.Window
		}
		write(w, http.StatusOK, map[string]any{"object": "list", "data": []any{m}})
		return
	case "/v1/completions", "/v1/chat/completions", "/generate":
	default:
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q := &Question{Path: r.URL.Path, Header: r.Header, Count: s.count.Add(1)}
	if err := q.parse(body); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	flying := s.flying.Add(1)
	defer s.flying.Add(-1)
	s.mu.Lock()
	s.most = max(s.most, flying)
	s.received = append(s.received, q)
	s.mu.Unlock()
	switch {
	case s.Instead != nil && s.Instead(w, r, q):
	case q.Path == "/generate":
		s.native(w, q)
	case q.Stream:
		s.stream(w, r, q)
	default:
		s.whole(w, q)
	}
}

// fail answers with an error as vLLM does.
func fail(w http.ResponseWriter, status int, why string) {
	write(w, status, map[string]any{"error": map[string]any{"message": why, "type": "BadRequestError", "code": status}})
}

func write(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err) // a test's Alter put something into it that JSON has no words for
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

func (q *Question) parse(body []byte) error {
	if err := json.Unmarshal(body, &q.Fields); err != nil {
		return err
	}
	f := q.Fields
	if p, ok := f["sampling_params"].(map[string]any); ok {
		f = p
	}
	number := func(name string, def float64) float64 {
		if x, ok := f[name].(float64); ok {
			return x
		}
		return def
	}
	q.N, q.Temperature, q.TopP = int(number("n", 1)), number("temperature", 1), number("top_p", 1)
	q.MaxTokens = int(number("max_tokens", number("max_completion_tokens", number("max_new_tokens", 16))))
	q.Stream, _ = f["stream"].(bool)
	if x, ok := f["seed"].(float64); ok {
		seed := int64(x)
		q.Seed = &seed
	} else if x, ok := f["sampling_seed"].(float64); ok {
		seed := int64(x)
		q.Seed = &seed
	}
	var b strings.Builder
	for _, name := range []string{"prompt", "text", "input_ids"} {
		switch p := q.Fields[name].(type) {
		case string:
			b.WriteString(p)
		case []any:
			for _, id := range p {
				n, ok := id.(float64)
				if !ok || n < 0 || n > EOS {
					return fmt.Errorf("token id %v", id)
				}
				b.WriteByte(byte(n))
			}
		}
	}
	if messages, ok := q.Fields["messages"].([]any); ok {
		for _, m := range messages {
			m, _ := m.(map[string]any)
			fmt.Fprintf(&b, "<%v>%v", m["role"], m["content"])
		}
		b.WriteString("<assistant>")
	}
	if q.Prompt = b.String(); q.Prompt == "" {
		return fmt.Errorf("no prompt")
	}
	return nil
}

// ids are a text's tokens.
func ids(text string) []int {
	list := make([]int, len(text))
	for i := range text {
		list[i] = int(text[i])
	}
	return list
}

// sample is what the policy says, cut to what is allowed.
func (s *Server) sample(q *Question, choice int) (tokens []int, finish string) {
	own := *q
	own.Choice = choice
	text := "ok"
	if s.Reply != nil {
		text = s.Reply(&own)
	}
	if tokens = append(ids(text), EOS); len(tokens) > q.MaxTokens {
		return tokens[:q.MaxTokens], "length"
	}
	return tokens, "stop"
}

func decode(tokens []int) string {
	b := make([]byte, 0, len(tokens))
	for _, id := range tokens {
		if id != EOS {
			b = append(b, byte(id))
		}
	}
	return string(b)
}

// choice is tokens as one choice of an answer, or as a part of it.
func (s *Server) choice(q *Question, index int, tokens []int, finish string, first bool, message string) map[string]any {
	c := map[string]any{"index": index, "finish_reason": nil, "logprobs": nil}
	if finish != "" {
		c["finish_reason"] = finish
	}
	chat := strings.HasSuffix(q.Path, "/chat/completions")
	if chat {
		c[message] = map[string]any{"role": "assistant", "content": decode(tokens)}
	} else {
		c["text"] = decode(tokens)
	}
	wanted, _ := q.Fields["return_token_ids"].(bool)
	if wanted && !s.NoIDs {
		c["token_ids"] = tokens
		if first && !chat {
			c["prompt_token_ids"] = ids(q.Prompt)
		}
	}
	if p, ok := q.Fields["prompt_logprobs"].(float64); ok && p == 0 && !s.NoLogProbs {
		list := []any{nil}
		for _, id := range ids(q.Prompt)[1:] {
			list = append(list, map[string]any{fmt.Sprint(id): map[string]any{"logprob": LogProb(id), "rank": 1, "decoded_token": "x"}})
		}
		c["prompt_logprobs"] = list
	}
	if l, ok := q.Fields["logprobs"]; !ok || l == false || s.NoLogProbs {
		return c
	}
	if chat {
		content := []map[string]any{}
		for _, id := range tokens {
			content = append(content, map[string]any{"token": decode([]int{id}), "bytes": []int{id}, "logprob": LogProb(id), "top_logprobs": []any{}})
		}
		c["logprobs"] = map[string]any{"content": content}
		return c
	}
	names, values := []string{}, []float64{}
	for _, id := range tokens {
		name := decode([]int{id})
		if named, _ := q.Fields["return_tokens_as_token_ids"].(bool); named && !s.NoIDs {
			name = fmt.Sprintf("token_id:%d", id)
		}
		names, values = append(names, name), append(values, LogProb(id))
	}
	c["logprobs"] = map[string]any{"tokens": names, "token_logprobs": values, "text_offset": []int{}, "top_logprobs": nil}
	return c
}

// version is the weight version, nil for none.
func (s *Server) version() any {
	if s.Version == nil {
		return nil
	}
	return map[string]any{"weight_version": s.Version()}
}

func (s *Server) usage(a map[string]any, q *Question, sampled int) {
	if !s.NoUsage {
		a["usage"] = map[string]any{"prompt_tokens": len(q.Prompt), "completion_tokens": sampled, "total_tokens": len(q.Prompt) + sampled}
	}
}

func (s *Server) altered(q *Question, a map[string]any) map[string]any {
	if s.Alter != nil {
		s.Alter(q, a)
	}
	return a
}

func (s *Server) whole(w http.ResponseWriter, q *Question) {
	var choices []any
	sampled := 0
	for i := range q.N {
		tokens, finish := s.sample(q, i)
		sampled += len(tokens)
		choices = append(choices, s.choice(q, i, tokens, finish, true, "message"))
	}
	a := map[string]any{"id": "x", "object": "text_completion", "model": q.Fields["model"], "choices": choices, "metadata": s.version()}
	if wanted, _ := q.Fields["return_token_ids"].(bool); wanted && !s.NoIDs && strings.HasSuffix(q.Path, "/chat/completions") {
		a["prompt_token_ids"] = ids(q.Prompt)
	}
	s.usage(a, q, sampled)
	write(w, http.StatusOK, s.altered(q, a))
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, q *Question) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	flush := w.(http.Flusher).Flush
	flush()
	sampled, number := 0, 0
	send := func(a map[string]any) bool {
		if s.Between != nil {
			s.Between(q, number)
		}
		number++
		text, err := json.Marshal(s.altered(q, a))
		if err != nil {
			panic(err)
		}
		_, err = fmt.Fprintf(w, "data: %s\n\n", text)
		flush()
		return err == nil && r.Context().Err() == nil
	}
	for i := range q.N {
		tokens, finish := s.sample(q, i)
		sampled += len(tokens)
		for first := true; first || len(tokens) > 0; first = false {
			n := min(max(s.Chunk, 1), len(tokens))
			end := ""
			if n == len(tokens) {
				end = finish
			}
			a := map[string]any{"object": "chunk", "choices": []any{s.choice(q, i, tokens[:n], end, first, "delta")}, "metadata": s.version()}
			if wanted, _ := q.Fields["return_token_ids"].(bool); first && wanted && !s.NoIDs && strings.HasSuffix(q.Path, "/chat/completions") {
				a["prompt_token_ids"] = ids(q.Prompt)
			}
			if !send(a) {
				return
			}
			tokens = tokens[n:]
		}
	}
	last := map[string]any{"object": "chunk", "choices": []any{}}
	s.usage(last, q, sampled)
	send(last)
	io.WriteString(w, "data: [DONE]\n\n")
}

// native answers as SGLang's own route.
func (s *Server) native(w http.ResponseWriter, q *Question) {
	var list []any
	triples := func(tokens []int) []any {
		out := []any{}
		for _, id := range tokens {
			out = append(out, []any{LogProb(id), id, nil})
		}
		return out
	}
	for i := range q.N {
		tokens, finish := s.sample(q, i)
		meta := map[string]any{"id": "x", "finish_reason": map[string]any{"type": finish}, "prompt_tokens": len(q.Prompt), "completion_tokens": len(tokens), "weight_version": "default"}
		if s.Version != nil {
			meta["weight_version"] = s.Version()
		}
		one := map[string]any{"text": decode(tokens), "meta_info": meta}
		if !s.NoIDs {
			one["output_ids"] = tokens
			one["prompt_token_ids"] = ids(q.Prompt)
		}
		if wanted, _ := q.Fields["return_logprob"].(bool); wanted && !s.NoLogProbs {
			meta["output_token_logprobs"] = triples(tokens)
			if from, ok := q.Fields["logprob_start_len"].(float64); ok && from >= 0 {
				input := triples(ids(q.Prompt)[int(from):])
				input[0].([]any)[0] = nil
				meta["input_token_logprobs"] = input
			}
		}
		list = append(list, s.altered(q, one))
	}
	if q.N == 1 {
		write(w, http.StatusOK, list[0])
		return
	}
	write(w, http.StatusOK, list)
}

// Reset ends a connection in the middle, as a server does that dies.
func Reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

// Hang keeps a request waiting until its client has gone, or for the time.
func Hang(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}
