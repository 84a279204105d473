package verify

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grouprl/grouprl/rollout"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

func TestBringUp(t *testing.T) {
	l, err := sandbox.Local(sandbox.Config{})
	require.NoError(t, err)
	defer l.Close()
	v := Verifier{Runner: l}
	p := &rollout.Problem{ID: "a", Tests: rollout.Tests(rollout.Test{"1\n", "2\n"}, rollout.Test{"41\n", "42"})}
	f := &rollout.Problem{ID: "b", Entry: "f", Tests: rollout.Tests(rollout.Test{"[1,2]\n3", "[[1,2,3],null,true,1.5,{\"a\":2}]"})}
	for _, c := range []struct {
		p    *rollout.Problem
		text string
	}{
		{p, "```python\nprint(int(input())+1)\n```\n"},
		{p, "```python\nprint(2)\n```\n"},
		{p, "```python\nprint(2\n```\n"},
		{p, "```python\nprint(1//0)\n```\n"},
		{f, "```python\ndef f(a, b): return [a+[b], None, 1, 3/2, dict(a=2)]\n```\n"},
		{f, "```python\nclass Solution:\n def f(self, a, b): return (a+[b], None, 1, 3/2, Counter(a=2))\n```\n"},
		{f, "```python\nclass Solution:\n def f(self, a, b): return [tuple(a+[b]), None, 1, 3/2, Counter(a=2)]\n```\n"},
	} {
		got, err := v.Verify(context.Background(), c.p, &rollout.Completion{Text: c.text})
		t.Log(got, err)
	}
}
