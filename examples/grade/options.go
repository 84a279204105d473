package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/sandbox"
	"github.com/grouprl/grouprl/rollout/verify"
)

// options is the command line.
type options struct {
	dataset  string
	schema   dataset.Schema // nil: the built-in set
	window   dataset.Window // zero: all
	complete string         // file of completions, or "reference"
	skip     bool

	extract verify.Extractor
	compare verify.Comparer
	all     bool
	limits  sandbox.Limits
	scale   float64
	python  string

	protocol *eval.Protocol // nil: not said
	k        int
	out      string
	verdicts string
	baseline string

	list           bool
	writeReference string
}

// What the names on the command line stand for.
var (
	schemas = map[string]dataset.Schema{
		"rlvr": dataset.RLVR, "livecodebench": dataset.LiveCodeBench, "taco": dataset.TACO,
		"synthetic1": dataset.Synthetic1, "codecontests": dataset.CodeContests,
		"deepcoder": dataset.DeepCoder, "verl": dataset.Verl,
	}
	rules = map[string]verify.Extractor{
		"nouscoder": verify.LastFence{}, "livecodebench": verify.LiveCodeBench{}, "whole": verify.WholeText{},
	}
	comparers = map[string]verify.Comparer{
		"nouscoder": verify.NousCoder, "livecodebench": verify.LCB, "tokens": verify.Tokens{}, "exact": verify.Exact{},
	}
	protocols = map[string]eval.Protocol{
		"greedy": {}, "nouscoder": eval.NousCoder(), "nouscoder-long": eval.NousCoderLong(),
	}
)

// errUsage is a command line that cannot be; its message has been printed.
var errUsage = errors.New("usage")

const usage = `Grade completions against a set of programming problems: each program is run
in a sandbox, and the report has pass@1, pass@k, intervals, per difficulty.

usage: go run ./examples/grade -completions FILE [flags]

A completion is one JSON object a line:

	{"problem": "abc", "sample": 0, "text": "...", "finish_reason": "stop", "tokens": 812}

problem and text are needed. sample numbers a problem's completions from 0; it
may be left out of all lines, which then count as they come. finish_reason
"length", or "truncated": true, says that the window cut the completion: it
counts as wrong, is not run, and makes the overlong share. tokens is a count.
-list prints the problems' names.

`

// parseOptions reads the command line. What is wrong with it goes to stderr,
// followed by the usage, and the error is then errUsage; flag.ErrHelp if it asks
// for help.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("grade", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.complete, "completions", "", `file of completions; "reference": the data set's own solutions`)
	f.StringVar(&o.dataset, "dataset", "builtin", "builtin, or a file; one that ends in .parquet is read as Parquet")
	schema := f.String("schema", "", "what the file's rows look like: "+names(schemas))
	from := f.String("from", "", "only problems released on this day or later, such as 2024-08-01")
	to := f.String("to", "", "only problems released on this day or earlier")
	v6 := f.Bool("v6", false, "LiveCodeBench v6: -from 2024-08-01 -to 2025-05-01")
	f.BoolVar(&o.skip, "skip", false, "pass over lines that are no completions, and count them; otherwise they end the run before it begins")
	rule := f.String("rule", "nouscoder", "how the program is taken out of the text: "+names(rules))
	compare := f.String("compare", "nouscoder", "how output is compared: "+names(comparers))
	f.BoolVar(&o.all, "all", false, "run every test though one has failed")
	f.DurationVar(&o.limits.Wall, "wall", 15*time.Second, "wall clock of one test")
	f.Float64Var(&o.scale, "scale", 0, "wall clock of one test in time limits of the problem, where the data set has them, and at most -wall; 0: -wall for all")
	memory := f.String("memory", "4GiB", "memory of a program, such as 512MiB or 4GiB")
	f.StringVar(&o.python, "python", "", "Python interpreter; empty: python3 on the PATH")
	protocol := f.String("protocol", "", "how the completions were drawn, for the report and for what is missing: "+names(protocols)+"; empty: not said")
	f.IntVar(&o.k, "k", 1, "report pass@k beside pass@1")
	f.StringVar(&o.out, "out", "", "write the per-problem file: one result a line")
	f.StringVar(&o.verdicts, "verdicts", "", "write every completion's verdict: status, failing test, time, memory, stderr")
	f.StringVar(&o.baseline, "baseline", "", "per-problem file of another run, to compare with problem by problem")
	f.BoolVar(&o.list, "list", false, "print the problems' names, difficulties and dates, and grade nothing")
	f.StringVar(&o.writeReference, "write-reference", "", "write the data set's own solutions as a file of completions, and grade nothing")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage // the flag package has said why
	}

	wrong := func(format string, a ...any) (options, error) {
		fmt.Fprintf(stderr, "grade: "+format+"\n\n", a...)
		f.Usage()
		return o, errUsage
	}
	var known [4]bool
	o.extract, known[0] = rules[*rule]
	o.compare, known[1] = comparers[*compare]
	o.schema, known[2] = schemas[*schema]
	if p, ok := protocols[*protocol]; ok {
		o.protocol, known[3] = &p, true
	}
	var err error
	switch {
	case f.NArg() > 0:
		return wrong("unexpected argument %q: every setting is a flag", f.Arg(0))
	case o.complete == "" && !o.list && o.writeReference == "":
		return wrong("-completions: want a file, or reference to grade the data set's own solutions")
	case o.dataset == "":
		return wrong("-dataset is empty: want builtin, or a file")
	case o.dataset == "builtin" && *schema != "":
		return wrong("-schema %q: the built-in set needs none; -dataset FILE names the file", *schema)
	case o.dataset != "builtin" && !known[2]:
		return wrong("-schema %q: say what the rows of %s look like: %s", *schema, o.dataset, names(schemas))
	case !known[0]:
		return wrong("-rule %q: want %s", *rule, names(rules))
	case !known[1]:
		return wrong("-compare %q: want %s", *compare, names(comparers))
	case *protocol != "" && !known[3]:
		return wrong("-protocol %q: want %s", *protocol, names(protocols))
	case o.k < 1:
		return wrong("-k %d: want 1 or more", o.k)
	case o.limits.Wall <= 0:
		return wrong("-wall %s: want a time such as 15s", o.limits.Wall)
	case *v6 && (*from != "" || *to != ""):
		return wrong("-v6 is -from 2024-08-01 -to 2025-05-01: want the one or the others")
	}
	for name, path := range map[string]string{"out": o.out, "verdicts": o.verdicts, "write-reference": o.writeReference} {
		if path != "" && (path == o.complete || path == o.dataset) {
			return wrong("-%s %s would overwrite what is to be read", name, path)
		}
	}
	if o.out != "" && o.out == o.verdicts {
		return wrong("-out and -verdicts are both %s", o.out)
	}
	if o.limits.Memory, err = size(*memory); err != nil {
		return wrong("-memory %q: want a size such as 512MiB or 4GiB", *memory)
	}
	if o.window.From, err = day(*from); err != nil {
		return wrong("-from %q: want a day such as 2024-08-01", *from)
	}
	if o.window.To, err = day(*to); err != nil {
		return wrong("-to %q: want a day such as 2025-05-01", *to)
	}
	if *v6 {
		o.window = dataset.LiveCodeBenchV6
	}
	if !o.window.To.IsZero() && o.window.To.Before(o.window.From) {
		return wrong("-from %s -to %s: no day is in between", *from, *to)
	}
	return o, nil
}

// names lists what a flag may be.
func names[V any](of map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}

// day reads a date; "" is the zero time, an open end.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, text)
}

// size reads a size such as 4GiB.
func size(text string) (int64, error) {
	for unit, name := range []string{"KiB", "MiB", "GiB"} {
		if number, ok := strings.CutSuffix(text, name); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 20)
			if err != nil || n == 0 {
				return 0, errors.New("no size")
			}
			return int64(n) << (10 * (unit + 1)), nil
		}
	}
	return 0, errors.New("no unit")
}
