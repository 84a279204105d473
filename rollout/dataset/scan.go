package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A scanner reads JSON byte by byte and strictly, without holding more of it than
// the value that it is asked to keep. Rows of the public sets reach 100 MB, and
// most of that is not wanted most of the time.
type scanner struct {
	r    *bufio.Reader
	at   int64 // bytes read so far
	keep bool
	kept []byte // bytes read since keep was set
}

const maxDepth = 1000 // of arrays and objects in each other

func newScanner(r io.Reader) *scanner { return &scanner{r: bufio.NewReaderSize(r, 64<<10)} }

// byte reads one byte; the end of the input is io.ErrUnexpectedEOF.
func (s *scanner) byte() (byte, error) {
	c, err := s.r.ReadByte()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	s.at++
	if s.keep {
		s.kept = append(s.kept, c)
	}
	return c, nil
}

// next skips white space and returns the byte after it without reading it.
func (s *scanner) next() (byte, error) {
	for {
		b, err := s.r.Peek(1)
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		switch b[0] {
		case ' ', '\t', '\n', '\r':
			if _, err := s.byte(); err != nil {
				return 0, err
			}
		default:
			return b[0], nil
		}
	}
}

// expect skips white space and reads c.
func (s *scanner) expect(c byte) error {
	got, err := s.next()
	if err != nil {
		return err
	}
	if got != c {
		return s.unexpected(got, fmt.Sprintf("%q", c))
	}
	_, err = s.byte()
	return err
}

func (s *scanner) unexpected(c byte, want string) error {
	return fmt.Errorf("JSON has %q at byte %d, want %s", c, s.at, want)
}

// end checks that nothing but white space is left.
func (s *scanner) end() error {
	c, err := s.next()
	if err == nil {
		return s.unexpected(c, "the end")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// object reads an object. At each member f is called with the name, and must read
// the value.
func (s *scanner) object(f func(name string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if c, err := s.next(); err != nil {
		return err
	} else if c == '}' {
		_, err = s.byte()
		return err
	}
	for {
		if c, err := s.next(); err != nil {
			return err
		} else if c != '"' {
			return s.unexpected(c, "a name")
		}
		raw, err := s.raw(maxDepth)
		if err != nil {
			return err
		}
		name, err := unquote(raw)
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := f(name); err != nil {
			return err
		}
		if more, err := s.more('}'); err != nil || !more {
			return err
		}
	}
}

// array reads an array. At each element f is called and must read it.
func (s *scanner) array(f func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if c, err := s.next(); err != nil {
		return err
	} else if c == ']' {
		_, err = s.byte()
		return err
	}
	for {
		if err := f(); err != nil {
			return err
		}
		if more, err := s.more(']'); err != nil || !more {
			return err
		}
	}
}

// more reads the comma before another element, or the closing bracket.
func (s *scanner) more(closing byte) (bool, error) {
	c, err := s.next()
	if err != nil {
		return false, err
	}
	if c != ',' && c != closing {
		return false, s.unexpected(c, fmt.Sprintf("',' or %q", closing))
	}
	_, err = s.byte()
	return c == ',', err
}

// raw reads a value and returns its bytes, which are good until the next call.
// Inside of a value that is being kept the bytes belong to both.
func (s *scanner) raw(depth int) ([]byte, error) {
	if _, err := s.next(); err != nil {
		return nil, err
	}
	if s.keep {
		from := len(s.kept)
		err := s.skip(depth)
		return s.kept[from:], err
	}
	s.keep, s.kept = true, s.kept[:0]
	err := s.skip(depth)
	s.keep = false
	return s.kept, err
}

// skip reads a value of any kind.
func (s *scanner) skip(depth int) error {
	c, err := s.next()
	if err != nil {
		return err
	}
	switch {
	case c == '{' || c == '[':
		if depth == 0 {
			return fmt.Errorf("JSON is nested more than %d deep", maxDepth)
		}
		if c == '[' {
			return s.array(func() error { return s.skip(depth - 1) })
		}
		return s.object(func(string) error { return s.skip(depth - 1) })
	case c == '"':
		return s.text()
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if c == word[0] {
			for i := range len(word) {
				if c, err := s.byte(); err != nil {
					return err
				} else if c != word[i] {
					return s.unexpected(c, word)
				}
			}
			return nil
		}
	}
	return s.unexpected(c, "a value")
}

// text reads a string.
func (s *scanner) text() error {
	if _, err := s.byte(); err != nil {
		return err
	}
	for {
		s.plain()
		c, err := s.byte()
		switch {
		case err != nil:
			return err
		case c == '"':
			return nil
		case c < ' ':
			return s.unexpected(c, "no control character in a string")
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
}

// plain reads what is in the buffer up to a byte that means something in a string.
func (s *scanner) plain() {
	buffered, _ := s.r.Peek(s.r.Buffered()) // what is buffered can be peeked at
	n := 0
	for n < len(buffered) && buffered[n] != '"' && buffered[n] != '\\' && buffered[n] >= ' ' {
		n++
	}
	if s.keep {
		s.kept = append(s.kept, buffered[:n]...)
	}
	s.at += int64(n)
	s.r.Discard(n)
}

// escape reads what follows a backslash.
func (s *scanner) escape() error {
	c, err := s.byte()
	if err != nil {
		return err
	}
	if strings.IndexByte(`"\/bfnrtu`, c) < 0 {
		return s.unexpected(c, "an escape")
	}
	if c != 'u' {
		return nil
	}
	for range 4 {
		c, err := s.byte()
		if err != nil {
			return err
		}
		if strings.IndexByte("0123456789abcdefABCDEF", c) < 0 {
			return s.unexpected(c, "four hexadecimal digits")
		}
	}
	return nil
}

// number reads a number as JSON's grammar has it.
func (s *scanner) number() error {
	digits := func() (n int, err error) {
		for {
			b, err := s.r.Peek(1)
			if err == io.EOF || err == nil && (b[0] < '0' || b[0] > '9') {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			if _, err := s.byte(); err != nil {
				return n, err
			}
			n++
		}
	}
	take := func(set string) (byte, error) { // one byte of the set, if it is next
		b, err := s.r.Peek(1)
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		for i := range len(set) {
			if b[0] == set[i] {
				return s.byte()
			}
		}
		return 0, nil
	}
	wrong := fmt.Errorf("JSON has a malformed number at byte %d", s.at)
	if _, err := take("-"); err != nil {
		return err
	}
	zero, err := take("0")
	if err != nil {
		return err
	}
	n, err := digits()
	if err != nil {
		return err
	}
	if (zero != 0) == (n > 0) { // 012, or no digit at all
		return wrong
	}
	if dot, err := take("."); err != nil {
		return err
	} else if dot != 0 {
		if n, err := digits(); err != nil {
			return err
		} else if n == 0 {
			return wrong
		}
	}
	if e, err := take("eE"); err != nil {
		return err
	} else if e != 0 {
		if _, err := take("+-"); err != nil {
			return err
		}
		if n, err := digits(); err != nil {
			return err
		} else if n == 0 {
			return wrong
		}
	}
	return nil
}
