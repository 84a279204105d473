package dataset

import (
	"hash/fnv"
	"iter"
	"strings"
	"unicode"

	"github.com/grouprl/grouprl/rollout"
)

// Overlap looks for problems whose statements have much text in common: training
// problems that are evaluation problems in other clothes, where no date tells.
//
// Statements are compared by their n-grams of words, lower case, punctuation
// ignored. The share of two statements A and B is |A and B| / min(|A|, |B|), counting
// different n-grams: 1 if one statement contains the other.
type Overlap struct {
	Words int     // n; 0: 8. A shorter statement is one n-gram
	Share float64 // least share that is a match; 0: 0.5
}

// Match is a problem together with one that it resembles.
type Match struct {
	Problem, Of *rollout.Problem
	Share       float64
}

// Find yields, in the order of in, every problem that matches one of against, with
// the one that it has the largest share with, the first of equals. Errors of either
// pass.
func (o Overlap) Find(in, against iter.Seq2[*rollout.Problem, error]) iter.Seq2[Match, error] {
	if o.Words <= 0 {
		o.Words = 8
	}
	if o.Share <= 0 {
		o.Share = 0.5
	}
	return func(yield func(Match, error) bool) {
		var known []*rollout.Problem
		var sizes []int
		where := map[uint64][]int32{} // n-gram -> problems of known
		for p, err := range against {
			if err != nil {
				if !yield(Match{}, err) {
					return
				}
				continue
			}
			grams := o.grams(p.Statement)
			for g := range grams {
				where[g] = append(where[g], int32(len(known)))
			}
			known, sizes = append(known, p), append(sizes, len(grams))
		}
		for p, err := range in {
			if err != nil {
				if !yield(Match{}, err) {
					return
				}
				continue
			}
			grams := o.grams(p.Statement)
			common := map[int32]int{}
			for g := range grams {
				for _, i := range where[g] {
					common[i]++
				}
			}
			best, share := int32(-1), 0.0
			for i, n := range common {
				s := float64(n) / float64(min(len(grams), sizes[i]))
				if s > share || s == share && i < best {
					best, share = i, s
				}
			}
			if share >= o.Share && !yield(Match{p, known[best], share}, nil) {
				return
			}
		}
	}
}

// grams are the hashes of the n-grams of a text.
func (o Overlap) grams(text string) map[uint64]bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	grams := map[uint64]bool{}
	for i := 0; i < len(words) && (i == 0 || i+o.Words <= len(words)); i++ {
		h := fnv.New64a()
		for _, w := range words[i:min(i+o.Words, len(words))] {
			h.Write([]byte(w))
			h.Write([]byte{0})
		}
		grams[h.Sum64()] = true
	}
	return grams
}
