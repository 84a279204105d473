package rollout

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type fake struct {
	gen, ver time.Duration
}

func (f fake) Generate(ctx context.Context, r *Request) (*Completion, error) {
	select {
	case <-time.After(f.gen):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &Completion{Text: fmt.Sprint(r.Problem.ID, r.Round, r.Sample), Tokens: []int32{1}, LogProbs: []float32{-1}}, nil
}

func (f fake) Verify(ctx context.Context, p *Problem, c *Completion) (Verdict, error) {
	select {
	case <-time.After(f.ver):
	case <-ctx.Done():
		return Verdict{}, ctx.Err()
	}
	return Verdict{Status: Accepted, Reward: 1}, nil
}

func problems(n int) iter.Seq2[*Problem, error] {
	return func(yield func(*Problem, error) bool) {
		for i := range n {
			if !yield(&Problem{ID: fmt.Sprint("p", i)}, nil) {
				return
			}
		}
	}
}

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{time.Second, 3 * time.Second}
		var last Event
		n := 0
		for g, err := range Groups(t.Context(), problems(1000), f, f, Options{Verifiers: 64, InFlight: 100, Observe: func(e Event) { last = e }}) {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("p", n), g.Problem.ID)
			require.Len(t, g.Completions, 8)
			n++
		}
		require.Equal(t, 1000, n)
		t.Logf("%+v %v", last.State, last.GeneratorUse.IdleShare())
		n = 0
		for range Groups(t.Context(), problems(1000), f, f, Options{Verifiers: 64, InFlight: 100}) {
			if n++; n == 10 {
				break
			}
		}
		for i, err := range Map(t.Context(), problems(100), func(ctx context.Context, p *Problem) (int, error) { return len(p.ID), nil }, MapOptions{}) {
			require.NoError(t, err)
			require.LessOrEqual(t, i, 3)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		n = 0
		var e error
		for _, err := range Groups(ctx, problems(1000), f, f, Options{}) {
			if n++; n == 10 {
				cancel(errors.New("why"))
			}
			e = err
		}
		require.EqualError(t, e, "why")
	})
}
