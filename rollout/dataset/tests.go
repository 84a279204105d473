package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/grouprl/grouprl/rollout"
)

// A testSet is the tests of a problem in one of the two shapes that the public
// sets use, still in the form of JSON:
//
//	columns  {"input": [...], "output": [...]}, also "inputs" and "outputs"
//	cases    [{"input": ..., "output": ..., ...}, ...]
type testSet struct {
	value value
	entry string // the function's name; "" for a program

	// How a function's result is written. Encoded, as in the RLVR and LiveCodeBench
	// schemas: a string holds the result's JSON, and of a list the first element
	// is the result. Otherwise, as in APPS and what descends from it: the result
	// itself, or, in some problems, a list with nothing else in it; so where all
	// results of a problem are lists of one element, the element is meant.
	encoded bool
}

// located are the arrays of a testSet, found once and then kept: going through
// 100 MB to find them is slow, and what is found is small.
type located struct {
	once            sync.Once
	cases           bool
	inputs, outputs value
	unbox           bool
	err             error
}

// tests yields the tests, decoding one at a time.
func (t testSet) tests() iter.Seq2[rollout.Test, error] {
	place := &located{}
	return func(yield func(rollout.Test, error) bool) {
		place.once.Do(func() { place.err = t.locate(place) })
		if place.err != nil {
			yield(rollout.Test{}, place.err)
			return
		}
		n := 0
		for pair, err := range t.pairs(place) {
			var test rollout.Test
			if err == nil {
				test, err = t.test(pair, place.unbox)
			}
			if err != nil {
				yield(rollout.Test{}, fmt.Errorf("test %d: %w", n, err))
				return
			}
			if !yield(test, nil) {
				return
			}
			n++
		}
	}
}

// locate finds the arrays.
func (t testSet) locate(place *located) error {
	c, err := t.value.first()
	if err != nil {
		return err
	}
	if place.cases = c == '['; place.cases {
		place.inputs = t.value
	} else {
		members, err := t.value.members()
		if err != nil {
			return err
		}
		for _, name := range []string{"", "s"} {
			in, ok := members["input"+name]
			out, ok2 := members["output"+name]
			if ok && ok2 {
				place.inputs, place.outputs = in, out
			}
		}
		if place.inputs.open == nil {
			return errors.New("tests: no input and output")
		}
	}
	if t.entry != "" && !t.encoded {
		place.unbox = true
		for pair, err := range t.pairs(place) {
			if err != nil {
				return err
			}
			var list []json.RawMessage
			if json.Unmarshal(pair[1], &list) != nil || len(list) != 1 {
				place.unbox = false
				break
			}
		}
	}
	return nil
}

// pairs yields the JSON of each input and output.
func (t testSet) pairs(place *located) iter.Seq2[[2][]byte, error] {
	return func(yield func([2][]byte, error) bool) {
		if place.cases {
			for raw, err := range place.inputs.elements() {
				var pair [2][]byte
				if err == nil {
					pair, err = caseOf(raw)
				}
				if !yield(pair, err) || err != nil {
					return
				}
			}
			return
		}
		next, stop := iter.Pull2(place.outputs.elements())
		defer stop()
		for in, err := range place.inputs.elements() {
			if err != nil {
				yield([2][]byte{}, err)
				return
			}
			out, err, ok := next()
			if err == nil && !ok {
				err = errors.New("more inputs than outputs")
			}
			if !yield([2][]byte{in, out}, err) || err != nil {
				return
			}
		}
		if _, err, ok := next(); ok {
			if err == nil {
				err = errors.New("more outputs than inputs")
			}
			yield([2][]byte{}, err)
		}
	}
}

// caseOf is the input and the output of a case.
func caseOf(raw []byte) ([2][]byte, error) {
	var test struct{ Input, Output json.RawMessage }
	if err := json.Unmarshal(raw, &test); err != nil {
		return [2][]byte{}, err
	}
	if test.Input == nil || test.Output == nil {
		return [2][]byte{}, errors.New("no input and output")
	}
	return [2][]byte{test.Input, test.Output}, nil
}

func (t testSet) test(pair [2][]byte, unbox bool) (test rollout.Test, err error) {
	if t.entry == "" {
		if test.Input, err = stream(pair[0]); err != nil {
			return test, fmt.Errorf("input: %w", err)
		}
		if test.Expected, err = stream(pair[1]); err != nil {
			err = fmt.Errorf("output: %w", err)
		}
		return test, err
	}
	if test.Input, err = arguments(pair[0]); err != nil {
		return test, fmt.Errorf("input: %w", err)
	}
	if t.encoded && pair[1][0] == '"' {
		test.Expected, err = encoded(pair[1])
	} else {
		test.Expected, err = result(pair[1], unbox || t.encoded)
	}
	if err != nil {
		err = fmt.Errorf("output: %w", err)
	}
	return test, err
}

// stream is what a program reads or writes: a string, or a list of lines.
func stream(raw []byte) (string, error) {
	if raw[0] != '[' {
		return unquote(raw)
	}
	var lines []json.RawMessage
	if err := json.Unmarshal(raw, &lines); err != nil {
		return "", err
	}
	var b bytes.Buffer
	for i, line := range lines {
		text, err := unquote(line)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// arguments are one JSON value a line: a list of arguments, or a string that has
// them that way already.
func arguments(raw []byte) (string, error) {
	if raw[0] == '"' {
		return unquote(raw)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", fmt.Errorf("want a list of arguments, or a string: %w", err)
	}
	var b bytes.Buffer
	for i, arg := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := json.Compact(&b, arg); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// encoded is the JSON that a string holds.
func encoded(raw []byte) (string, error) {
	text, err := unquote(raw)
	if err == nil && !json.Valid([]byte(text)) {
		err = fmt.Errorf("%.40q is not JSON", text)
	}
	return text, err
}

// result is a function's result as JSON, taken out of its list if need be.
func result(raw []byte, unbox bool) (string, error) {
	if unbox && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return "", err
		}
		if len(list) == 0 {
			return "", errors.New("an empty list has no result")
		}
		raw = list[0]
	}
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.String(), err
}
