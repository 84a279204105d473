package problems

import (
	"slices"
	"strconv"
	"strings"
)

// Evaluate returns what a right Python program for the reading prints for the
// integers a, and false where it would raise instead: the largest, smallest or
// last of nothing.
func (r Reading) Evaluate(a []int) (output string, ok bool) {
	b := r.apply(a)
	if len(b) == 0 {
		switch r.Reduce.Op {
		case Max, Min, Last, Range, RangePlusOne:
			return "", false
		}
	}
	return strings.Join(operations[r.Reduce.Op].reduce(b), "\n"), true
}

// apply filters and maps.
func (r Reading) apply(a []int) []int {
	var b []int
	filter, change := operations[r.Filter.Op], operations[r.Map.Op]
	for _, x := range a {
		if filter.keep != nil && !filter.keep(x, r.Filter.K) {
			continue
		}
		if change.change != nil {
			x = change.change(x, r.Map.K)
		}
		b = append(b, x)
	}
	return b
}

// Same reports whether two readings print the same for every one of the inputs: a
// flaw that no test can see is no flaw.
func (r Reading) Same(other Reading, inputs [][]int) bool {
	for _, a := range inputs {
		x, okX := r.Evaluate(a)
		y, okY := other.Evaluate(a)
		if x != y || okX != okY {
			return false
		}
	}
	return true
}

func abs(x int) int { return max(x, -x) }

func total(b []int) int {
	s := 0
	for _, x := range b {
		s += x
	}
	return s
}

func number(x int) []string { return []string{strconv.Itoa(x)} }

func line(b []int) []string {
	words := make([]string, len(b))
	for i, x := range b {
		words[i] = strconv.Itoa(x)
	}
	return []string{strings.Join(words, " ")}
}

func sum(b []int) []string     { return number(total(b)) }
func maximum(b []int) []string { return number(slices.Max(b)) }
func minimum(b []int) []string { return number(slices.Min(b)) }
func count(b []int) []string   { return number(len(b)) }
func last(b []int) []string    { return number(b[len(b)-1]) }
func spread(b []int) []string  { return number(slices.Max(b) - slices.Min(b)) }

func spreadPlusOne(b []int) []string { return number(slices.Max(b) - slices.Min(b) + 1) }

func distinct(b []int) []string {
	b = slices.Clone(b)
	slices.Sort(b)
	return number(len(slices.Compact(b)))
}

func sorted(b []int) []string { return line(slices.Sorted(slices.Values(b))) }

func reversed(b []int) []string {
	b = slices.Clone(b)
	slices.Reverse(b)
	return line(b)
}

func sortedDescending(b []int) []string {
	b = slices.Sorted(slices.Values(b))
	slices.Reverse(b)
	return line(b)
}

func prefix(b []int) []string {
	var lines []string
	for i := range b {
		lines = append(lines, strconv.Itoa(total(b[:i+1])))
	}
	return lines
}

func prefixBefore(b []int) []string {
	var lines []string
	for i := range b {
		lines = append(lines, strconv.Itoa(total(b[:i])))
	}
	return lines
}
