package openai

import (
	"errors"
	"fmt"

	"github.com/grouprl/grouprl/rollout"
)

// Prompt is what the policy continues: exactly one of the three.
type Prompt struct {
	Tokens   []int32   // token ids, as they are; not with API Chat
	Text     string    // tokenised by the server; not with API Chat
	Messages []Message // put into the model's chat template by the server; only with API Chat
}

// Message is one turn of a chat.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// PromptError is a problem of which no prompt can be made that the API takes.
type PromptError struct {
	Problem string // its ID
	Err     error
}

func (e *PromptError) Error() string {
	return fmt.Sprintf("openai: prompt of problem %q: %v", e.Problem, e.Err)
}

// Unwrap returns why.
func (e *PromptError) Unwrap() error { return e.Err }

// prompt makes and checks a problem's prompt.
func (g *Generator) prompt(p *rollout.Problem) (Prompt, error) {
	if p == nil {
		return Prompt{}, &PromptError{"", errors.New("there is no problem")}
	}
	var prompt Prompt
	switch {
	case g.Prompt != nil:
		var err error
		if prompt, err = g.Prompt(p); err != nil {
			return prompt, &PromptError{p.ID, err}
		}
	case g.API == Chat:
		prompt.Messages = []Message{{"user", p.Statement}}
	default:
		prompt.Text = p.Statement
	}
	if err := prompt.check(g.API); err != nil {
		return prompt, &PromptError{p.ID, err}
	}
	return prompt, nil
}

func (p *Prompt) check(api API) error {
	ways := 0
	for _, has := range []bool{len(p.Tokens) > 0, p.Text != "", len(p.Messages) > 0} {
		if has {
			ways++
		}
	}
	switch {
	case ways != 1:
		return fmt.Errorf("%d of Tokens, Text and Messages are given, want one", ways)
	case api == Chat && len(p.Messages) == 0:
		return errors.New("API Chat takes Messages")
	case api != Chat && len(p.Messages) > 0:
		return fmt.Errorf("API %v takes Tokens or Text: messages need the model's chat template, which API Chat applies", api)
	}
	for i, id := range p.Tokens {
		if id < 0 {
			return fmt.Errorf("token %d is %d", i, id)
		}
	}
	for i, m := range p.Messages {
		switch m.Role {
		case "system", "user", "assistant":
		default:
			return fmt.Errorf("message %d has role %q, want system, user or assistant", i, m.Role)
		}
	}
	return nil
}

// Tokenizer gives token ids to the texts of servers that do not: see
// Generator.Retokenize. It is called from several goroutines.
type Tokenizer interface {
	EncodePrompt(p *Prompt) ([]int32, error)
	Encode(completion string) ([]int32, error)
}
