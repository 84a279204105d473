package builtin

import "strings"

func chant(s *suite) {
	add := func(song string) {
		length := 1
		for !strings.HasPrefix(song, song[length:]) {
			length++
		}
		s.run(length, song)
	}
	add("olaleolaleola")
	add("a")
	add("aa")
	add("ab")
	add("aabaaab")
	add("abcabcabcab")
	add("abab")
	add(strings.Repeat("aab", 30) + "a")
	for _, n := range []int{6, 9, 12} {
		add(s.letters(n, "ab"))
	}
	add(strings.Repeat(s.letters(700, "abc"), 20)[:13500])
	add(strings.Repeat("a", 19999) + "b")
}
