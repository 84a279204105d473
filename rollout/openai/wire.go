package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// wire is an answer, or a chunk of one, of completions and chat/completions. What
// only vLLM or SGLang writes is marked.
type wire struct {
	Choices       []wireChoice    `json:"choices"`
	Usage         *usage          `json:"usage"`
	PromptIDs     []int32         `json:"prompt_token_ids"` // vLLM, chat
	Metadata      wireMetadata    `json:"metadata"`         // SGLang
	WeightVersion version         `json:"weight_version"`
	Error         json.RawMessage `json:"error"`
	Object        string          `json:"object"`  // "error": older releases of both
	Message       string          `json:"message"` // of such an error
	Code          json.RawMessage `json:"code"`
}

type wireMetadata struct {
	WeightVersion version `json:"weight_version"`
}

type wireChoice struct {
	Index         int          `json:"index"`
	Text          string       `json:"text"`    // completions
	Message       wireMessage  `json:"message"` // chat
	Delta         wireMessage  `json:"delta"`   // chat, in a stream
	LogProbs      wireLogProbs `json:"logprobs"`
	Finish        string       `json:"finish_reason"`
	IDs           []int32      `json:"token_ids"`        // both
	PromptIDs     []int32      `json:"prompt_token_ids"` // both
	WeightVersion version      `json:"weight_version"`

	PromptLogProbs []map[string]wirePromptLogProb `json:"prompt_logprobs"` // vLLM
}

// wireMessage has the reasoning apart where the server was started with a parser for
// it.
type wireMessage struct {
	Content          string `json:"content"`
	Reasoning        string `json:"reasoning"`         // vLLM
	ReasoningContent string `json:"reasoning_content"` // SGLang, older vLLM
}

type wireLogProbs struct {
	Tokens        []string  `json:"tokens"`         // completions
	TokenLogProbs []logProb `json:"token_logprobs"` // completions
	Content       []struct {
		Token   string  `json:"token"`
		LogProb logProb `json:"logprob"`
	} `json:"content"` // chat
}

type wirePromptLogProb struct {
	LogProb logProb `json:"logprob"`
}

// usage is what a request cost.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
}

// wireNative is one choice of SGLang's /generate.
type wireNative struct {
	Text      string         `json:"text"`
	IDs       []int32        `json:"output_ids"`
	PromptIDs []int32        `json:"prompt_token_ids"`
	Meta      *wireMeta      `json:"meta_info"`
	Error     map[string]any `json:"error"`
}

type wireMeta struct {
	Finish        wireFinish `json:"finish_reason"`
	WeightVersion version    `json:"weight_version"`
	Prompt        int        `json:"prompt_tokens"`
	Completion    int        `json:"completion_tokens"`
	Output        []triple   `json:"output_token_logprobs"`
	Input         []triple   `json:"input_token_logprobs"`
}

// wireFinish is {"type": "stop", ...}.
type wireFinish struct {
	Type string `json:"type"`
}

// triple is [log-probability, token id, text or null].
type triple struct {
	LogProb logProb
	ID      int32
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *triple) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) < 2 {
		return fmt.Errorf("%d parts of a log-probability, want 2 or 3", len(parts))
	}
	return errors.Join(json.Unmarshal(parts[0], &t.LogProb), json.Unmarshal(parts[1], &t.ID))
}

// logProb is a number; bad is what stands there if it is none.
type logProb struct {
	value float64
	bad   string
}

// rounding is how far above zero a log-probability may come out of float16 sums.
const rounding = 1e-3

// minusInfinity is what vLLM's chat route writes in its place.
const minusInfinity = -9999

// UnmarshalJSON implements json.Unmarshaler. What is no log-probability of a sampled
// token is kept to be reported with its place.
func (l *logProb) UnmarshalJSON(b []byte) error {
	*l = logProb{}
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(x) || math.IsInf(float64(float32(x)), 0) || x <= minusInfinity || x > rounding {
		l.bad = string(b)
		if len(l.bad) > 40 {
			l.bad = l.bad[:40]
		}
		return nil
	}
	l.value = x
	return nil
}

// version is a weight version, a string or a number. SGLang says "default" before
// the first update of its weights.
type version string

// UnmarshalJSON implements json.Unmarshaler.
func (v *version) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		text = string(b)
	}
	if text == "null" || text == "default" {
		text = ""
	}
	*v = version(text)
	return nil
}
