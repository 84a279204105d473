package openai

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// lengths remembers how many tokens prompts have, by their hash.
type lengths struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*length
}

// length is a prompt's number of tokens, or the question for it under way.
type length struct {
	done   chan struct{}
	tokens int
	err    error
	off    bool // the one who asked was called off
}

// maxLengths bounds the memory of lengths: beyond it they are forgotten, and asked
// for again.
const maxLengths = 1 << 16

// length is the number of a prompt's tokens: 0 if it is not known and nothing
// depends on it. A budget depends on it; then the server is asked, once a prompt, by
// way of a completion of one token, which no server refuses and which leaves the
// prompt in its prefix cache.
func (g *Generator) length(ctx context.Context, p *Prompt) (int, error) {
	if len(p.Tokens) > 0 || g.Budget.Window == 0 {
		return len(p.Tokens), nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	key := sha256.Sum256(text)
	for {
		g.lengths.mu.Lock()
		l := g.lengths.known[key]
		if l == nil {
			l = &length{done: make(chan struct{})}
			if g.lengths.known == nil || len(g.lengths.known) >= maxLengths {
				g.lengths.known = make(map[[sha256.Size]byte]*length)
			}
			g.lengths.known[key] = l
			g.lengths.mu.Unlock()
			l.tokens, l.err = g.askLength(ctx, p)
			l.off = ctx.Err() != nil
			if l.err != nil {
				g.lengths.mu.Lock()
				if g.lengths.known[key] == l {
					delete(g.lengths.known, key)
				}
				g.lengths.mu.Unlock()
			}
			close(l.done)
			return l.tokens, l.err
		}
		g.lengths.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		if l.err == nil || !l.off {
			return l.tokens, l.err
		}
	}
}

func (g *Generator) askLength(ctx context.Context, p *Prompt) (int, error) {
	a, err := g.ask(ctx, &question{prompt: p, n: 1, most: 1, tokens: 1, length: true})
	if err != nil {
		return 0, err
	}
	return a.usage.Prompt, nil
}
