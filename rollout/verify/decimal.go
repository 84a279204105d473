package verify

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// decimal is a number as Python's decimal.Decimal reads it: digits * 10^exp, never
// expanded.
type decimal struct {
	kind   byte // 'd' finite, 'i' infinity, 'n' a NaN
	neg    bool
	digits string // no zero at either end; "": zero
	exp    int64
}

// Python's bounds on the exponent of the first digit and on the last one's.
const (
	maxAdjusted = 999999999999999999
	minTiny     = -1999999999999999997
)

// parseDecimal reads what Decimal(text) accepts: digits of any script, underscores
// anywhere, exponents, infinities and NaNs.
func parseDecimal(text string) (d decimal, ok bool) {
	text = ascii(text)
	if text == "" {
		return d, false
	}
	if text[0] == '+' || text[0] == '-' {
		d.neg = text[0] == '-'
		text = text[1:]
	}
	switch word := strings.ToLower(text); {
	case word == "inf" || word == "infinity":
		d.kind = 'i'
		return d, true
	case strings.HasPrefix(word, "nan") || strings.HasPrefix(word, "snan"):
		d.kind = 'n'
		payload := strings.TrimPrefix(strings.TrimPrefix(word, "s"), "nan")
		return d, strings.Trim(payload, "0123456789") == ""
	}
	d.kind = 'd'
	mantissa := text
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		exponent := strings.TrimLeft(strings.TrimLeft(text[i+1:], "+-"), "0")
		sign := text[i+1 : len(text)-len(strings.TrimLeft(text[i+1:], "+-"))]
		if len(sign) > 1 || i+1+len(sign) == len(text) || strings.Trim(exponent, "0123456789") != "" {
			return d, false
		}
		if len(exponent) > 19 {
			return d, false // out of any bound
		}
		if exponent != "" {
			n, err := strconv.ParseInt(exponent, 10, 64)
			if err != nil {
				return d, false
			}
			d.exp = n
		}
		if sign == "-" {
			d.exp = -d.exp
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || strings.Trim(whole, "0123456789") != "" || strings.Trim(fraction, "0123456789") != "" {
		return d, false
	}
	// Exact conversion: what Python would have to round or clamp is an error there.
	d.exp -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	if d.exp < minTiny || d.exp+int64(len(digits))-1 > maxAdjusted {
		return d, false
	}
	if digits == "" {
		d.exp = 0
		return d, true
	}
	d.digits = strings.TrimRight(digits, "0")
	d.exp += int64(len(digits) - len(d.digits))
	return d, true
}

// ascii drops underscores and writes every decimal digit as 0 to 9. Anything else
// outside ASCII stays and will not parse.
func ascii(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] != '_' && s[i] < 0x80
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '_':
		case r >= 0x80 && unicode.Is(unicode.Nd, r):
			b.WriteByte('0' + digitValue(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// digitValue of a decimal digit: in Unicode, each script's ten stand in a row that
// begins ten, or a multiple of ten, after its block of digits begins.
func digitValue(r rune) byte {
	n := rune(0)
	for unicode.Is(unicode.Nd, r-n-1) {
		n++
	}
	return byte(n % 10)
}

// adjusted is the position of the first digit: |d| lies in [10^(adjusted-1), 10^adjusted).
func (d *decimal) adjusted() int64 { return d.exp + int64(len(d.digits)) }

// equal is Python's ==: NaN equals nothing, -0 equals 0.
func (d *decimal) equal(e *decimal) bool {
	switch {
	case d.kind != e.kind || d.kind == 'n':
		return false
	case d.kind == 'i':
		return d.neg == e.neg
	case d.digits == "" && e.digits == "":
		return true
	}
	return d.neg == e.neg && d.exp == e.exp && d.digits == e.digits
}

// near reports whether |d - e| <= 10^-4, exactly. Infinities and NaNs are near
// nothing: their difference is an error in Python.
func (d *decimal) near(e *decimal) bool {
	return d.kind == 'd' && e.kind == 'd' && !exceeds(d, e) && !exceeds(e, d)
}

// exceeds reports whether d - e > 10^-4. It goes down the places of 10 with the sum of
// all digits above the present place, in units of that place. The places below can
// take back no more than 3 of those, so a larger sum is decided; a sum of 0 stays so
// over places where all digits are 0, which are skipped. Steps: the number of digits.
func exceeds(d, e *decimal) bool {
	const bound = -4
	sum := 0
	for at := max(d.adjusted(), e.adjusted(), bound+1) - 1; ; at-- {
		if sum == 0 {
			next := max(d.below(at), e.below(at))
			if at >= bound {
				next = max(next, bound)
			}
			at = next
		}
		if at < d.exp && at < e.exp && at < bound {
			return sum > 0
		}
		sum = 10*sum + d.digit(at) - e.digit(at)
		if at == bound {
			sum--
		}
		if sum > 3 || sum < -3 {
			return sum > 0
		}
	}
}

// digit of place 10^at, with d's sign.
func (d *decimal) digit(at int64) int {
	i := d.adjusted() - 1 - at
	if i < 0 || i >= int64(len(d.digits)) {
		return 0
	}
	if d.neg {
		return -int(d.digits[i] - '0')
	}
	return int(d.digits[i] - '0')
}

// below returns the highest place at or below at where d has a digit, or a place
// below all.
func (d *decimal) below(at int64) int64 {
	if d.digits == "" || at < d.exp {
		return math.MinInt64
	}
	return min(at, d.adjusted()-1)
}
