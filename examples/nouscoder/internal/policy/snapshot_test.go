package policy

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSnapshotGoesOnToTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	groups := randomGroups(rng, 40, 3)
	p := mustNew(t, Config{Vocabulary: 40, End: 3, Shards: 3, Positions: 200, RopeBase: 500}, 9)
	p.Adam.Beta2 = 0.99
	g := randomGradient(rng, len(logProbs(t, p, groups)))
	step := func(p *Policy) {
		logProbs(t, p, groups)
		if err := p.Backward(g); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Step(1e-2); err != nil {
			t.Fatal(err)
		}
	}
	step(p)
	step(p)
	var b bytes.Buffer
	if err := p.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	data := slices.Clone(b.Bytes())
	b.WriteString("what follows")
	q, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != "what follows" {
		t.Errorf("read %d bytes too many", len("what follows")-b.Len())
	}
	if q.Config() != p.Config() || q.Steps() != 2 || q.Adam.withDefaults() != p.Adam.withDefaults() {
		t.Errorf("%+v after %d steps, %+v", q.Config(), q.Steps(), q.Adam)
	}
	r := p.Clone()
	step(p)
	step(q)
	step(r)
	sameBits(t, "restored", p.Parameters(), q.Parameters())
	sameBits(t, "cloned", p.Parameters(), r.Parameters())
	sameBits(t, "first moments", p.moment1, q.moment1)
	sameBits(t, "second moments", p.moment2, q.moment2)

	for range 40 {
		i := rng.IntN(len(data))
		bad := slices.Clone(data)
		bad[i] ^= 1 << rng.IntN(8)
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a changed bit in byte %d goes unseen", i)
		}
		if _, err := Restore(bytes.NewReader(data[:i])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	for i := range 128 { // the header and a little more
		bad := slices.Clone(data)
		bad[i] ^= 0x80
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a changed bit in byte %d goes unseen", i)
		}
	}

	logProbs(t, p, groups)
	if err := p.Backward(g); err != nil {
		t.Fatal(err)
	}
	if err := p.Snapshot(io.Discard); !errors.Is(err, ErrPendingGradient) {
		t.Errorf("snapshot with a pending gradient: %v", err)
	}
}
