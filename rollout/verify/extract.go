package verify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Extractor takes the program out of a completion; ok is false if there is none.
type Extractor interface {
	Extract(text string) (program string, ok bool)
}

// LastFence is NousCoder's rule: the last match of
//
//	^```(?:\w+)?\s*\n(.*?)(?=^```)```     (DOTALL, MULTILINE)
//
// so a fence starts a line, an unclosed one counts for nothing, and "```c++" opens
// nothing: its closing fence then opens a block of its own, and a Python block after
// it is lost. \w and \s are Python's, over Unicode.
//
// By default only the text after the last </think> is searched, where there is one: an
// open fence in the reasoning would swallow the answer, and a draft in the reasoning
// is not an answer. Whole searches all of it, as NousCoder's own environment does.
type LastFence struct{ Whole bool }

// Extract implements Extractor.
func (f LastFence) Extract(text string) (program string, ok bool) {
	if !f.Whole {
		text = Answer(text)
	}
	for at := 0; at < len(text); {
		start, end, found := fence(text, at)
		if !found {
			break
		}
		program, ok = text[start:end], true
		at = end + len("```")
	}
	return program, ok
}

// fence returns the first block at or after at.
func fence(text string, at int) (start, end int, ok bool) {
	for ; at >= 0 && at < len(text); at = nextFence(text, at+1) {
		if at > 0 && text[at-1] != '\n' || !strings.HasPrefix(text[at:], "```") {
			continue
		}
		head := strings.TrimLeftFunc(text[at+3:], isWord)
		body := strings.TrimLeftFunc(head, isSpace)
		newline := strings.LastIndexByte(head[:len(head)-len(body)], '\n')
		if newline < 0 {
			continue
		}
		start = len(text) - len(head) + newline + 1
		if end = nextFence(text, start); end >= 0 {
			return start, end, true
		}
		return 0, 0, false // no fence follows, so none can close a later one
	}
	return 0, 0, false
}

// nextFence returns where the next line that begins with a fence begins, looking for
// its line break from at-1 on, or -1.
func nextFence(text string, at int) int {
	from := max(at-1, 0)
	if i := strings.Index(text[from:], "\n```"); i >= 0 {
		return from + i + 1
	}
	return -1
}

// LiveCodeBench is that harness' rule: the lines between the last two lines that
// contain a fence. Whole as in LastFence.
type LiveCodeBench struct{ Whole bool }

// Extract implements Extractor.
func (l LiveCodeBench) Extract(text string) (program string, ok bool) {
	if !l.Whole {
		text = Answer(text)
	}
	last := strings.LastIndex(text, "```")
	if last < 0 {
		return "", false
	}
	end := strings.LastIndexByte(text[:last], '\n') // before the closing line
	if end < 0 {
		return "", false
	}
	open := strings.LastIndex(text[:end], "```")
	if open < 0 {
		return "", false
	}
	newline := strings.IndexByte(text[open:end], '\n')
	if newline < 0 {
		return "", true // two fence lines with nothing between
	}
	return text[open+newline+1 : end], true
}

// WholeText takes the text as the program.
type WholeText struct{}

// Extract implements Extractor.
func (WholeText) Extract(text string) (string, bool) { return text, true }

// Answer returns what follows the last </think>, or all of a text without one.
func Answer(text string) string {
	const tag = "</think>"
	if i := strings.LastIndex(text, tag); i >= 0 {
		return text[i+len(tag):]
	}
	return text
}

// isSpace is Python's str.isspace, strip, split and \s: unicode.IsSpace and the four
// separators U+001C to U+001F.
func isSpace(r rune) bool {
	return r >= 0x1c && r <= 0x1f || unicode.IsSpace(r)
}

// isWord is Python's \w.
func isWord(r rune) bool {
	return r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
}
