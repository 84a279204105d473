package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// literalJSON writes a Python literal, as repr prints it and ast.literal_eval reads
// it, as JSON: a tuple becomes an array, None null. What has no JSON is an error:
// bytes, sets, complex numbers, infinities, and a dict with keys other than
// strings.
func literalJSON(text string) ([]byte, error) {
	l := &literal{text: text}
	if err := l.value(maxDepth); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", l.at, err)
	}
	if l.next() != 0 || l.at < len(l.text) {
		return nil, fmt.Errorf("at byte %d: something after the value", l.at)
	}
	return l.json, nil
}

// A literal is a Python literal that has been read up to at.
type literal struct {
	text string
	at   int
	json []byte
}

// next skips white space and comments, and returns the next byte, 0 at the end.
func (l *literal) next() byte {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; c {
		case ' ', '\t', '\n', '\r', '\f':
			l.at++
		case '#':
			for l.at < len(l.text) && l.text[l.at] != '\n' {
				l.at++
			}
		default:
			return c
		}
	}
	return 0
}

// take reads c if it is next.
func (l *literal) take(c byte) bool {
	if l.next() != c || l.at == len(l.text) {
		return false
	}
	l.at++
	return true
}

// value reads one value.
func (l *literal) value(depth int) error {
	if depth == 0 {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	switch c := l.next(); {
	case c == '{':
		return l.dict(depth)
	case c == '[' || c == '(':
		return l.list(depth)
	case c == '\'' || c == '"':
		return l.strings()
	case c == '+' || c == '-' || c == '.' || '0' <= c && c <= '9':
		return l.number()
	case c == 0 && l.at == len(l.text):
		return errors.New("the text ends where a value should be")
	}
	from := l.at
	for l.at < len(l.text) && isLetter(l.text[l.at]) {
		l.at++
	}
	word := l.text[from:l.at]
	if l.at < len(l.text) && (l.text[l.at] == '\'' || l.text[l.at] == '"') {
		l.at = from
		return l.strings()
	}
	switch word {
	case "True":
		l.json = append(l.json, "true"...)
	case "False":
		l.json = append(l.json, "false"...)
	case "None":
		l.json = append(l.json, "null"...)
	default:
		return fmt.Errorf("%.20q is not a literal", l.text[from:])
	}
	return nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// dict reads a dict.
func (l *literal) dict(depth int) error {
	l.take('{')
	l.json = append(l.json, '{')
	for n := 0; !l.take('}'); n++ {
		if n > 0 {
			if !l.take(',') {
				return errors.New("want ',' or '}' in a dict")
			}
			if l.take('}') {
				break
			}
			l.json = append(l.json, ',')
		}
		from := len(l.json)
		if err := l.value(depth - 1); err != nil {
			return err
		}
		if !l.take(':') {
			return errors.New("want ':' after the key of a dict; a set has no JSON")
		}
		if l.json[from] != '"' {
			return errors.New("a dict with a key that is not a string has no JSON")
		}
		l.json = append(l.json, ':')
		if err := l.value(depth - 1); err != nil {
			return err
		}
	}
	l.json = append(l.json, '}')
	return nil
}

// list reads a list, a tuple, or a value in parentheses.
func (l *literal) list(depth int) error {
	closing := byte(']')
	if l.text[l.at] == '(' {
		closing = ')'
	}
	l.at++
	from := len(l.json)
	l.json = append(l.json, '[')
	n, comma := 0, false
	for ; !l.take(closing); n++ {
		if n > 0 {
			if !l.take(',') {
				return fmt.Errorf("want ',' or %q in a list", closing)
			}
			comma = true
			if l.take(closing) {
				break
			}
			l.json = append(l.json, ',')
		}
		if err := l.value(depth - 1); err != nil {
			return err
		}
	}
	if closing == ')' && n == 1 && !comma {
		l.json = append(l.json[:from], l.json[from+1:]...)
		return nil
	}
	l.json = append(l.json, ']')
	return nil
}

// number reads an integer or a float, with a sign if it has one.
func (l *literal) number() error {
	if c := l.text[l.at]; c == '+' || c == '-' {
		l.at++
		if c == '-' {
			l.json = append(l.json, '-')
		}
		l.next()
	}
	from := l.at
	for l.at < len(l.text) {
		c := l.text[l.at]
		exponent := l.at > from && l.text[l.at-1]|0x20 == 'e' && !strings.HasPrefix(strings.ToLower(l.text[from:l.at]), "0x")
		if c != '.' && c != '_' && !isLetter(c) && (c < '0' || c > '9') && !(exponent && (c == '+' || c == '-')) {
			break
		}
		l.at++
	}
	word := l.text[from:l.at]
	number, err := pythonNumber(word)
	if err != nil {
		return err
	}
	l.json = append(l.json, number...)
	return nil
}

// maxDigits of an integer that is not written in decimal, for the conversion takes
// quadratic time.
const maxDigits = 4000

// pythonNumber is an unsigned Python number as JSON.
func pythonNumber(word string) (string, error) {
	wrong := fmt.Errorf("%.40q is not a number that has JSON", word)
	plain := strings.ReplaceAll(word, "_", "")
	if plain != word {
		// Only single underlines, and only between digits (or after the base).
		for i := range len(word) {
			if word[i] == '_' && (i == 0 || i == len(word)-1 || !isDigit(word[i-1]) && !(i == 2 && word[0] == '0') || !isDigit(word[i+1])) {
				return "", wrong
			}
		}
	}
	if len(plain) > 2 && plain[0] == '0' && strings.IndexByte("xXoObB", plain[1]) >= 0 {
		n, ok := new(big.Int), len(plain) <= maxDigits
		if ok {
			_, ok = n.SetString(plain, 0)
		}
		if !ok {
			return "", wrong
		}
		return n.String(), nil
	}
	if strings.Trim(plain, "0123456789") == "" && plain != "" {
		if plain[0] == '0' && strings.Trim(plain, "0") != "" {
			return "", wrong // 012
		}
		if plain[0] == '0' {
			return "0", nil
		}
		return plain, nil
	}
	if strings.Trim(plain, "0123456789.eE+-") != "" {
		return "", wrong // letters: infinities, hexadecimal floats, complex numbers
	}
	if _, err := strconv.ParseFloat(plain, 64); err != nil {
		return "", wrong
	}
	// JSON wants digits on both sides of the point, and no zeros before the first.
	mantissa, exponent := plain, ""
	if i := strings.IndexAny(plain, "eE"); i >= 0 {
		mantissa, exponent = plain[:i], plain[i:]
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if point && fraction == "" {
		fraction = "0"
	}
	if point {
		whole += "." + fraction
	}
	return whole + exponent, nil
}

func isDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// strings reads a string, or several next to each other, which are one.
func (l *literal) strings() error {
	var all []byte
	for {
		part, err := l.string()
		if err != nil {
			return err
		}
		all = append(all, part...)
		c := l.next()
		from := l.at
		for l.at < len(l.text) && isLetter(l.text[l.at]) {
			l.at++
			c = 0
			if l.at < len(l.text) {
				c = l.text[l.at]
			}
		}
		l.at = from
		if l.at == len(l.text) || c != '\'' && c != '"' {
			break
		}
	}
	if !utf8.Valid(all) {
		return errors.New("a string is not valid UTF-8")
	}
	text, err := json.Marshal(string(all))
	l.json = append(l.json, text...)
	return err
}

// string reads one string and returns what it says.
func (l *literal) string() ([]byte, error) {
	raw := false
	switch prefix := strings.ToLower(l.text[l.at : l.at+strings.IndexAny(l.text[l.at:], `'"`)]); prefix {
	case "":
	case "u", "r":
		raw = prefix == "r"
		l.at++
	default:
		return nil, fmt.Errorf("a string with prefix %.10q has no JSON", prefix)
	}
	quote := l.text[l.at : l.at+1]
	if strings.HasPrefix(l.text[l.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	l.at += len(quote)
	var said []byte
	for {
		rest := l.text[l.at:]
		switch {
		case rest == "":
			return nil, errors.New("a string does not end")
		case strings.HasPrefix(rest, quote):
			l.at += len(quote)
			return said, nil
		case rest[0] == '\\' && raw:
			if len(rest) < 2 {
				return nil, errors.New("a string does not end")
			}
			said = append(said, rest[:2]...)
			l.at += 2
		case rest[0] == '\\':
			var err error
			if said, err = l.escape(said); err != nil {
				return nil, err
			}
		case rest[0] == '\n' || rest[0] == '\r':
			if len(quote) == 1 {
				return nil, errors.New("a line ends inside of a string")
			}
			said = append(said, '\n')
			l.at++
			if strings.HasPrefix(rest, "\r\n") {
				l.at++
			}
		case rest[0] == 0:
			return nil, errors.New("a literal has a zero byte")
		default:
			said = append(said, rest[0])
			l.at++
		}
	}
}

// escape reads an escape sequence of a string.
func (l *literal) escape(said []byte) ([]byte, error) {
	rest := l.text[l.at+1:]
	if rest == "" {
		return nil, errors.New("a string does not end")
	}
	l.at += 2
	c := rest[0]
	if i := strings.IndexByte(`\'"abfnrtv`, c); i >= 0 {
		return append(said, "\\'\"\a\b\f\n\r\t\v"[i]), nil
	}
	digits := 0
	switch {
	case c == '\n': // the line goes on
		return said, nil
	case c == '\r':
		if strings.HasPrefix(rest, "\r\n") {
			l.at++
		}
		return said, nil
	case '0' <= c && c <= '7':
		n := 1
		for n < 3 && n < len(rest) && '0' <= rest[n] && rest[n] <= '7' {
			n++
		}
		r, err := strconv.ParseUint(rest[:n], 8, 32)
		l.at += n - 1
		return utf8.AppendRune(said, rune(r)), err
	case c == 'x':
		digits = 2
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case c == 'N':
		return nil, errors.New(`an escape with the name of a character, \N, is not supported`)
	default: // Python leaves unknown escapes as they are
		return append(said, '\\', c), nil
	}
	if len(rest) < 1+digits {
		return nil, fmt.Errorf(`want %d digits after \%c`, digits, c)
	}
	r, err := strconv.ParseUint(rest[1:1+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(r)) || r > utf8.MaxRune {
		return nil, fmt.Errorf(`\%c%s is no character`, c, rest[1:1+digits])
	}
	l.at += digits
	return utf8.AppendRune(said, rune(r)), nil
}
