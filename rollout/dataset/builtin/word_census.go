package builtin

import "strings"

func wordCensus(s *suite) {
	add := func(text string) {
		census := map[string]int{}
		word := ""
		for _, c := range text + "." {
			switch {
			case 'A' <= c && c <= 'Z':
				word += string(c - 'A' + 'a')
			case 'a' <= c && c <= 'z':
				word += string(c)
			case word != "":
				census[word]++
				word = ""
			}
		}
		s.call(census, text)
	}
	add("The cat saw the other cat's mouse.")
	add("")
	add(" ... 42 ")
	add("a")
	add("one_two three3four\nTHREE-four")
	for range 3 {
		words := make([]string, 40)
		for i := range words {
			words[i] = s.letters(s.between(1, 3), "abA")
		}
		add(strings.Join(words, s.letters(1, " ,-\n")))
	}
}
