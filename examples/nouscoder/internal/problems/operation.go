package problems

import "strings"

// Op is one operation on a list of integers: a filter, a map, or a reduction that
// also says how the result is printed.
type Op int

// The operations of the family. Those marked "flaw" are asked for by no
// statement: they are what a flawed program does instead.
const (
	NoFilter Op = iota
	Even
	Odd
	Greater
	Less
	Divisible
	Positive
	Negative
	AtLeast      // flaw
	AtMost       // flaw
	NotDivisible // flaw
	NonNegative  // flaw

	NoMap
	Multiply
	Add
	Subtract
	Square
	Absolute
	Modulo
	Opposite
	AbsoluteModulo // flaw

	Sum
	Max
	Min
	Count
	Distinct
	Sorted
	Reversed
	Last
	Range
	Prefix
	RangePlusOne     // flaw
	PrefixBefore     // flaw
	SortedDescending // flaw
)

// operation is what an Op means: its name in a composition's key, its Python text
// as tokens (k stands for the constant), and the same thing in Go.
type operation struct {
	name   string
	python string
	keep   func(x, k int) bool    // filters
	change func(x, k int) int     // maps
	reduce func(b []int) []string // reductions: the printed lines
}

var operations = [...]operation{
	NoFilter:     {name: "all"},
	Even:         {name: "even", python: "x % 2 == 0", keep: func(x, _ int) bool { return x%2 == 0 }},
	Odd:          {name: "odd", python: "x % 2 == 1", keep: func(x, _ int) bool { return x%2 != 0 }},
	Greater:      {name: "gt", python: "x > k", keep: func(x, k int) bool { return x > k }},
	Less:         {name: "lt", python: "x < k", keep: func(x, k int) bool { return x < k }},
	Divisible:    {name: "div", python: "x % k == 0", keep: func(x, k int) bool { return x%k == 0 }},
	Positive:     {name: "pos", python: "x > 0", keep: func(x, _ int) bool { return x > 0 }},
	Negative:     {name: "neg", python: "x < 0", keep: func(x, _ int) bool { return x < 0 }},
	AtLeast:      {name: "ge", python: "x >= k", keep: func(x, k int) bool { return x >= k }},
	AtMost:       {name: "le", python: "x <= k", keep: func(x, k int) bool { return x <= k }},
	NotDivisible: {name: "notdiv", python: "x % k != 0", keep: func(x, k int) bool { return x%k != 0 }},
	NonNegative:  {name: "nonneg", python: "x >= 0", keep: func(x, _ int) bool { return x >= 0 }},

	NoMap:          {name: "same"},
	Multiply:       {name: "mul", python: "x * k", change: func(x, k int) int { return x * k }},
	Add:            {name: "add", python: "x + k", change: func(x, k int) int { return x + k }},
	Subtract:       {name: "sub", python: "x - k", change: func(x, k int) int { return x - k }},
	Square:         {name: "sq", python: "x * x", change: func(x, _ int) int { return x * x }},
	Absolute:       {name: "abs", python: "abs( x )", change: func(x, _ int) int { return abs(x) }},
	Modulo:         {name: "mod", python: "x % k", change: func(x, k int) int { return ((x % k) + k) % k }},
	Opposite:       {name: "opp", python: "-x", change: func(x, _ int) int { return -x }},
	AbsoluteModulo: {name: "absmod", python: "abs( x ) % k", change: func(x, k int) int { return abs(x) % k }},

	Sum:              {name: "sum", python: "print( sum( b ) )", reduce: sum},
	Max:              {name: "max", python: "print( max( b ) )", reduce: maximum},
	Min:              {name: "min", python: "print( min( b ) )", reduce: minimum},
	Count:            {name: "count", python: "print( len( b ) )", reduce: count},
	Distinct:         {name: "distinct", python: "print( len( set( b ) ) )", reduce: distinct},
	Sorted:           {name: "sorted", python: "print(* sorted( b ) )", reduce: sorted},
	Reversed:         {name: "reversed", python: "print(* b [::-1] )", reduce: reversed},
	Last:             {name: "last", python: "print( b [-1] )", reduce: last},
	Range:            {name: "range", python: "print( max( b ) - min( b ) )", reduce: spread},
	Prefix:           {name: "prefix", python: "s = 0 <n0> for x in b : <n1> s += x <n1> print( s )", reduce: prefix},
	RangePlusOne:     {name: "range1", python: "print( max( b ) - min( b ) + 1 )", reduce: spreadPlusOne},
	PrefixBefore:     {name: "before", python: "s = 0 <n0> for x in b : <n1> print( s ) <n1> s += x", reduce: prefixBefore},
	SortedDescending: {name: "down", python: "print(* sorted( b ) [::-1] )", reduce: sortedDescending},
}

// Stage is an operation with its constant, which only some operations read.
type Stage struct {
	Op Op
	K  int
}

// constant reports whether the operation reads its constant.
func (s Stage) constant() bool { return strings.Contains(" "+operations[s.Op].python+" ", " k ") }

// Reading is what somebody takes a statement to ask for: filter the integers, map
// what is left, reduce and print. A problem has one right reading; a flawed program
// is a right program for another reading.
type Reading struct{ Filter, Map, Reduce Stage }

// Composition names the three operations without their constants, as in
// "gt.mul.sum": the unit that is held out, and the cluster of an interval.
func (r Reading) Composition() string {
	return operations[r.Filter.Op].name + "." + operations[r.Map.Op].name + "." + operations[r.Reduce.Op].name
}

// stages counts filter and map that do something.
func (r Reading) stages() int {
	n := 0
	if r.Filter.Op != NoFilter {
		n++
	}
	if r.Map.Op != NoMap {
		n++
	}
	return n
}
