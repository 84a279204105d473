package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An unquoter reads what a JSON string says, from the opening to the closing
// quotation mark. Where encoding/json would put U+FFFD in place of what is not
// valid, it returns an error: a test with other bytes than the set's author wrote
// is a wrong test.
type unquoter struct {
	r       *bufio.Reader
	decoded []byte // room for some thousand bytes, used again and again
	pending []byte // the part of decoded that is not yet read
	began   bool
	err     error
}

func newUnquoter(r io.Reader) *unquoter { return &unquoter{r: bufio.NewReaderSize(r, 64<<10)} }

// Read implements io.Reader.
func (u *unquoter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(u.pending) == 0 && u.err == nil {
		u.err = u.fill()
		u.pending = u.decoded
		if u.err == io.EOF && !u.began {
			u.err = io.ErrUnexpectedEOF
		}
	}
	n := copy(p, u.pending)
	u.pending = u.pending[n:]
	if n > 0 {
		return n, nil
	}
	return 0, u.err
}

// fill decodes some thousand bytes, or to the end.
func (u *unquoter) fill() error {
	u.decoded = u.decoded[:0]
	if !u.began {
		if c, err := u.byte(); err != nil {
			return err
		} else if c != '"' {
			return fmt.Errorf("JSON has %q, want a string", c)
		}
		u.began = true
	}
	for len(u.decoded) < 4096 {
		u.plain()
		c, err := u.byte()
		switch {
		case err != nil:
			return err
		case c == '"':
			return io.EOF
		case c == '\\':
			err = u.escape()
		case c < ' ':
			err = fmt.Errorf("JSON string has control character %q", c)
		case c < utf8.RuneSelf:
			u.decoded = append(u.decoded, c)
		default:
			err = u.rune()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plain decodes what is in the buffer up to a byte that is not simply itself.
func (u *unquoter) plain() {
	buffered, _ := u.r.Peek(u.r.Buffered()) // what is buffered can be peeked at
	n := 0
	for n < len(buffered) && buffered[n] >= ' ' && buffered[n] < utf8.RuneSelf && buffered[n] != '"' && buffered[n] != '\\' {
		n++
	}
	u.decoded = append(u.decoded, buffered[:n]...)
	u.r.Discard(n)
}

// byte reads a byte; a string that does not end is an error.
func (u *unquoter) byte() (byte, error) {
	c, err := u.r.ReadByte()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return c, err
}

// rune reads the rest of a character of several bytes.
func (u *unquoter) rune() error {
	if err := u.r.UnreadByte(); err != nil {
		return err
	}
	r, size, err := u.r.ReadRune()
	if err != nil {
		return err
	}
	if r == utf8.RuneError && size == 1 {
		return errors.New("JSON string is not valid UTF-8")
	}
	u.decoded = utf8.AppendRune(u.decoded, r)
	return nil
}

// escape reads what follows a backslash.
func (u *unquoter) escape() error {
	c, err := u.byte()
	if err != nil {
		return err
	}
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		u.decoded = append(u.decoded, "\"\\/\b\f\n\r\t"[i])
		return nil
	}
	if c != 'u' {
		return fmt.Errorf("JSON string has the unknown escape \\%c", c)
	}
	r, err := u.hex()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		next, err := u.r.Peek(2)
		if err != nil && err != io.EOF {
			return err
		}
		if string(next) != `\u` {
			return fmt.Errorf("JSON string has half of a surrogate pair, \\u%04x", r)
		}
		if _, err := u.r.Discard(2); err != nil {
			return err
		}
		low, err := u.hex()
		if err != nil {
			return err
		}
		high := r
		if r = utf16.DecodeRune(high, low); r == utf8.RuneError {
			return fmt.Errorf("JSON string has half of a surrogate pair, \\u%04x", high)
		}
	}
	u.decoded = utf8.AppendRune(u.decoded, r)
	return nil
}

// hex reads four hexadecimal digits.
func (u *unquoter) hex() (r rune, err error) {
	for range 4 {
		c, err := u.byte()
		if err != nil {
			return 0, err
		}
		d := strings.IndexByte("0123456789abcdefABCDEF", c)
		if d < 0 {
			return 0, fmt.Errorf("JSON string has %q in a \\u escape", c)
		}
		if d > 15 { // A to F
			d -= 6
		}
		r = r<<4 | rune(d)
	}
	return r, nil
}

// unquote is what a whole JSON string says.
func unquote(raw []byte) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", fmt.Errorf("want a string, not %.20s", raw)
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), nil
	}
	text, err := io.ReadAll(newUnquoter(bytes.NewReader(raw)))
	return string(text), err
}
