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
	// schemas (a case with a testtype is always encoded): a string holds the
	// result's JSON, and of a list the first element is the result. Otherwise, as in
	// APPS and what descends from it: the result itself, or, in some problems, a list
	// with nothing else in it; so where all results of a problem are lists of one
	// element, the element is meant.
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
		for c, err := range t.each(place) {
			var test rollout.Test
			if err == nil {
				test, err = t.test(c, place.unbox)
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

// A testCase is one test as it stands in the set.
type testCase struct {
	input, output []byte // JSON
	encoded       bool
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
		for c, err := range t.each(place) {
			if err != nil {
				return err
			}
			var list []json.RawMessage
			if json.Unmarshal(c.output, &list) != nil || len(list) != 1 {
				place.unbox = false
				break
			}
		}
	}
	return nil
}

// each yields the tests as they stand.
func (t testSet) each(place *located) iter.Seq2[testCase, error] {
	return func(yield func(testCase, error) bool) {
		if place.cases {
			for raw, err := range place.inputs.elements() {
				var c testCase
				if err == nil {
					c, err = t.parse(raw)
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
			return
		}
		next, stop := iter.Pull2(place.outputs.elements())
		defer stop()
		for in, err := range place.inputs.elements() {
			if err != nil {
				yield(testCase{}, err)
				return
			}
			out, err, ok := next()
			if err == nil && !ok {
				err = errors.New("more inputs than outputs")
			}
			if !yield(testCase{in, out, t.encoded}, err) || err != nil {
				return
			}
		}
		if _, err, ok := next(); ok {
			if err == nil {
				err = errors.New("more outputs than inputs")
			}
			yield(testCase{}, err)
		}
	}
}

// parse reads an element of the shape cases.
func (t testSet) parse(raw []byte) (testCase, error) {
	var c struct {
		Input, Output json.RawMessage
		Type          string // SYNTHETIC-1: stdin_stdout, function_call
		TestType      string // LiveCodeBench: stdin, functional
		Name          string `json:"fn_name"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return testCase{}, err
	}
	if c.Input == nil || c.Output == nil {
		return testCase{}, errors.New("no input and output")
	}
	kind := c.Type + c.TestType
	function := kind == "functional" || kind == "function_call"
	if known := function || kind == "stdin" || kind == "stdin_stdout" || kind == ""; !known {
		return testCase{}, fmt.Errorf("unknown type of test %.40q", kind)
	}
	if kind != "" && function != (t.entry != "") {
		return testCase{}, fmt.Errorf("type of test is %s, and the function of the problem is %q", kind, t.entry)
	}
	if c.Name != "" && c.Name != t.entry {
		return testCase{}, fmt.Errorf("test of function %q, and the function of the problem is %q", c.Name, t.entry)
	}
	return testCase{c.Input, c.Output, t.encoded || c.TestType != ""}, nil
}

// entryOf is the function's name where it stands beside the tests or in the first
// of them; "" if it does not.
func entryOf(v value) (string, error) {
	c, err := v.first()
	if err != nil {
		return "", err
	}
	if c == '[' {
		for raw, err := range v.elements() {
			if err != nil {
				return "", err
			}
			return entryOf(held(string(raw)))
		}
		return "", nil
	}
	members, err := v.members()
	if err != nil {
		return "", err
	}
	row := &Row{members: members}
	name, err := row.Text("fn_name")
	if err == nil && name == "" {
		name, err = row.functionName("metadata")
	}
	return name, err
}

// functionName is what a member that holds metadata says of the function: as it is
// or in a string, {"func_name": ...}.
func (r *Row) functionName(member string) (string, error) {
	if !r.Has(member) {
		return "", nil
	}
	v, err := r.nested(member)
	if err != nil {
		return "", err
	}
	if c, err := v.first(); err != nil || c != '{' {
		return "", err
	}
	members, err := v.members()
	if err != nil {
		return "", fmt.Errorf("%s: %w", member, err)
	}
	return (&Row{members: members}).Text("func_name")
}

// chain yields tests one set after the other.
func chain(sets ...iter.Seq2[rollout.Test, error]) iter.Seq2[rollout.Test, error] {
	return func(yield func(rollout.Test, error) bool) {
		for _, set := range sets {
			for t, err := range set {
				if !yield(t, err) || err != nil {
					return
				}
			}
		}
	}
}

// named puts the name of a member before the errors of its tests.
func named(member string, tests iter.Seq2[rollout.Test, error]) iter.Seq2[rollout.Test, error] {
	return func(yield func(rollout.Test, error) bool) {
		for t, err := range tests {
			if err != nil {
				err = fmt.Errorf("%s: %w", member, err)
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// test decodes a test.
func (t testSet) test(c testCase, unbox bool) (test rollout.Test, err error) {
	if t.entry == "" {
		if test.Input, err = stream(c.input); err != nil {
			return test, fmt.Errorf("input: %w", err)
		}
		if test.Expected, err = stream(c.output); err != nil {
			err = fmt.Errorf("output: %w", err)
		}
		return test, err
	}
	if test.Input, err = arguments(c.input); err != nil {
		return test, fmt.Errorf("input: %w", err)
	}
	if c.encoded && c.output[0] == '"' {
		test.Expected, err = encoded(c.output)
	} else {
		test.Expected, err = result(c.output, unbox || c.encoded)
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
