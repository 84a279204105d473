// Command journal shows what a journal of verified groups holds, and checks every
// record on the way. It changes nothing and may watch a run.
//
//	go run ./examples/journal run/journal
//	go run ./examples/journal -json run/journal    one JSON object a record
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/grouprl/grouprl/rollout/journal"
)

func main() {
	asJSON := flag.Bool("json", false, "one JSON object a record")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: journal [-json] folder")
		os.Exit(2)
	}
	if err := show(os.Stdout, flag.Arg(0), *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// line is a record as it is shown.
type line struct {
	Offset  int64     `json:"offset"`
	Bytes   int64     `json:"bytes"`
	Kind    string    `json:"kind"`
	Run     string    `json:"run,omitempty"`
	Step    *int64    `json:"step,omitempty"`
	Problem string    `json:"problem,omitempty"`
	Round   int       `json:"round,omitempty"`
	Rewards []float64 `json:"rewards,omitempty"`
	Tokens  []int     `json:"tokens,omitempty"`
	Keys    []string  `json:"keys,omitempty"`
	Dropped []string  `json:"dropped,omitempty"`
}

// show writes a line for each record and a sum of all; the error is the first damage.
func show(out io.Writer, dir string, asJSON bool) error {
	counts := map[string]int{}
	var damage []error
	encoder := json.NewEncoder(out)
	for e, err := range journal.Read(dir) {
		var torn *journal.TornError
		switch {
		case errors.As(err, &torn):
			fmt.Fprintf(out, "%v: what a crash leaves behind, or a write under way\n", torn)
			continue
		case err != nil:
			damage = append(damage, err)
			continue
		}
		counts[e.Kind]++
		l := line{Offset: e.Offset, Bytes: e.Size(), Kind: e.Kind, Run: e.Run, Keys: text(e.Keys), Dropped: text(e.Dropped)}
		switch e.Kind {
		case "take", "commit":
			l.Step = &e.Step
		case "group":
			l.Problem, l.Round = e.Group.Problem.ID, e.Group.Round
			l.Rewards, l.Tokens = e.Group.Rewards(nil), e.Group.Lengths(nil)
		}
		if asJSON {
			if err := encoder.Encode(l); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(out, "%10d %8d  %-6s ", l.Offset, l.Bytes, l.Kind)
		switch e.Kind {
		case "run":
			fmt.Fprintf(out, "%q\n", l.Run)
		case "group":
			fmt.Fprintf(out, "%.12s  %s round %d  rewards %v  tokens %v\n", l.Keys[0], l.Problem, l.Round, l.Rewards, l.Tokens)
		case "take":
			fmt.Fprintf(out, "step %d: %d groups, %d dropped\n", e.Step, len(e.Keys), len(e.Dropped))
		case "commit":
			fmt.Fprintf(out, "step %d\n", e.Step)
		case "keys":
			fmt.Fprintf(out, "%d completions that are gone\n", len(e.Keys))
		}
	}
	if !asJSON {
		fmt.Fprintf(out, "%d groups, %d steps taken, %d commits\n", counts["group"], counts["take"], counts["commit"])
	}
	return errors.Join(damage...)
}

func text(keys []journal.Key) (s []string) {
	for _, k := range keys {
		s = append(s, k.String())
	}
	return s
}
