package problems

import (
	"strconv"
	"strings"
)

// Style is a way of writing the same program.
type Style int

// The styles of the corpus, from short to long.
const (
	Comprehension Style = iota // filter and map in one list comprehension
	Loop                       // append in a loop
	Functions                  // a function for each stage, then a comprehension
	styles        = 3
)

// Program writes a reading as tokens, End included.
func Program(style Style, r Reading) []int32 {
	ids, err := Encode(nil, program(style, r))
	if err != nil {
		panic(err) // the vocabulary is made from these very words
	}
	return append(ids, End)
}

// program is the text of Program: tokens with blanks between them.
func program(style Style, r Reading) string {
	keep, change := r.Filter.python(), r.Map.python()
	if change == "" {
		change = "x"
	}
	var lines []string
	if style == Functions {
		if keep != "" {
			lines = append(lines, "def keep( x ) :", "<n1> return "+keep)
			keep = "keep( x )"
		}
		if change != "x" {
			lines = append(lines, "def change( x ) :", "<n1> return "+change)
			change = "change( x )"
		}
	}
	lines = append(lines, "n = int( input() )", "a = list( map( int , input() .split() ) )")
	switch {
	case style != Loop && keep == "":
		lines = append(lines, "b = [ "+change+" for x in a ]")
	case style != Loop:
		lines = append(lines, "b = [ "+change+" for x in a if "+keep+" ]")
	case keep == "":
		lines = append(lines, "b = [ ]", "for x in a :", "<n1> b .append( "+change+" )")
	default:
		lines = append(lines, "b = [ ]", "for x in a :", "<n1> if "+keep+" :", "<n2> b .append( "+change+" )")
	}
	lines = append(lines, r.Reduce.python())

	text := lines[0]
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "<n") {
			line = "<n0> " + line
		}
		text += " " + line
	}
	return text
}

// python is the operation's text with the constant filled in.
func (s Stage) python() string { return fill(operations[s.Op].python, s.K) }

// fill replaces the word k by the constant.
func fill(text string, k int) string {
	words := strings.Fields(text)
	for i, w := range words {
		if w == "k" {
			words[i] = strconv.Itoa(k)
		}
	}
	return strings.Join(words, " ")
}
