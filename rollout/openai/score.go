package openai

import (
	"context"
	"fmt"
	"strconv"

	"encoding/json"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"net/http"
)

// Score returns the log-probabilities that the servers' model gives to tokens[from:],
// each after all tokens before it: of a reference policy (grpo.Batch.RefLogProbs), or
// of a newer one than sampled them. from is at least 1. It asks for vLLM's
// prompt_logprobs, and with API Native for SGLang's input_token_logprobs, beside one
// sampled token, which is thrown away. They are those of temperature 1. Errors are
// those of Generate.
func (g *Generator) Score(ctx context.Context, tokens []int32, from int) ([]float32, error) {
	if err := g.start(); err != nil {
		return nil, err
	}
	if from < 1 || from > len(tokens) {
		return nil, &OptionsError{"from", from, fmt.Sprintf("want 1 to %d: the first token follows none", len(tokens))}
	}
	q := &question{n: 1, most: len(tokens), tokens: int64(len(tokens)) + 1}
	var body any
	path := "completions"
	if g.API == Native {
		path = "generate"
		body = nativeQuestion{InputIDs: tokens, Sampling: nativeSampling{N: 1, Max: 1, TopP: 1, Temperature: 1}, LogProbs: true, From: from - 1}
	} else {
		p := openai.CompletionNewParams{Model: openai.CompletionNewParamsModel(g.Model), MaxTokens: openai.Int(1), Temperature: openai.Float(1)}
		p.Prompt.OfArrayOfTokens = wide(tokens)
		fields := map[string]any{"prompt_logprobs": 0}
		if g.Model == "" {
			fields["model"] = param.Omit
		}
		p.SetExtraFields(fields)
		body = p
	}
	return try(ctx, g, q, func(ctx context.Context, s *server, id string) (scores []float32, err error) {
		err = g.post(ctx, s, path, body, id, q, func(_ http.Header, _ ssestream.Decoder, whole []byte) error {
			if g.API == Native {
				scores, err = nativeScores(whole, tokens, from)
			} else {
				scores, err = scoresOf(whole, tokens, from)
			}
			return err
		})
		return scores, err
	})
}

func scoresOf(body []byte, tokens []int32, from int) ([]float32, error) {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, &AnswerError{err.Error()}
	}
	if err := w.failure(); err != nil {
		return nil, err
	}
	if len(w.Choices) != 1 {
		return nil, &CountError{"choices", len(w.Choices), 1}
	}
	list := w.Choices[0].PromptLogProbs
	switch {
	case list == nil:
		return nil, &MissingError{"log-probabilities of the prompt (prompt_logprobs)"}
	case len(list) != len(tokens):
		return nil, &CountError{"log-probabilities of the prompt", len(list), len(tokens)}
	}
	scores := make([]float32, 0, len(tokens)-from)
	for t := from; t < len(tokens); t++ {
		l, ok := list[t][strconv.Itoa(int(tokens[t]))]
		if !ok {
			return nil, &AnswerError{fmt.Sprintf("token %d of the prompt, %d, has no log-probability", t, tokens[t])}
		}
		if l.LogProb.bad != "" {
			return nil, &LogProbError{0, t, l.LogProb.bad}
		}
		scores = append(scores, float32(l.LogProb.value))
	}
	return scores, nil
}

func nativeScores(body []byte, tokens []int32, from int) ([]float32, error) {
	var n wireNative
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, &AnswerError{err.Error()}
	}
	if n.Meta == nil || n.Meta.Input == nil {
		return nil, &MissingError{"log-probabilities of the prompt (input_token_logprobs)"}
	}
	list := n.Meta.Input
	if want := len(tokens) - from + 1; len(list) != want {
		return nil, &CountError{"log-probabilities of the prompt", len(list), want}
	}
	scores := make([]float32, 0, len(tokens)-from)
	for i, l := range list[1:] {
		switch {
		case l.ID != tokens[from+i]:
			return nil, &AnswerError{fmt.Sprintf("token %d of the prompt is %d, not %d", from+i, l.ID, tokens[from+i])}
		case l.LogProb.bad != "":
			return nil, &LogProbError{0, from + i, l.LogProb.bad}
		}
		scores = append(scores, float32(l.LogProb.value))
	}
	return scores, nil
}
