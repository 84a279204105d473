package dataset

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLiteralJSON(t *testing.T) {
	for text, want := range map[string]string{
		`None`:                                   `null`,
		` [True, False, None,] `:                 `[true,false,null]`,
		`()`:                                     `[]`,
		`(1)`:                                    `1`,
		`(1,)`:                                   `[1]`,
		`((1, 2), [(3,)])`:                       `[[1,2],[[3]]]`,
		`{}`:                                     `{}`,
		`{'a': {'b': 'c'}, "d": 1}`:              `{"a":{"b":"c"},"d":1}`,
		`{'it''s': "it's"}`:                      `{"its":"it's"}`,
		`('a' "b"  u'c')`:                        `"abc"`,
		`'\n\t\\\'\"\x41\101\0\u00e9\U0001F600'`: `"\n\t\\'\"AA\u0000é😀"`,
		`'\d\%'`:                                 `"\\d\\%"`,
		`r'\n\''`:                                `"\\n\\'"`,
		"'a\\\nb'":                               `"ab"`,
		"'''a\r\nb'c'''":                         `"a\nb'c"`,
		`""""""`:                                 `""`,
		"[1, # one\n 2]":                         `[1,2]`,
		`[-1, +2, - 3]`:                          `[-1,2,-3]`,
		`0x1F`:                                   `31`,
		`[0b101, 0o17, 00, 1_000_000, 0x_f]`:     `[5,15,0,1000000,15]`,
		`[1., .5, 1e5, 1.5E-3, 007.5, 1_0.0]`:    `[1.0,0.5,1e5,1.5E-3,7.5,10.0]`,
		`123456789012345678901234567890`:         `123456789012345678901234567890`,
	} {
		got, err := literalJSON(text)
		require.NoError(t, err, text)
		require.True(t, json.Valid(got), "%s", got)
		require.Equal(t, want, string(got), text)
	}
}

func TestLiteralJSONRefuses(t *testing.T) {
	for text, reason := range map[string]string{
		``:                                    "ends",
		`[1, 2`:                               "want ','",
		`[1 2]`:                               "want ','",
		`[,]`:                                 "not a literal",
		`{1: 2}`:                              "not a string",
		`{'a', 'b'}`:                          "set",
		`{'a': 1,, }`:                         "not a literal",
		`b'abc'`:                              "prefix",
		`f'{x}'`:                              "prefix",
		`'abc`:                                "does not end",
		"'a\nb'":                              "line ends",
		`'\x4'`:                               "no character",
		`'\ud83d\ude00'`:                      "no character",
		`'\U00110000'`:                        "no character",
		`'\N{BULLET}'`:                        "not supported",
		`1e999`:                               "not a number",
		`inf`:                                 "not a literal",
		`nan`:                                 "not a literal",
		`1j`:                                  "not a number",
		`012`:                                 "not a number",
		`1__0`:                                "not a number",
		`1_`:                                  "not a number",
		`0x`:                                  "not a number",
		`--1`:                                 "not a number",
		`1 + 2`:                               "after the value",
		`__import__('os')`:                    "not a literal",
		`[x for x in ()]`:                     "not a literal",
		`[1] [2]`:                             "after the value",
		`true`:                                "not a literal",
		"'\xff'":                              "UTF-8",
		"'\x00'":                              "zero byte",
		"0x" + strings.Repeat("f", maxDigits): "not a number",
		strings.Repeat("[", maxDepth+1):       "nested",
		strings.Repeat("(", 1e6):              "nested",
	} {
		got, err := literalJSON(text)
		require.ErrorContains(t, err, reason, "%.40s gave %.40s", text, got)
	}
}

// repr writes what encoding/json decodes as Python would print it.
func repr(x any) string {
	switch x := x.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[x]
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case string:
		var b strings.Builder
		for _, r := range x {
			switch {
			case r == '\'' || r == '\\':
				b.WriteString(`\` + string(r))
			case r == '\n':
				b.WriteString(`\n`)
			case r < ' ':
				fmt.Fprintf(&b, `\x%02x`, r)
			default:
				b.WriteRune(r)
			}
		}
		return "'" + b.String() + "'"
	case []any:
		parts := make([]string, len(x))
		for i := range x {
			parts[i] = repr(x[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for k, v := range x {
			parts = append(parts, repr(k)+": "+repr(v))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(x)
}

func randomValue(r *rand.Rand, depth int) any {
	switch kind := r.IntN(7); {
	case kind == 0:
		return nil
	case kind == 1:
		return r.IntN(2) == 0
	case kind == 2:
		return float64(r.IntN(2000) - 1000)
	case kind == 3:
		return r.NormFloat64() * 1e10
	case kind == 4 || depth == 0:
		text := ""
		for range r.IntN(6) {
			text += string([]rune("a'\"\\\n\x01é😀")[r.IntN(8)])
		}
		return text
	case kind == 5:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomValue(r, depth-1)
		}
		return list
	}
	dict := map[string]any{}
	for range r.IntN(4) {
		dict[strconv.Itoa(r.IntN(9))+"'"] = randomValue(r, depth-1)
	}
	return dict
}

func TestLiteralAgainstJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := randomValue(r, 4)
		text := repr(want)
		raw, err := literalJSON(text)
		require.NoError(t, err, text)
		var got any
		require.NoError(t, json.Unmarshal(raw, &got), text)
		require.Equal(t, want, got, text)
	}
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{
		`{'inputs': ['1\n2'], "outputs": [(1, None, True)], 'fn_name': u'f'}`, `0x1f`, `1_0.e+5`, `'''a''' r'\'`, `(((1),),)`, `"\u00e9\777"`, "#\n1", `{'a': {1}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := literalJSON(text)
		if err != nil {
			return
		}
		require.True(t, json.Valid(got), "%q gave %q", text, got)
		require.NoError(t, held(string(got)).check())
	})
}
