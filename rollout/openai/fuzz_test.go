package openai

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
)

// Whatever a server sends, an answer is refused by an error or is what a trainer can
// use: n completions with one finite log-probability a token.
func FuzzAnswer(f *testing.F) {
	whole := `{"choices":[{"index":0,"text":"ok","finish_reason":"stop","token_ids":[1,2],"prompt_token_ids":[3],"logprobs":{"tokens":["token_id:1","k"],"token_logprobs":[-1,-2]},"weight_version":5}],"usage":{"prompt_tokens":1,"completion_tokens":2},"metadata":{"weight_version":"6"}}`
	chat := `{"choices":[{"index":0,"message":{"content":"ok","reasoning":"r"},"finish_reason":"length","token_ids":[1],"logprobs":{"content":[{"token":"o","logprob":-0.5}]}}],"prompt_token_ids":[3]}`
	native := `{"text":"ok","output_ids":[1],"prompt_token_ids":[2],"meta_info":{"finish_reason":{"type":"stop"},"weight_version":"7","prompt_tokens":1,"completion_tokens":1,"output_token_logprobs":[[-0.25,1,null]]}}`
	for _, body := range []string{whole, chat, native, "[" + native + "," + native + "]", `{"error":{"message":"x","code":"503"}}`, "{}", "[]", "", "null",
		`{"choices":[{"index":9}]}`, `{"choices":[null]}`, `{"choices":[{"index":0,"finish_reason":"stop","token_ids":[1],"prompt_token_ids":[1],"logprobs":{"token_logprobs":[1e400]}}]}`} {
		for api := range uint8(3) {
			f.Add([]byte(body), api, uint8(1), false)
			f.Add([]byte(body), api, uint8(2), false)
			f.Add([]byte("data: "+body+"\n\ndata: [DONE]\n\n"), api, uint8(1), true)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, api, n uint8, stream bool) {
		g := &Generator{API: API(api % 3), MaxTokens: 1000}
		q := &question{prompt: &Prompt{Text: "x"}, n: int(n%4) + 1, most: 1000}
		a := newAnswer(g.API, q.n, "3")
		var err error
		if stream && g.API != Native {
			err = a.stream(ssestream.NewDecoder(&http.Response{Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}))
		} else {
			err = a.parse(body)
		}
		if err != nil {
			return
		}
		r, err := g.finish(a, q)
		if err != nil {
			return
		}
		require.Len(t, r.completions, q.n)
		for _, c := range r.completions {
			require.NotNil(t, c.Tokens)
			require.NotEmpty(t, c.Prompt)
			require.Len(t, c.LogProbs, len(c.Tokens))
			require.LessOrEqual(t, len(c.Tokens), q.most)
			require.Contains(t, []rollout.FinishReason{rollout.Stop, rollout.Length}, c.Finish)
			require.NotEmpty(t, c.Versions)
			if len(c.Versions) > 1 {
				require.Len(t, c.Versions, len(c.Tokens))
			}
			for i, l := range c.LogProbs {
				require.False(t, math.IsNaN(float64(l)) || math.IsInf(float64(l), 0))
				require.GreaterOrEqual(t, c.Tokens[i], int32(0))
			}
		}
	})
}
