package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/grouprl/grouprl/rollout"
)

// answer gathers what a server says, in one piece or in many.
type answer struct {
	api     API
	header  string // weight version in the headers
	choices []choice
	usage   *usage
}

// choice is one completion as far as it has come.
type choice struct {
	text      strings.Builder
	reasoning strings.Builder
	ids       []int32 // nil: none given
	prompt    []int32 // the same
	names     []int32 // ids out of "token_id:123"; nil: none given
	named     int     // tokens with a name
	logProbs  []logProb
	given     bool // log-probabilities were
	finish    string
	versions  []span
}

// span says that tokens from one on are of a version.
type span struct {
	from    int
	version string
}

func newAnswer(api API, n int, header string) *answer {
	if header == "default" {
		header = ""
	}
	return &answer{api: api, header: header, choices: make([]choice, n)}
}

// parse takes a whole answer.
func (a *answer) parse(body []byte) error {
	if a.api == Native {
		return a.parseNative(body)
	}
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return &AnswerError{err.Error()}
	}
	if err := w.failure(); err != nil {
		return err
	}
	if len(w.Choices) != len(a.choices) {
		return &CountError{"choices", len(w.Choices), len(a.choices)}
	}
	seen := make([]bool, len(a.choices))
	for i := range w.Choices {
		index := w.Choices[i].Index
		if index < 0 || index >= len(seen) {
			return &CountError{"as the index of a choice", index, len(seen) - 1}
		}
		if seen[index] {
			return &AnswerError{fmt.Sprintf("choice %d comes twice", index)}
		}
		seen[index] = true
	}
	return a.add(&w)
}

// parseNative takes an answer of SGLang's /generate: an object, or with several
// choices a list of them.
func (a *answer) parseNative(body []byte) error {
	var list []wireNative
	if body = bytes.TrimSpace(body); len(body) > 0 && body[0] == '[' {
		if err := json.Unmarshal(body, &list); err != nil {
			return &AnswerError{err.Error()}
		}
	} else {
		list = make([]wireNative, 1)
		if err := json.Unmarshal(body, &list[0]); err != nil {
			return &AnswerError{err.Error()}
		}
	}
	if len(list) != len(a.choices) {
		return &CountError{"choices", len(list), len(a.choices)}
	}
	a.usage = &usage{}
	for i := range list {
		n, c := &list[i], &a.choices[i]
		if n.Error != nil {
			return &StatusError{Code: http.StatusInternalServerError, Message: fmt.Sprint(n.Error["message"])}
		}
		if n.Meta == nil {
			return &AnswerError{"no meta_info"}
		}
		c.text.WriteString(n.Text)
		c.ids, c.prompt, c.finish = n.IDs, n.PromptIDs, n.Meta.Finish.Type
		if n.Meta.Output != nil {
			c.given, c.names = true, make([]int32, 0, len(n.Meta.Output))
			for _, t := range n.Meta.Output {
				c.logProbs = append(c.logProbs, t.LogProb)
				c.names = append(c.names, t.ID)
				c.named++
			}
		}
		c.version(0, string(n.Meta.WeightVersion))
		a.usage.Prompt = n.Meta.Prompt
		a.usage.Completion += n.Meta.Completion
	}
	return nil
}

// stream takes an answer in chunks, up to its last.
func (a *answer) stream(events ssestream.Decoder) error {
	for events.Next() {
		data := bytes.TrimSpace(events.Event().Data)
		if bytes.Equal(data, []byte("[DONE]")) {
			break
		}
		var w wire
		if err := json.Unmarshal(data, &w); err != nil {
			return &AnswerError{err.Error()}
		}
		if err := w.failure(); err != nil {
			return err
		}
		if err := a.add(&w); err != nil {
			return err
		}
	}
	if err := events.Err(); err != nil {
		return err
	}
	for i := range a.choices {
		if a.choices[i].finish == "" {
			return &AnswerError{fmt.Sprintf("the stream ended before choice %d did", i)}
		}
	}
	return nil
}

// failure is an error that came with status 200, as it must in a stream.
func (w *wire) failure() error {
	failed := len(w.Error) > 0 && string(w.Error) != "null"
	if !failed && w.Object != "error" {
		return nil
	}
	e := &StatusError{Code: http.StatusInternalServerError, Message: w.Message}
	code := w.Code
	if failed {
		var inner struct {
			Message string          `json:"message"`
			Code    json.RawMessage `json:"code"`
		}
		if json.Unmarshal(w.Error, &inner) == nil {
			e.Message, code = inner.Message, inner.Code
		} else {
			e.Message = message(w.Error)
		}
	}
	if c, err := strconv.Atoi(strings.Trim(string(code), `"`)); err == nil && c >= 300 && c < 600 {
		e.Code = c
	}
	e.Message = message([]byte(e.Message))
	return e
}

// add adds a whole answer or a chunk of one.
func (a *answer) add(w *wire) error {
	if w.Usage != nil {
		a.usage = w.Usage
	}
	for i := range w.Choices {
		from := &w.Choices[i]
		if from.Index < 0 || from.Index >= len(a.choices) {
			return &CountError{"as the index of a choice", from.Index, len(a.choices) - 1}
		}
		c := &a.choices[from.Index]
		if c.finish != "" && (from.Text != "" || from.Delta.Content != "" || len(from.IDs) > 0) {
			return &AnswerError{fmt.Sprintf("choice %d goes on behind its end", from.Index)}
		}
		before := len(c.logProbs)
		if c.ids != nil {
			before = len(c.ids)
		}
		for _, v := range []version{w.WeightVersion, w.Metadata.WeightVersion, from.WeightVersion} {
			c.version(before, string(v))
		}
		c.text.WriteString(from.Text)
		for _, m := range []*wireMessage{&from.Message, &from.Delta} {
			c.text.WriteString(m.Content)
			c.reasoning.WriteString(m.ReasoningContent)
			if m.ReasoningContent == "" {
				c.reasoning.WriteString(m.Reasoning)
			}
		}
		if from.IDs != nil {
			c.ids = append(c.ids, from.IDs...)
			if c.ids == nil {
				c.ids = []int32{}
			}
		}
		for _, prompt := range [][]int32{w.PromptIDs, from.PromptIDs} {
			if prompt != nil {
				c.prompt = prompt
			}
		}
		if err := c.addLogProbs(&from.LogProbs); err != nil {
			return err
		}
		if from.Finish != "" {
			c.finish = from.Finish
		}
	}
	return nil
}

func (c *choice) addLogProbs(l *wireLogProbs) error {
	if l.TokenLogProbs != nil {
		c.given = true
		c.logProbs = append(c.logProbs, l.TokenLogProbs...)
		for _, t := range l.Tokens {
			if err := c.name(t); err != nil {
				return err
			}
		}
	}
	if l.Content != nil {
		c.given = true
		for i := range l.Content {
			c.logProbs = append(c.logProbs, l.Content[i].LogProb)
			if err := c.name(l.Content[i].Token); err != nil {
				return err
			}
		}
	}
	return nil
}

// name reads a token's id out of "token_id:123". A token by that very text would be
// read so too, but then its neighbours have no ids, and the counts differ.
func (c *choice) name(token string) error {
	c.named++
	digits, ok := strings.CutPrefix(token, "token_id:")
	if !ok {
		return nil
	}
	id, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return &AnswerError{err.Error()}
	}
	c.names = append(c.names, int32(id))
	return nil
}

// version says that the tokens from one on are of a version.
func (c *choice) version(from int, v string) {
	if v == "" || len(c.versions) > 0 && c.versions[len(c.versions)-1].version == v {
		return
	}
	c.versions = append(c.versions, span{from, v})
}

// content is the text, with reasoning that the server took apart put back before it.
func (c *choice) content() string {
	if c.reasoning.Len() == 0 {
		return c.text.String()
	}
	return "<think>" + c.reasoning.String() + "</think>" + c.text.String()
}

// finish makes completions of an answer that came whole, or says what is wrong with
// it.
func (g *Generator) finish(a *answer, q *question) (*reply, error) {
	r := &reply{usage: a.usage}
	if q.length {
		if p := a.choices[0].prompt; r.usage == nil && len(p) > 0 {
			r.usage = &usage{Prompt: len(p)}
		}
		if r.usage == nil || r.usage.Prompt <= 0 {
			return nil, &MissingError{"count of the prompt's tokens (usage.prompt_tokens), which Budget needs; MaxTokens does without"}
		}
		return r, nil
	}
	for i := range a.choices {
		c, err := g.completed(a, i, q)
		if err != nil {
			return nil, err
		}
		r.completions = append(r.completions, c)
	}
	return r, nil
}

func (g *Generator) completed(a *answer, i int, q *question) (*rollout.Completion, error) {
	c := &a.choices[i]
	out := &rollout.Completion{Sample: i, Text: c.content(), Prompt: q.prompt.Tokens}
	switch c.finish {
	case "stop":
	case "length":
		out.Finish = rollout.Length
	default:
		return nil, &FinishError{c.finish}
	}
	if g.TextOnly {
		out.Tokens = c.tokens()
	} else if err := g.tokens(out, c, i, q); err != nil {
		return nil, err
	}
	if n := len(out.Tokens); n > q.most {
		return nil, &CountError{"tokens of a completion", n, q.most}
	}
	return out, g.versions(out, c, a.header)
}

// tokens are the sampled ids: as such, or out of the tokens' names if each has one.
func (c *choice) tokens() []int32 {
	if c.ids != nil || c.names == nil || len(c.names) != c.named {
		return c.ids
	}
	return c.names
}

// tokens fills in ids and log-probabilities.
func (g *Generator) tokens(out *rollout.Completion, c *choice, i int, q *question) error {
	out.Tokens = c.tokens()
	if out.Tokens == nil {
		if g.Retokenize == nil {
			return &MissingError{tokenIDs}
		}
		return g.retokenize(out, q)
	}
	for t, id := range out.Tokens {
		if id < 0 {
			return &AnswerError{fmt.Sprintf("choice %d: token %d is %d", i, t, id)}
		}
	}
	if len(out.Prompt) == 0 {
		out.Prompt = c.prompt
	} else if len(c.prompt) > 0 && !slices.Equal(c.prompt, out.Prompt) {
		return &AnswerError{"the server continued another prompt than was sent"}
	}
	if len(out.Prompt) == 0 && g.Retokenize != nil {
		ids, err := g.Retokenize.EncodePrompt(q.prompt)
		if err != nil {
			return err
		}
		out.Prompt = ids
	}
	if len(out.Prompt) == 0 {
		return &MissingError{promptIDs}
	}
	if !c.given {
		return &MissingError{logProbs}
	}
	if len(c.logProbs) != len(out.Tokens) {
		return &CountError{"log-probabilities", len(c.logProbs), len(out.Tokens)}
	}
	out.LogProbs = make([]float32, len(c.logProbs))
	for t, l := range c.logProbs {
		if l.bad != "" {
			return &LogProbError{i, t, l.bad}
		}
		out.LogProbs[t] = float32(l.value)
	}
	return nil
}

// retokenize fills in ids that the server did not give. They may differ from those
// that were sampled, so they get no log-probabilities.
func (g *Generator) retokenize(out *rollout.Completion, q *question) error {
	ids, err := g.Retokenize.Encode(out.Text)
	if err != nil {
		return &AnswerError{"re-tokenised: " + err.Error()}
	}
	if len(out.Prompt) == 0 {
		if out.Prompt, err = g.Retokenize.EncodePrompt(q.prompt); err != nil {
			return &AnswerError{"re-tokenised: " + err.Error()}
		}
	}
	out.Tokens = ids
	return nil
}

// versions fills in the policy's version: of each token if they differ. Headers are
// written before a stream and behind any other answer. So in a stream they name the
// version of the first tokens; else, where they name another than the body does, the
// older one stands for all tokens, so that none seems younger than it is.
func (g *Generator) versions(out *rollout.Completion, c *choice, header string) error {
	parse := g.ParseVersion
	if parse == nil {
		parse = func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
	}
	spans := c.versions
	if header != "" {
		spans = append([]span{{0, header}}, spans...)
	}
	if len(spans) == 0 {
		return nil
	}
	numbers := make([]int64, len(spans))
	for i, s := range spans {
		v, err := parse(s.version)
		if err != nil {
			if e := errors.Unwrap(err); e != nil {
				err = e
			}
			return &VersionError{s.version, err}
		}
		numbers[i] = v
	}
	n := len(out.Tokens)
	same, whole := true, true
	for i := range spans {
		same = same && numbers[i] == numbers[0]
		whole = whole && spans[i].from == 0
	}
	switch {
	case same:
		out.Versions = numbers[:1]
	case whole || n == 0:
		oldest := numbers[0]
		for _, v := range numbers {
			oldest = min(oldest, v)
		}
		out.Versions = []int64{oldest}
	default:
		out.Versions = make([]int64, n)
		for i, s := range spans {
			for t := min(s.from, n); t < n; t++ {
				out.Versions[t] = numbers[i]
			}
		}
	}
	return nil
}
