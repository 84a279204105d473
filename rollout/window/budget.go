package window

import "fmt"

// Budget is what one request may use of a window. The zero value leaves nothing.
type Budget struct {
	Window  int // prompt and completion together
	Reserve int // kept free, for tokens that the server adds itself; NousCoder's environment keeps 32
}

// PromptError is a prompt that leaves no room for a completion.
type PromptError struct {
	Prompt int // its tokens
	Budget Budget
}

func (e *PromptError) Error() string {
	return fmt.Sprintf("window: a prompt of %d tokens leaves no room in a window of %d with %d reserved", e.Prompt, e.Budget.Window, e.Budget.Reserve)
}

// Tokens returns how many tokens may be sampled after a prompt:
//
//	Window - prompt - Reserve
//
// It returns a *PromptError if that is less than 1, or prompt or Reserve is
// negative.
func (b Budget) Tokens(prompt int) (int, error) {
	n := b.Window - prompt - b.Reserve
	if n < 1 || prompt < 0 || b.Reserve < 0 {
		return 0, &PromptError{prompt, b}
	}
	return n, nil
}

// Overlong reports whether a completion of so many tokens has used up what b left
// it after its prompt. A prompt that leaves no room makes every completion
// overlong.
//
// It is for completions that come without a finish reason, and for checking the
// reason of those that have one; a completion whose end token fell exactly on its
// last allowed token is complete, which lengths alone cannot tell. Take the
// budget of the step whose policy generated the completion, not that of the step
// which trains on it: cut at 32,768 tokens it stays truncated when the window has
// grown to 40,960, and one of 33,000 tokens is not overlong for a later, smaller
// window.
//
//	overlong := schedule.Budget(int(completion.Version(0)), reserve).Overlong(len(completion.Prompt), len(completion.Tokens))
func (b Budget) Overlong(prompt, completion int) bool {
	n, err := b.Tokens(prompt)
	return err != nil || completion >= n
}
