package problems

// Phrase is one way of asking for an operation.
type Phrase struct {
	Op   Op
	Text string // k stands for the constant

	// Flaw is what most programs of the warm-start corpus do on reading this very
	// wording, although other wordings of the same operation are written right.
	// Zero (NoFilter): the phrase has none.
	Flaw Op
}

// phrases lists every wording. Ten of them carry a systematic flaw: only running
// the program on tests tells that the corpus' usual answer is wrong.
var phrases = []Phrase{
	{Op: Even, Text: "keep only the even numbers"},
	{Op: Even, Text: "drop every odd number", Flaw: Odd},
	{Op: Odd, Text: "keep only the odd numbers"},
	{Op: Odd, Text: "ignore the even numbers"},
	{Op: Greater, Text: "keep only the numbers greater than k"},
	{Op: Greater, Text: "drop every number that is at most k", Flaw: AtLeast},
	{Op: Less, Text: "keep only the numbers less than k"},
	{Op: Less, Text: "drop every number that is at least k", Flaw: AtMost},
	{Op: Divisible, Text: "keep only the multiples of k"},
	{Op: Divisible, Text: "drop every number not divisible by k", Flaw: NotDivisible},
	{Op: Positive, Text: "keep only the positive numbers"},
	{Op: Positive, Text: "drop zeros and negative numbers", Flaw: NonNegative},
	{Op: Negative, Text: "keep only the negative numbers"},
	{Op: Negative, Text: "take the numbers below zero"},

	{Op: Multiply, Text: "multiply every value by k"},
	{Op: Multiply, Text: "replace every value by k times itself"},
	{Op: Add, Text: "add k to every value"},
	{Op: Add, Text: "increase every value by k"},
	{Op: Subtract, Text: "subtract k from every value"},
	{Op: Subtract, Text: "decrease every value by k"},
	{Op: Square, Text: "square every value"},
	{Op: Square, Text: "replace every value by its square"},
	{Op: Absolute, Text: "replace every value by its absolute value"},
	{Op: Absolute, Text: "remove the sign of every value"},
	{Op: Modulo, Text: "take every value modulo k"},
	{Op: Modulo, Text: "replace every value by its remainder after division by k", Flaw: AbsoluteModulo},
	{Op: Opposite, Text: "negate every value"},
	{Op: Opposite, Text: "flip the sign of every value"},

	{Op: Sum, Text: "the sum"},
	{Op: Sum, Text: "the total"},
	{Op: Max, Text: "the largest value"},
	{Op: Max, Text: "the maximum"},
	{Op: Min, Text: "the smallest value"},
	{Op: Min, Text: "the minimum"},
	{Op: Count, Text: "how many values remain"},
	{Op: Count, Text: "the number of values"},
	{Op: Distinct, Text: "how many distinct values there are"},
	{Op: Distinct, Text: "the number of different values", Flaw: Count},
	{Op: Sorted, Text: "the values in increasing order"},
	{Op: Sorted, Text: "the values from smallest to largest"},
	{Op: Reversed, Text: "the values in reverse order"},
	{Op: Reversed, Text: "the values from last to first", Flaw: SortedDescending},
	{Op: Last, Text: "the last value"},
	{Op: Last, Text: "the final value"},
	{Op: Range, Text: "the largest minus the smallest value"},
	{Op: Range, Text: "the range", Flaw: RangePlusOne},
	{Op: Prefix, Text: "the prefix sums one per line"},
	{Op: Prefix, Text: "the running totals one per line", Flaw: PrefixBefore},
}

// templates are the sentences around the phrases: C a clause for each of filter
// and map that the problem has, R what to print.
var templates = []struct{ open, join, close string }{
	{"read n and n integers .", ", then", ", and print R ."},
	{"you are given n integers .", ".", ". output R ."},
	{"from the n integers of the input", "and", ". print R ."},
	{"print R of the given integers after you", "and", "."},
}

// wordings are the phrases of each operation.
var wordings = func() map[Op][]*Phrase {
	of := make(map[Op][]*Phrase)
	for i := range phrases {
		p := &phrases[i]
		of[p.Op] = append(of[p.Op], p)
	}
	return of
}()
