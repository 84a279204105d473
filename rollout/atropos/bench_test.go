package atropos

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server to measure: an environment and a trainer are registered.
func measured(b *testing.B, url string, batch int) (*Client, *Env) {
	c := fast(url)
	require.NoError(b, c.Reset(b.Context()))
	_, err := c.Register(b.Context(), Registration{BatchSize: batch, MaxTokenLen: 1 << 20})
	require.NoError(b, err)
	_, err = c.Batch(b.Context())
	require.NoError(b, err)
	e, err := c.RegisterEnv(b.Context(), EnvRegistration{DesiredName: "e", GroupSize: 8})
	require.NoError(b, err)
	return c, e
}

func eachServer(b *testing.B, f func(b *testing.B, url string)) {
	b.Run("server=memory", func(b *testing.B) {
		h := httptest.NewServer(must1(NewServer(Options{})))
		defer h.Close()
		f(b, h.URL)
	})
	b.Run("server=journal", func(b *testing.B) {
		s := must1(NewServer(Options{Dir: b.TempDir()}))
		defer s.Close()
		h := httptest.NewServer(s)
		defer h.Close()
		f(b, h.URL)
	})
	b.Run("server=reference", func(b *testing.B) { f(b, reference(b)) })
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// long is a group of 8 sequences of 16k tokens: 4.3 MB of JSON.
func long(seed uint64) *ScoredData {
	d := randomData(seed, 8, 10)
	for i := range d.Tokens {
		s := randomData(100*seed+uint64(i), 1, 2*16<<10)
		d.Tokens[i], d.Masks[i], d.InferenceLogProbs[i] = s.Tokens[0][:16<<10], s.Masks[0][:16<<10], s.InferenceLogProbs[0][:16<<10]
	}
	d.Scores[0], d.Scores[1] = 1, 0
	return d
}

// BenchmarkPost is one group of 8 x 16k tokens, posted.
func BenchmarkPost(b *testing.B) {
	eachServer(b, func(b *testing.B, url string) {
		d := long(1)
		c, e := measured(b, url, 8)
		n := 0
		for b.Loop() {
			if _, err := e.Post(context.Background(), d); err != nil {
				b.Fatal(err)
			}
			if n++; n%64 == 0 {
				b.StopTimer()
				require.NoError(b, c.Reset(b.Context()))
				c, e = measured(b, url, 8)
				b.StartTimer()
			}
		}
	})
}

// BenchmarkPosts is BenchmarkPost from four environments at once: their posts share
// an fsync.
func BenchmarkPosts(b *testing.B) {
	eachServer(b, func(b *testing.B, url string) {
		d := long(1)
		_, e := measured(b, url, 8)
		b.SetParallelism(max(1, 4/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, err := e.Post(context.Background(), d); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkBatch is a batch of 8 such groups, read and understood. What is "bytes"
// is the time until its bytes are there, without a parser, asked for as the client
// asks; "gzip" as Go's http.Client asks on its own.
func BenchmarkBatch(b *testing.B) {
	eachServer(b, func(b *testing.B, url string) {
		for _, way := range []string{"understood", "bytes", "gzip"} {
			b.Run(way, func(b *testing.B) {
				c, e := measured(b, url, 64)
				var groups []*ScoredData
				for i := range 8 {
					groups = append(groups, long(uint64(i)))
				}
				for b.Loop() {
					b.StopTimer()
					for _, d := range groups {
						_, err := e.Post(context.Background(), d)
						require.NoError(b, err)
					}
					b.StartTimer()
					switch way {
					case "understood":
						batch, err := c.Batch(context.Background())
						if err != nil || len(batch) != 8 || len(batch[7].Tokens[7]) != 16<<10 {
							b.Fatal(err, len(batch))
						}
					case "bytes":
						q := must1(http.NewRequest("GET", url+"/batch", nil))
						q.Header.Set("Accept-Encoding", "identity")
						a := must1(plainHTTP.Do(q))
						must1(io.Copy(io.Discard, a.Body))
						a.Body.Close()
					case "gzip":
						a := must1(http.Get(url + "/batch"))
						must1(io.Copy(io.Discard, a.Body))
						a.Body.Close()
					}
				}
			})
		}
	})
}

// BenchmarkParse and BenchmarkAppendJSON are one group of 8 x 16k tokens without a
// network.
func BenchmarkParse(b *testing.B) {
	text := must1(long(1).AppendJSON(nil))
	b.Run("group", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var d ScoredData
			if err := newParser(bytes.NewReader(text)).scored(&d); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := newParser(bytes.NewReader(text)).posting(int64(len(text))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	d := long(1)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(must1(d.AppendJSON(nil)))))
	}
}
