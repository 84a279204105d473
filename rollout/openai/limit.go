package openai

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// limiter bounds the tokens of requests under way. Whoever waits is served in the
// order of coming, so a large request is not passed over for ever by small ones.
type limiter struct {
	most  int64 // 0: no limit
	queue *semaphore.Weighted
}

func newLimiter(most int64) *limiter { return &limiter{most, semaphore.NewWeighted(most)} }

// acquire waits for room; release gives it back. A request larger than the limit
// takes all of it.
func (l *limiter) acquire(ctx context.Context, tokens int64) (release func(), err error) {
	if l.most == 0 {
		return func() {}, nil
	}
	tokens = min(tokens, l.most)
	if err := l.queue.Acquire(ctx, tokens); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { l.queue.Release(tokens) }, nil
}
