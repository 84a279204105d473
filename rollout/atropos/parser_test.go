package atropos

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// randomData is a group of n sequences of about m tokens.
func randomData(seed uint64, n, m int) *ScoredData {
	r := rand.New(rand.NewPCG(seed, 3))
	d := &ScoredData{}
	for range n {
		k := m/2 + r.IntN(m/2+1)
		prompt := min(k, 100)
		tokens, mask, probs := make([]int32, k), make([]int32, k), make([]float32, k)
		for t := range tokens {
			tokens[t], mask[t], probs[t] = r.Int32N(152000), Ignore, NoLogProb
			if t >= prompt {
				mask[t], probs[t] = tokens[t], float32(-r.ExpFloat64())
			}
		}
		d.Tokens, d.Masks = append(d.Tokens, tokens), append(d.Masks, mask)
		d.InferenceLogProbs = append(d.InferenceLogProbs, probs)
		d.Scores = append(d.Scores, float64(r.IntN(2))*2-1)
	}
	return d
}

// What is written is JSON, encoding/json reads the same from it, and the parser
// reads it back bit for bit, however small the pieces are that it comes in.
func TestRoundTrip(t *testing.T) {
	id := 3
	for seed := range uint64(20) {
		d := randomData(seed, int(seed%5)+1, 400)
		d.EnvID = &id
		if seed%2 == 0 {
			d.Advantages = [][]float64{{0.1, math.MaxFloat64, -5e-324}, {}}
			d.RefLogProbs = [][]float32{{float32(math.Copysign(0, -1)), math.MaxFloat32, math.SmallestNonzeroFloat32}}
			d.Messages = json.RawMessage(`[[{"role":"user","content":"\"}] é \\"}]]`)
			d.GenerationParams = map[string]any{"a": json.Number("1e40"), "b": []any{"x", nil}}
			d.Overrides = []Override{{"temperature": json.Number("0.7")}, {}}
			d.GroupOverrides = map[string]any{}
			d.Images = json.RawMessage(`"data"`)
			d.DistillTokenIDs, d.DistillLogProbs = json.RawMessage(`[[[1]]]`), json.RawMessage(`[[[-1.5]]]`)
		}
		b, err := d.AppendJSON(nil)
		require.NoError(t, err)
		var generic struct {
			Tokens [][]int32
			Probs  [][]float32 `json:"inference_logprobs"`
			Scores []float64
		}
		require.NoError(t, json.Unmarshal(b, &generic))
		require.Equal(t, d.Tokens, generic.Tokens)
		require.Equal(t, d.InferenceLogProbs, generic.Probs)
		require.Equal(t, d.Scores, generic.Scores)
		for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b)), iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(b)))} {
			var got ScoredData
			require.NoError(t, newParser(r).scored(&got))
			require.Equal(t, d, &got)
		}
		// And through the server's copy, with white space as Python writes it.
		spaced := strings.NewReplacer(",", ", ", ":", ": ").Replace(string(b))
		g, err := newParser(strings.NewReader(spaced)).posting(0)
		require.NoError(t, err)
		require.Equal(t, len(d.Tokens), g.size)
		require.Equal(t, 3, *g.env)
		if seed%2 == 1 { // no strings
			require.Equal(t, string(b), string(g.json))
		}
		require.JSONEq(t, spaced, string(g.json))
	}
}

// Masks of every kind, also such as fit no tokens, and ids of every length.
func TestAppendJSONMasks(t *testing.T) {
	for _, c := range []struct{ tokens, masks [][]int32 }{
		{[][]int32{{0, 9, 10, 99, 100, 999999, 1000000, math.MaxInt32, -1, math.MinInt32}}, [][]int32{{-100, 9, 10, 99, 100, 999999, 1000000, math.MaxInt32, -1, math.MinInt32}}},
		{[][]int32{{1, 2, 3}, {4, 5}}, [][]int32{{1, 2, 3}, {-100, -100}}},
		{[][]int32{{1, 2, 3}, {4, 5}}, [][]int32{{1, -100, 3}, {5, 4}}},
		{[][]int32{{1, 2, 3}, {}}, [][]int32{{2, 3}, {1}, {7}}},
		{[][]int32{{}, {1}, {2}}, [][]int32{{}, {1}}},
		{[][]int32{{1}}, [][]int32{}},
	} {
		b, err := (&ScoredData{Tokens: c.tokens, Masks: c.masks}).AppendJSON([]byte("before"))
		require.NoError(t, err)
		var got struct{ Tokens, Masks [][]int32 }
		require.NoError(t, json.Unmarshal(b[6:], &got))
		require.Equal(t, c.tokens, got.Tokens)
		require.Equal(t, c.masks, got.Masks)
	}
}

func TestAppendJSONRefuses(t *testing.T) {
	for name, hurt := range map[string]func(d *ScoredData){
		"score":      func(d *ScoredData) { d.Scores[0] = math.NaN() },
		"advantage":  func(d *ScoredData) { d.Advantages = [][]float64{{math.Inf(1)}} },
		"log-prob":   func(d *ScoredData) { d.InferenceLogProbs[0][3] = float32(math.Inf(-1)) },
		"messages":   func(d *ScoredData) { d.Messages = json.RawMessage("{") },
		"parameters": func(d *ScoredData) { d.GenerationParams = map[string]any{"t": math.NaN()} },
	} {
		d := randomData(1, 2, 20)
		hurt(d)
		_, err := d.AppendJSON(nil)
		require.ErrorAs(t, err, new(*ShapeError), name)
	}
}

// A field that is written beside the others comes out as it went in, and so does its
// error.
func TestAppendJSONOfALongGroup(t *testing.T) {
	d := randomData(1, 4, 20_000)
	d.RefLogProbs = randomData(1, 4, 20_000).InferenceLogProbs
	b, err := d.AppendJSON(nil)
	require.NoError(t, err)
	var got ScoredData
	require.NoError(t, got.UnmarshalJSON(b))
	require.Equal(t, d, &got)
	d.RefLogProbs[3][9] = float32(math.NaN())
	_, err = d.AppendJSON(nil)
	var shape *ShapeError
	require.ErrorAs(t, err, &shape)
	require.Equal(t, "ref_logprobs", shape.Field)
	require.Equal(t, 3, shape.Sequence)
}

// Errors say where.
func TestParserErrors(t *testing.T) {
	for text, why := range map[string]string{
		``:                     "it ends where '{' should stand",
		`{"tokens": [[1, x]]}`: "byte 16, tokens: not a number",
		`{"tokens": [[1 2]]}`:  "byte 15, tokens: neither a comma nor ']'",
		`{"tokens": [[01]]}`:   `tokens: "01" is not an integer`,
		`{"tokens": [[1]], "masks": [[9999999999]]}`:           "does not fit into 32 bits",
		`{"tokens": [[1]], "masks": [[1]], "scores": [1e999]}`: "too large",
		`{"tokens": [[1]], "masks": [[1]], "scores": [+1]}`:    "is not a number",
		`{"tokens": [[1]], "masks": [[1]]}`:                    "scores: missing",
		`{"tokens": [[1`:                                       "tokens: neither a comma nor",
		`{"messages": [[{"a": "b}]]`:                           "messages: it ends within a value",
		`{5: 1}`:                                               "no key",
		`{"a" 1}`:                                              "where ':' should stand",
	} {
		var d ScoredData
		err := newParser(strings.NewReader(text)).scored(&d)
		require.ErrorAs(t, err, new(*JSONError), text)
		require.ErrorContains(t, err, why, text)
	}
	broken := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(`{"tokens": [[1]]}`)))
	require.ErrorIs(t, newParser(broken).scored(new(ScoredData)), iotest.ErrTimeout)
}

// What is no number by JSON's grammar is none here, on the short way and the long.
func TestNumbersAreJSON(t *testing.T) {
	for _, text := range []string{"0", "-0", "1.0", "10.25", "-0.5", "1e5", "1E-05", "0.0001", "123456789012345678", "-3.4028234663852886e+38", "0.1e1", " 7", "00", "01", "-01.5", "1.", ".5", "-.5", "-", "1.2.3", "1e", "1e+", "+1", "1-2", "--1", "0x1", "NaN", "1_0", "3e39", "1e400"} {
		var want float32
		err := json.Unmarshal([]byte(text), &want)
		body := `{"tokens": [[1]], "masks": [[1]], "scores": [0], "inference_logprobs": [[` + text + `]]}`
		var d ScoredData
		failed := newParser(strings.NewReader(body)).scored(&d)
		require.Equal(t, err == nil, failed == nil, text)
		if err == nil {
			require.Equal(t, math.Float32bits(want), math.Float32bits(d.InferenceLogProbs[0][0]), text)
		}
		var wide float64 // which is what the server allows
		err = json.Unmarshal([]byte(text), &wide)
		_, failed = newParser(strings.NewReader(body)).posting(0)
		require.Equal(t, err == nil, failed == nil, text)
	}
}

// FuzzParser: what the server takes, the client can read if its numbers fit, the
// copy is JSON and copying it again changes nothing; nothing panics. In pieces or
// whole, the answer is the same.
func FuzzParser(f *testing.F) {
	b, err := randomData(1, 2, 10).AppendJSON(nil)
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(`{"tokens": [["5", 6.0, true]], "masks": [[1]], "scores": ["1.5"], "messages": [[{"role": 1, "content": "\""}]], "env_id": null}`))
	f.Add([]byte(`{"tokens": [[1]], "masks": [[-1e2, 00]], "scores": [-0.5e-3], "x": {"y": [1, {}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := newParser(bytes.NewReader(b)).posting(0)
		again, err2 := newParser(iotest.OneByteReader(bytes.NewReader(b))).posting(0)
		if (err == nil) != (err2 == nil) || !bytes.Equal(g.json, again.json) {
			t.Fatalf("%v and %v", err, err2)
		}
		var d ScoredData
		newParser(bytes.NewReader(b)).scored(&d)
		if err != nil {
			return
		}
		if !json.Valid(g.json) {
			t.Fatalf("%s", g.json)
		}
		twice, err := newParser(bytes.NewReader(g.json)).posting(0)
		if err != nil || !bytes.Equal(twice.json, g.json) || twice.size != g.size {
			t.Fatalf("%s\n%s\n%v", g.json, twice.json, err)
		}
	})
}
