package openai

import (
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"
)

// question is one request, the same in all its attempts.
type question struct {
	prompt *Prompt
	n      int
	most   int    // tokens of a completion
	seed   *int64 // nil: none
	stream bool
	length bool  // only usage is wanted
	tokens int64 // that it is reckoned at
}

// streamInterval is how many tokens newer releases of vLLM put into a chunk. With one
// token a chunk a server spends more on JSON than it need.
const streamInterval = 16

// path is the route, relative to the base URL.
func (g *Generator) path() string {
	switch g.API {
	case Chat:
		return "chat/completions"
	case Native:
		return "generate"
	}
	return "completions"
}

// body is the request as JSON is made of it.
func (g *Generator) body(q *question) any {
	switch g.API {
	case Chat:
		return g.chat(q)
	case Native:
		return g.native(q)
	}
	return g.completion(q)
}

func (g *Generator) topP() float64 {
	if g.TopP == 0 {
		return 1
	}
	return g.TopP
}

// extras are the fields that OpenAI's own API does not have. vLLM and SGLang each
// ignore what only the other knows.
func (g *Generator) extras(q *question) map[string]any {
	fields := map[string]any{}
	if q.stream {
		fields["stream"] = true
		fields["stream_options"] = map[string]any{"include_usage": true}
	}
	if g.Plain {
		return fields
	}
	if q.stream {
		fields["stream_interval"] = streamInterval
	}
	if g.TopK > 0 {
		fields["top_k"] = g.TopK
	}
	if g.MinP > 0 {
		fields["min_p"] = g.MinP
	}
	if !g.TextOnly && !q.length {
		fields["return_token_ids"] = true
		if g.API == Completions {
			fields["return_tokens_as_token_ids"] = true // vLLM before 0.10.2
		}
	}
	return fields
}

func (g *Generator) completion(q *question) openai.CompletionNewParams {
	p := openai.CompletionNewParams{
		Model:       openai.CompletionNewParamsModel(g.Model),
		N:           openai.Int(int64(q.n)),
		MaxTokens:   openai.Int(int64(q.most)),
		Temperature: openai.Float(g.Temperature),
		TopP:        openai.Float(g.topP()),
	}
	if q.prompt.Text != "" {
		p.Prompt.OfString = openai.String(q.prompt.Text)
	} else {
		p.Prompt.OfArrayOfTokens = wide(q.prompt.Tokens)
	}
	if len(g.Stop) > 0 {
		p.Stop.OfStringArray = g.Stop
	}
	if q.seed != nil {
		p.Seed = openai.Int(*q.seed)
	}
	if !g.TextOnly && !q.length {
		p.Logprobs = openai.Int(0) // of the sampled token alone
	}
	fields := g.extras(q)
	if g.Model == "" {
		fields["model"] = param.Omit
	}
	p.SetExtraFields(fields)
	return p
}

func (g *Generator) chat(q *question) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{
		Model:       shared.ChatModel(g.Model),
		N:           openai.Int(int64(q.n)),
		Temperature: openai.Float(g.Temperature),
		TopP:        openai.Float(g.topP()),
	}
	for _, m := range q.prompt.Messages {
		switch m.Role {
		case "system":
			p.Messages = append(p.Messages, openai.SystemMessage(m.Content))
		case "assistant":
			p.Messages = append(p.Messages, openai.AssistantMessage(m.Content))
		default:
			p.Messages = append(p.Messages, openai.UserMessage(m.Content))
		}
	}
	if g.Plain {
		p.MaxCompletionTokens = openai.Int(int64(q.most))
	} else {
		p.MaxTokens = openai.Int(int64(q.most)) // which older releases know too
	}
	if len(g.Stop) > 0 {
		p.Stop.OfStringArray = g.Stop
	}
	if q.seed != nil {
		p.Seed = openai.Int(*q.seed)
	}
	if !g.TextOnly && !q.length {
		p.Logprobs = openai.Bool(true)
	}
	fields := g.extras(q)
	if g.Model == "" {
		fields["model"] = param.Omit
	}
	p.SetExtraFields(fields)
	return p
}

// nativeQuestion is the body of SGLang's /generate.
type nativeQuestion struct {
	InputIDs []int32        `json:"input_ids,omitempty"`
	Text     string         `json:"text,omitempty"`
	Sampling nativeSampling `json:"sampling_params"`
	LogProbs bool           `json:"return_logprob"`
	From     int            `json:"logprob_start_len"` // -1: of the completion alone
	Prompt   bool           `json:"return_prompt_token_ids"`
}

type nativeSampling struct {
	N           int      `json:"n"`
	Max         int      `json:"max_new_tokens"`
	Temperature float64  `json:"temperature"`
	TopP        float64  `json:"top_p"`
	TopK        int      `json:"top_k,omitempty"`
	MinP        float64  `json:"min_p,omitempty"`
	Stop        []string `json:"stop,omitempty"`
	Seed        *int64   `json:"sampling_seed,omitempty"`
}

func (g *Generator) native(q *question) nativeQuestion {
	wanted := !g.TextOnly && !q.length
	return nativeQuestion{
		InputIDs: q.prompt.Tokens,
		Text:     q.prompt.Text,
		Sampling: nativeSampling{
			N: q.n, Max: q.most, Temperature: g.Temperature, TopP: g.topP(), TopK: g.TopK, MinP: g.MinP, Stop: g.Stop, Seed: q.seed,
		},
		LogProbs: wanted,
		From:     -1,
		Prompt:   wanted,
	}
}

func wide(ids []int32) []int64 {
	w := make([]int64, len(ids))
	for i, id := range ids {
		w[i] = int64(id)
	}
	return w
}
