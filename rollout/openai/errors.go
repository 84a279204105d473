package openai

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/grouprl/grouprl/rollout/window"
)

// OptionsError says which field of a Generator cannot be.
type OptionsError struct {
	Field string
	Value any
	Why   string
}

func (e *OptionsError) Error() string {
	return fmt.Sprintf("openai: %s = %v: %s", e.Field, e.Value, e.Why)
}

// RequestError is a completion that could not be had: what the last of so many
// attempts failed with, and at which server. It is the machinery's, never a reward.
type RequestError struct {
	Server   string
	Attempts int
	Err      error
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("openai: %s: attempt %d: %v", e.Server, e.Attempts, e.Err)
}

// Unwrap returns the last attempt's error.
func (e *RequestError) Unwrap() error { return e.Err }

// StatusError is an answer with a status of 300 or more, or an error in the middle
// of a stream.
type StatusError struct {
	Code       int
	Message    string        // the server's, at most 1,000 bytes
	RetryAfter time.Duration // as the server asks; 0: it does not
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("status %d %s", e.Code, http.StatusText(e.Code))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// temporary reports whether the same request may be answered later.
func (e *StatusError) temporary() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.Code >= 500
}

// AnswerError is an answer that is no whole one: broken JSON, half a stream, a
// choice twice, token ids that cannot be. Nothing of it is used.
type AnswerError struct{ Why string }

func (e *AnswerError) Error() string { return "bad answer: " + e.Why }

// CountError is an answer with a wrong number of something: choices other than
// those asked for, log-probabilities other than tokens, more tokens than the budget.
type CountError struct {
	What      string
	Got, Want int
}

func (e *CountError) Error() string {
	return fmt.Sprintf("bad answer: %d %s, want %d", e.Got, e.What, e.Want)
}

// MissingError is an answer without what a trainer needs. The server is too old for
// it, or was not started for it; another attempt would lack it too.
type MissingError struct{ What string }

func (e *MissingError) Error() string {
	s := "the answer has no " + e.What
	switch e.What {
	case tokenIDs, promptIDs:
		s += " (vLLM has them from 0.10.2 on; SGLang under API Native; for other servers Retokenize is the explicit way, and TextOnly does without)"
	case logProbs:
		s += " (TextOnly does without)"
	}
	return s
}

// What a MissingError misses.
const (
	tokenIDs  = "token ids"
	promptIDs = "token ids of the prompt"
	logProbs  = "log-probabilities"
)

// LogProbError is a log-probability that no sampled token can have: null, not
// finite, above zero, or the -9999 that vLLM writes for minus infinity.
type LogProbError struct {
	Choice, Token int
	Value         string // as the server wrote it
}

func (e *LogProbError) Error() string {
	return fmt.Sprintf("bad answer: choice %d, token %d: a log-probability of %s", e.Choice, e.Token, e.Value)
}

// FinishError is a completion that ended neither at an end token or stop string nor
// at the window: aborted by the server, filtered, or for no reason given.
type FinishError struct{ Reason string }

func (e *FinishError) Error() string { return fmt.Sprintf("the completion ended with %q", e.Reason) }

// SizeError is an answer larger than Generator.MaxBytes.
type SizeError struct{ Limit int64 }

func (e *SizeError) Error() string { return fmt.Sprintf("an answer of more than %d bytes", e.Limit) }

// TimeoutError is an attempt that took too long at one of its stages.
type TimeoutError struct {
	Stage string // "first byte", "next chunk" or "whole answer"
	After time.Duration
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("no %s within %v", e.Stage, e.After) }

// Timeout reports true, as net.Error has it.
func (e *TimeoutError) Timeout() bool { return true }

// DownError says that no server was fit for a request for as long as
// Generator.Patience.
type DownError struct {
	Servers int
	Waited  time.Duration
	Err     error // what the last server failed with
}

func (e *DownError) Error() string {
	return fmt.Sprintf("openai: none of %d servers has been fit for a request for %v: %v", e.Servers, e.Waited, e.Err)
}

// Unwrap returns the last failure.
func (e *DownError) Unwrap() error { return e.Err }

// VersionError is a weight version that is no whole number; Generator.ParseVersion
// can make one of it.
type VersionError struct {
	Text string
	Err  error
}

func (e *VersionError) Error() string { return fmt.Sprintf("weight version %.40q: %v", e.Text, e.Err) }

// Unwrap returns why.
func (e *VersionError) Unwrap() error { return e.Err }

// Retryable reports whether another attempt may help against an error of a
// Generator: for rollout.Options.Retryable. A request that the server refuses, an
// answer without token ids, a prompt longer than the window and an option that
// cannot be stay what they are.
func Retryable(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.temporary()
	}
	for _, lasting := range []any{new(*OptionsError), new(*MissingError), new(*VersionError), new(*SizeError), new(*window.PromptError), new(*PromptError)} {
		if errors.As(err, lasting) {
			return false
		}
	}
	return err != nil
}
