// Package progress shows how far a command is.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A Bar is a bar on a terminal, else a line every tenth.
type Bar struct {
	out   io.Writer
	name  string
	total int
	bar   *progressbar.ProgressBar
}

// New is a bar of total steps, of which none is done.
func New(out io.Writer, name string, total int) *Bar {
	b := &Bar{out: out, name: name, total: total}
	if terminal(out) {
		b.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetDescription(name),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true),
		)
	}
	return b
}

// Set reports that so many are done; it is called once for each.
func (b *Bar) Set(done int) {
	switch {
	case b.bar != nil:
		b.bar.Set(done)
	case done*10/b.total != (done-1)*10/b.total:
		fmt.Fprintf(b.out, "%s %d/%d\n", b.name, done, b.total)
	}
}

// End leaves the bar as it is and starts a new line.
func (b *Bar) End() {
	if b.bar != nil {
		b.bar.Exit()
		fmt.Fprintln(b.out)
	}
}

// terminal reports whether out is one.
func terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
