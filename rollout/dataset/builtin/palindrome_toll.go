package builtin

import "strings"

func palindromeToll(s *suite) {
	add := func(word string) {
		n := len(word)
		same := make([][]bool, n+1) // same[i][j]: word[i:j] is a palindrome
		price := make([]int, n+1)   // of word[i:]
		same[n] = make([]bool, n+1)
		for i := n - 1; i >= 0; i-- {
			same[i] = make([]bool, n+1)
			price[i] = 2 + price[i+1]
			for j := i + 1; j <= n; j++ {
				same[i][j] = j-i == 1 || word[i] == word[j-1] && (j-i == 2 || same[i+1][j-1])
				if same[i][j] && j-i > 1 {
					price[i] = min(price[i], 1+price[j])
				}
			}
		}
		s.run(price[0], word)
	}
	add("annaotto")
	add("a")
	add("ab")
	add("aaab")
	add("abbabb")
	add("aabaac")
	for _, n := range []int{8, 12, 14} {
		add(s.letters(n, "ab"))
		add(s.letters(n, "abc"))
	}
	add(s.letters(300, "abcd"))
	add(strings.Repeat("a", 300))
}
