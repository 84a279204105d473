// Package progress shows how far a command is.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A Bar is a bar on a terminal, else a line every few steps.
type Bar struct {
	Every int // steps between two lines; 0: a tenth of the total

	out   io.Writer
	name  string
	total int
	bar   *progressbar.ProgressBar
}

// New is a bar of total steps, of which so many are done.
func New(out io.Writer, name string, total, done int) *Bar {
	b := &Bar{out: out, name: name, total: total}
	if terminal(out) {
		b.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetDescription(name),
			progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true),
		)
		b.bar.Set(done)
	}
	return b
}

// Total changes the number of steps.
func (b *Bar) Total(total int) {
	b.total = total
	if b.bar != nil {
		b.bar.ChangeMax(total)
	}
}

// Set reports that so many are done, and what there is to say about the last; it is
// called once for each.
func (b *Bar) Set(done int, text string) {
	if text != "" {
		text = " " + text
	}
	if b.bar != nil {
		b.bar.Describe(b.name + text)
		b.bar.Set(done)
		return
	}
	if b.line(done) {
		fmt.Fprintf(b.out, "%s %d/%d%s\n", b.name, done, b.total, text)
	}
}

// line reports whether a line is due.
func (b *Bar) line(done int) bool {
	if b.Every > 0 {
		return done%b.Every == 0 || done == b.total
	}
	return done*10/b.total != (done-1)*10/b.total
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
