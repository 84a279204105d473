package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far a part of the run is: a bar on a terminal, else a line
// every few steps.
type progress struct {
	out   io.Writer
	name  string
	total int
	every int // steps between two lines
	bar   *progressbar.ProgressBar
}

// newProgress starts a bar for total steps of which done have been made.
func newProgress(out io.Writer, name string, total, done, every int) *progress {
	p := &progress{out: out, name: name, total: total, every: every}
	if terminal(out) {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetDescription(name),
			progressbar.OptionSetWidth(10),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true),
		)
		p.bar.Set(done)
	}
	return p
}

// set reports step done, with what there is to say about it.
func (p *progress) set(done int, text string) {
	if p.bar != nil {
		p.bar.Describe(p.name + " " + text)
		p.bar.Set(done)
		return
	}
	if done%p.every == 0 || done == p.total {
		fmt.Fprintf(p.out, "%s %3d/%d %s\n", p.name, done, p.total, text)
	}
}

// end leaves the bar as it is and starts a new line.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Exit()
		fmt.Fprintln(p.out)
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
