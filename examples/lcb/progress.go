package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far the run is: a bar on a terminal, else a line every tenth.
type progress struct {
	out   io.Writer
	name  string
	total int
	bar   *progressbar.ProgressBar
}

func newProgress(out io.Writer, name string, total int) *progress {
	p := &progress{out: out, name: name, total: total}
	if terminal(out) {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetDescription(name),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true),
		)
	}
	return p
}

// set reports that so many are done; it is called once for each.
func (p *progress) set(done int) {
	switch {
	case p.bar != nil:
		p.bar.Set(done)
	case done*10/p.total != (done-1)*10/p.total:
		fmt.Fprintf(p.out, "%s %d/%d\n", p.name, done, p.total)
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
