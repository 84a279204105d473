package verify

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const tick = "```"

func TestExtract(t *testing.T) {
	const none = "(none)"
	for _, c := range []struct {
		name, text      string
		nous, lcb, full string // LastFence, LiveCodeBench, LastFence{Whole: true}
	}{
		{"one block", tick + "python\nx\n" + tick, "x\n", "x", "x\n"},
		{"no language", tick + "\nx\n" + tick + "\n", "x\n", "x", "x\n"},
		{"the last of two", tick + "\na\n" + tick + "\n" + tick + "py\nb\n" + tick, "b\n", "b", "b\n"},
		{"no block", "x", none, none, none},
		{"empty text", "", none, none, none},
		{"not closed", tick + "python\nx\n", none, none, none},
		{"closed, then open", tick + "\na\n" + tick + "\n" + tick + "\nb", "a\n", "", "a\n"},
		{"blank lines at the start are white space", tick + "python \n\n  x\n" + tick, "  x\n", "\n  x", "  x\n"},
		{"indented fence opens nothing", "  " + tick + "python\nx\n  " + tick, none, "x", none},
		{"fence in the middle of a line", "see " + tick + "\nx\n" + tick, none, "x", none},
		{"a word with a sign", tick + "c++\nx\n" + tick, none, "x", none},
		// The first block's closing fence opens a block of its own, which the second's
		// opening fence closes: the prose between is what the rule finds.
		{"c++ and then python", tick + "c++\nA\n" + tick + "\nor\n" + tick + "python\nB\n" + tick, "or\n", "B", "or\n"},
		{"nested fences give no code", tick + "md\n" + tick + "python\nx\n" + tick + "\n" + tick, "", "", ""},
		{"word beyond ASCII", tick + "pythön\nx\n" + tick, "x\n", "x", "x\n"},
		{"U+001C is white space", tick + "python\x1c\nx\n" + tick, "x\n", "x", "x\n"},
		{"two fence lines in a row", tick + "\n" + tick, "", "", ""},
		{"after the reasoning", "<think>\n" + tick + "\ndraft\n" + tick + "\n</think>\n" + tick + "\nx\n" + tick, "x\n", "x", "x\n"},
		{"only in the reasoning", "<think>\n" + tick + "\ndraft\n" + tick + "\n</think>\nSo it is.", none, none, "draft\n"},
		// An open fence in the reasoning swallows the answer's, if one looks at all of it.
		{"open fence in the reasoning", "<think>\n" + tick + "\ndraft\n</think>\n" + tick + "\nx\n" + tick, "x\n", "x", "draft\n</think>\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []struct {
				rule Extractor
				want string
			}{{LastFence{}, c.nous}, {LiveCodeBench{}, c.lcb}, {LastFence{Whole: true}, c.full}} {
				got, ok := r.rule.Extract(c.text)
				if r.want == none {
					require.False(t, ok, "%T", r.rule)
					continue
				}
				require.True(t, ok, "%T", r.rule)
				require.Equal(t, r.want, got, "%T", r.rule)
			}
		})
	}
	text, ok := WholeText{}.Extract("anything")
	require.True(t, ok)
	require.Equal(t, "anything", text)
}

// A text of nothing but fences takes linear time.
func TestExtractIsLinear(t *testing.T) {
	for _, piece := range []string{tick + "\n", "\n" + tick + "x+", tick, "\n" + tick + " \n"} {
		LastFence{}.Extract(strings.Repeat(piece, 200000))
		LiveCodeBench{}.Extract(strings.Repeat(piece, 200000))
	}
}

// match is NousCoder's pattern by trying everything, as a backtracking matcher does.
func match(s []rune, at int) (start, end int, ok bool) {
	fence := func(i int) bool { return i+3 <= len(s) && string(s[i:i+3]) == tick }
	begins := func(i int) bool { return i == 0 || s[i-1] == '\n' }
	if !begins(at) || !fence(at) {
		return 0, 0, false
	}
	word := at + 3
	for word < len(s) && isWord(s[word]) {
		word++
	}
	for w := word; w >= at+3; w-- { // \w+ gives back, or is not there at all
		space := w
		for space < len(s) && isSpace(s[space]) {
			space++
		}
		for e := space; e >= w; e-- { // \s* gives back
			if e >= len(s) || s[e] != '\n' {
				continue
			}
			for i := e + 1; i <= len(s); i++ { // .*? takes more and more
				if i < len(s) && begins(i) && fence(i) {
					return e + 1, i, true
				}
			}
		}
	}
	return 0, 0, false
}

func FuzzExtract(f *testing.F) {
	f.Add(tick + "python\nx = 1\n" + tick)
	f.Add(tick + "c++\nA\n" + tick + "\nor\n" + tick + "python\nB\n" + tick)
	f.Add("<think>\n" + tick + "\n</think>" + tick + "py \x1c\n\n " + tick)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 || !utf8.ValidString(text) {
			LastFence{}.Extract(text)
			LiveCodeBench{}.Extract(text)
			return
		}
		s := []rune(text)
		want, found := "", false
		for at := 0; at < len(s); {
			if start, end, ok := match(s, at); ok {
				want, found, at = string(s[start:end]), true, end+3
			} else {
				at++
			}
		}
		got, ok := LastFence{Whole: true}.Extract(text)
		require.Equal(t, found, ok)
		require.Equal(t, want, got)

		var fences []int
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if strings.Contains(line, tick) {
				fences = append(fences, i)
			}
		}
		got, ok = LiveCodeBench{Whole: true}.Extract(text)
		require.Equal(t, len(fences) >= 2, ok)
		if ok {
			require.Equal(t, strings.Join(lines[fences[len(fences)-2]+1:fences[len(fences)-1]], "\n"), got)
		}
	})
}
