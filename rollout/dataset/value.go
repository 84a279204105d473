package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
)

// A value is the place of a JSON value in bytes that can be opened again and
// again, so that it can be used without being held in memory.
type value struct {
	open    func() (io.Reader, error)
	at, end int64
	bare    bool // a string as it is, without quotation marks and escapes
}

// whole is the value that is all of what open gives.
func whole(open func() (io.Reader, error)) value { return value{open: open, end: math.MaxInt64} }

// held is a value that is held in memory.
func held(json string) value {
	return whole(func() (io.Reader, error) { return strings.NewReader(json), nil })
}

// reader reads the value's bytes.
func (v value) reader() (io.Reader, error) {
	r, err := v.open()
	if err != nil {
		return nil, err
	}
	if s, ok := r.(io.Seeker); ok {
		_, err = s.Seek(v.at, io.SeekCurrent)
	} else {
		_, err = io.CopyN(io.Discard, r, v.at)
	}
	return io.LimitReader(r, v.end-v.at), err
}

// first is the first byte of the value, which tells its kind; 0 if there is none.
func (v value) first() (byte, error) {
	if v.bare {
		return '"', nil
	}
	r, err := v.reader()
	if err != nil {
		return 0, err
	}
	c, err := newScanner(r).next()
	if err == io.ErrUnexpectedEOF {
		return 0, nil
	}
	return c, err
}

// raw is the value's JSON.
func (v value) raw() ([]byte, error) {
	r, err := v.reader()
	if err != nil {
		return nil, err
	}
	if v.bare {
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		return json.Marshal(string(text))
	}
	s := newScanner(r)
	raw, err := s.raw(maxDepth)
	if err != nil {
		return nil, err
	}
	return raw, s.end()
}

// string is what a string value says.
func (v value) string() (string, error) {
	if v.bare {
		text, err := v.text()
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(text)
		return string(b), err
	}
	raw, err := v.raw()
	if err != nil {
		return "", err
	}
	return unquote(raw)
}

// text reads what a string value says.
func (v value) text() (io.Reader, error) {
	r, err := v.reader()
	if err != nil || v.bare {
		return r, err
	}
	return newUnquoter(r), nil
}

// inside is what a string value says, itself taken for a value: sets often hold
// JSON in a JSON string.
func (v value) inside() value { return whole(v.text) }

// check reads all of the value and returns what is wrong with it.
func (v value) check() error {
	r, err := v.reader()
	if err != nil {
		return err
	}
	s := newScanner(r)
	if err := s.skip(maxDepth); err != nil {
		return err
	}
	return s.end()
}

// parsed is a value that stands in a row as it is, or as a string with its JSON or
// with its Python literal.
func (v value) parsed() (value, error) {
	c, err := v.first()
	if err != nil || c != '"' {
		return v, err
	}
	inside := v.inside()
	notJSON := inside.check()
	if notJSON == nil {
		return inside, nil
	}
	literal := whole(func() (io.Reader, error) {
		text, err := v.string()
		if err != nil {
			return nil, err
		}
		json, err := literalJSON(text)
		return bytes.NewReader(json), err
	})
	if _, err := literal.open(); err != nil {
		return value{}, fmt.Errorf("neither JSON (%w) nor a Python literal (%w)", notJSON, err)
	}
	return literal, nil
}

// members are the members of an object value. Of several with the same name the
// last counts.
func (v value) members() (map[string]value, error) {
	r, err := v.reader()
	if err != nil {
		return nil, err
	}
	s := newScanner(r)
	members := map[string]value{}
	err = s.object(func(name string) error {
		if _, err := s.next(); err != nil {
			return err
		}
		from := s.at
		if err := s.skip(maxDepth); err != nil {
			return err
		}
		members[name] = value{open: v.open, at: v.at + from, end: v.at + s.at}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members, s.end()
}

// elements yields the JSON of each element of an array value, good until the next
// one. An error ends it.
func (v value) elements() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r, err := v.reader()
		if err != nil {
			yield(nil, err)
			return
		}
		s := newScanner(r)
		n := 0
		stop := errors.New("stopped")
		err = s.array(func() error {
			raw, err := s.raw(maxDepth)
			if err != nil {
				return fmt.Errorf("element %d: %w", n, err)
			}
			n++
			if !yield(raw, nil) {
				return stop
			}
			return nil
		})
		if err == stop {
			return
		}
		if err == nil {
			err = s.end()
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
