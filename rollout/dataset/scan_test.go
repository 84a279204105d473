package dataset

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestMembersArePlaces(t *testing.T) {
	v := held(` {"a": [1, {"b": "}"}], "c\u0064": "x\"y", "a" : null} `)
	members, err := v.members()
	require.NoError(t, err)
	require.Len(t, members, 2)
	raw, err := members["a"].raw()
	require.NoError(t, err)
	require.Equal(t, "null", string(raw), "the last of two members of one name")
	text, err := members["cd"].string()
	require.NoError(t, err)
	require.Equal(t, `x"y`, text)
}

func TestNothingFollowsAValue(t *testing.T) {
	_, err := held("1 2").raw()
	require.ErrorContains(t, err, "want the end")
	_, err = held("{} {}").members()
	require.ErrorContains(t, err, "want the end")
	for _, err := range held("[] []").elements() {
		require.ErrorContains(t, err, "want the end")
	}
}

func TestElementsOneByOne(t *testing.T) {
	var got []string
	for raw, err := range held(`[1, "a,]", [2, [3]], {}]`).elements() {
		require.NoError(t, err)
		got = append(got, string(raw))
	}
	require.Equal(t, []string{`1`, `"a,]"`, `[2, [3]]`, `{}`}, got)

	got = nil
	var last error
	for raw, err := range held(`[1, 2, oops]`).elements() {
		if last = err; err == nil {
			got = append(got, string(raw))
		}
	}
	require.Equal(t, []string{"1", "2"}, got)
	require.ErrorContains(t, last, "element 2")

	for range held(`[1, 2, 3]`).elements() {
		break
	}
}

// JSON in a string in JSON in a string: each level is read through the ones around
// it.
func TestInsideOfInside(t *testing.T) {
	inner := "[\"\u00e9\U0001f600\\n\"]"
	once, err := json.Marshal(inner)
	require.NoError(t, err)
	twice, err := json.Marshal(string(once))
	require.NoError(t, err)
	var got []string
	for raw, err := range held(string(twice)).inside().inside().elements() {
		require.NoError(t, err)
		text, err := unquote(raw)
		require.NoError(t, err)
		got = append(got, text)
	}
	require.Equal(t, []string{"é😀\n"}, got)
}

func TestDepthIsBounded(t *testing.T) {
	require.NoError(t, held(strings.Repeat("[", maxDepth)+strings.Repeat("]", maxDepth)).check())
	require.ErrorContains(t, held(strings.Repeat("[", maxDepth+1)).check(), "nested")
	require.ErrorContains(t, held(strings.Repeat(`{"a":`, 1e6)).check(), "nested")
}

func TestUnquote(t *testing.T) {
	for raw, want := range map[string]string{
		`""`:                                    "",
		`"a\"\\\/\b\f\n\r\t"`:                   "a\"\\/\b\f\n\r\t",
		`"\u00e9\u20AC\ud83d\ude00"`:            "é€😀",
		`"` + strings.Repeat("é", 5000) + `\n"`: strings.Repeat("é", 5000) + "\n",
	} {
		got, err := unquote([]byte(raw))
		require.NoError(t, err, raw)
		require.Equal(t, want, got)
	}
	for raw, reason := range map[string]string{
		`1`:                 "want a string",
		`"\x41"`:            "unknown escape",
		`"\u12"`:            "in a \\u escape",
		"\"\\u00\x10\x11\"": "in a \\u escape",
		`"\ud83d"`:          "half of a surrogate pair",
		`"\ud83d\u0041"`:    "half of a surrogate pair",
		`"\ude00"`:          "half of a surrogate pair",
		"\"\xff\"":          "UTF-8",
		"\"\xc3\"":          "UTF-8",
	} {
		_, err := unquote([]byte(raw))
		require.ErrorContains(t, err, reason, raw)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"a": [1, -0.5e+3, "\u00e9\n", true, false, null]}`, `[01]`, `[1.]`, `"\q"`, `{"a" 1}`, `nul`, `[1,]`, `-`, "\"\t\"", ` 0 `, `[1]2`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "[")+strings.Count(text, "{") >= maxDepth {
			return
		}
		err := held(text).check()
		require.Equal(t, json.Valid([]byte(text)), err == nil, "%q: %v", text, err)
		if err != nil {
			return
		}
		raw, err := held(text).raw()
		require.NoError(t, err)
		require.Equal(t, strings.Trim(text, " \t\r\n"), string(raw))
	})
}

func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{`""`, `"\u0041"`, `"\ud83d\ude00x"`, `"\ud83d"`, `"é\/"`, "\"\xff\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want string
		if json.Unmarshal([]byte(text), &want) != nil || !strings.HasPrefix(text, `"`) || !strings.HasSuffix(text, `"`) {
			return
		}
		got, err := unquote([]byte(text))
		if err != nil {
			// Only what encoding/json replaces may be refused.
			require.Contains(t, want, "\ufffd")
			return
		}
		require.Equal(t, want, got)
		require.True(t, utf8.ValidString(got))
	})
}
