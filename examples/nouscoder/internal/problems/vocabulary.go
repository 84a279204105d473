package problems

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Control tokens. Newlines carry the indentation of the line that follows.
const (
	Code    int32 = iota // ends the statement: a program follows
	End                  // ends the program
	Newline              // <n0>; Newline+d starts a line with d levels of indentation
)

// depths is the number of newline tokens.
const depths = 3

// tokens is the vocabulary, one for statements and programs: control tokens,
// numbers, then the words of every phrase, template and program in alphabetical
// order. Frequent pairs such as "print(" are one token, as in any byte-pair vocabulary.
var tokens, ids = func() ([]string, map[string]int32) {
	list := []string{"<code>", "<end>"}
	for d := range depths {
		list = append(list, fmt.Sprintf("<n%d>", d))
	}
	for i := range largestConstant + 2 {
		list = append(list, strconv.Itoa(i))
	}
	var words []string
	for _, op := range operations {
		words = append(words, strings.Fields(op.python)...)
	}
	for _, p := range phrases {
		words = append(words, strings.Fields(p.Text)...)
	}
	for _, t := range templates {
		words = append(words, strings.Fields(t.open+" "+t.join+" "+t.close)...)
	}
	for s := range styles {
		words = append(words, strings.Fields(program(Style(s), everything))...)
	}
	slices.Sort(words)
	for _, w := range slices.Compact(words) {
		if w != "R" && w != "k" && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	index := make(map[string]int32, len(list))
	for i, w := range list {
		index[w] = int32(i)
	}
	return list, index
}()

// everything is a reading that uses each line of the three styles.
var everything = Reading{Filter: Stage{Even, 0}, Map: Stage{Square, 0}, Reduce: Stage{Prefix, 0}}

// Vocabulary is the number of tokens.
func Vocabulary() int { return len(tokens) }

// Encode splits text at blanks and appends the ids. A word outside the vocabulary
// is an error naming it.
func Encode(dst []int32, text string) ([]int32, error) {
	for _, word := range strings.Fields(text) {
		id, ok := ids[word]
		if !ok {
			return dst, fmt.Errorf("problems: %q is not in the vocabulary", word)
		}
		dst = append(dst, id)
	}
	return dst, nil
}

// Prompt is what the policy reads for a statement: its words and the Code token.
func Prompt(statement string) ([]int32, error) {
	prompt, err := Encode(nil, statement)
	return append(prompt, Code), err
}

// Decode renders sampled tokens as Python text, up to the first End. Any sequence
// has a text; whether that is a program is for Python to say.
func Decode(program []int32) string {
	var text strings.Builder
	previous := ""
	for _, id := range program {
		if id == End {
			break
		}
		if id < 0 || int(id) >= len(tokens) {
			id = Code
		}
		token := tokens[id]
		switch {
		case id >= Newline && id < Newline+depths:
			text.WriteByte('\n')
			text.WriteString(strings.Repeat("    ", int(id-Newline)))
			token = ""
		case spaced(previous, token):
			text.WriteByte(' ')
			fallthrough
		default:
			text.WriteString(token)
		}
		previous = token
	}
	text.WriteByte('\n')
	return text.String()
}

// spaced reports whether a blank stands between two tokens. It changes looks, never
// meaning: names, numbers and operators always keep theirs.
func spaced(previous, token string) bool {
	if previous == "" || strings.HasSuffix(previous, "(") || strings.HasSuffix(previous, "(*") || previous == "[" {
		return false
	}
	switch token[0] {
	case ')', ']', ',', ':', '.':
		return false
	case '[':
		return len(token) == 1
	}
	return true
}
