package progress

import (
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		every, total int
		text, want   string
	}{
		{0, 20, "", "b 2/20,b 4/20,b 6/20,b 8/20,b 10/20,b 12/20,b 14/20,b 16/20,b 18/20,b 20/20,"},
		{0, 3, "", "b 1/3,b 2/3,b 3/3,"},
		{4, 10, "x", "b 4/10 x,b 8/10 x,b 10/10 x,"},
	} {
		var out strings.Builder
		b := New(&out, "b", 100, 0)
		b.Every = c.every
		b.Total(c.total)
		for i := range c.total {
			b.Set(i+1, c.text)
		}
		b.End()
		if got := strings.ReplaceAll(out.String(), "\n", ","); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
