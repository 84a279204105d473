// Command probe says how this machine isolates the programs that it is given: the
// tier, the interpreter, and whether what no program may do is refused.
//
//	go run ./examples/probe
//	go run ./examples/probe -tier landlock
//
// It exits with 1 if programs cannot be isolated here, and says what is missing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/grouprl/grouprl/rollout/sandbox"
)

func main() {
	name := flag.String("tier", "any", "any, namespaces or landlock")
	python := flag.String("python", "", "interpreter; python3 on PATH, else /usr/bin/python3")
	flag.Parse()
	cfg := sandbox.Config{Python: *python}
	for _, tier := range []sandbox.Tier{sandbox.Namespaces, sandbox.Landlock} {
		if tier.String() == *name {
			cfg.Tier = tier
		}
	}
	if cfg.Tier.String() != *name {
		fmt.Fprintf(os.Stderr, "probe: no tier %q\n", *name)
		os.Exit(2)
	}
	report, err := sandbox.Probe(context.Background(), cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(report)
	if !report.Held() {
		os.Exit(1)
	}
}
