package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grouprl/grouprl/rollout/dataset"
	"github.com/grouprl/grouprl/rollout/eval"
	"github.com/grouprl/grouprl/rollout/sandbox"
)

// options is the command line.
type options struct {
	data      []string
	schema    dataset.Schema
	dated     bool // the schema has dates, so the window counts
	endpoints []string
	model     string
	keyEnv    string

	name     string // of the protocol
	protocol eval.Protocol
	problems int
	out      string

	atOnce   int
	inFlight int64
	stream   bool
	limits   sandbox.Limits
	python   string

	results string
	texts   string
	report  bool
	serve   bool
}

// What the names on the command line stand for.
var (
	schemas   = map[string]dataset.Schema{"livecodebench": dataset.LiveCodeBench, "rlvr": dataset.RLVR}
	protocols = map[string]eval.Protocol{"nouscoder": eval.NousCoder(), "nouscoder-long": eval.NousCoderLong()}
)

// errUsage is a command line that cannot be; its message has been printed.
var errUsage = errors.New("usage")

const usage = `Evaluate a served policy on LiveCodeBench v6: Pass@1 over 16 samples of each of the
454 problems from 2024-08-01 to 2025-05-01.

usage: go run ./examples/lcb -data FILE -endpoint URL [flags]

It needs:

	-data      the files test.jsonl to test6.jsonl of livecodebench/code_generation_lite
	           that cover these days (test4 to test6), each with a -data of its own;
	           or the 454 rows of NousResearch/lcb_test, with -schema rlvr
	-endpoint  a server of the policy with OpenAI's chat API, such as
	           http://127.0.0.1:8000/v1; -serve prints how to start one
	python3    which the completions' programs run in, sandboxed

A run that was interrupted goes on with the same command.

`

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ", ") }

func (l *list) Set(value string) error {
	if value == "" {
		return errors.New("empty")
	}
	*l = append(*l, value)
	return nil
}

// parseOptions reads the command line. What is wrong with it goes to stderr, and the
// error is then errUsage; flag.ErrHelp if it asks for help.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("lcb", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.Var((*list)(&o.data), "data", "file of problems; may be given several times")
	schema := f.String("schema", "livecodebench", "what its rows look like: "+names(schemas))
	f.Var((*list)(&o.endpoints), "endpoint", "base URL of a server; may be given several times, for servers of the same policy")
	f.StringVar(&o.model, "model", "", "its name on the server; empty: the only one that it serves")
	f.StringVar(&o.keyEnv, "key-env", "", "environment variable that holds the server's API key")
	f.StringVar(&o.name, "protocol", "nouscoder", "nouscoder: a window of 40,960 tokens; nouscoder-long: of 81,920, with YaRN")
	samples := f.Int("samples", 0, "samples a problem; 0: the protocol's 16")
	seed := f.Int64("seed", 0, "of the samples, for servers that take one")
	f.IntVar(&o.problems, "problems", 0, "only the first so many problems, to try it; 0: all")
	f.StringVar(&o.out, "out", "", "folder of the run; empty: lcb-PROTOCOL")
	f.IntVar(&o.atOnce, "at-once", 64, "requests at a time")
	f.Int64Var(&o.inFlight, "in-flight", 0, "tokens of requests at a time, such as the server's KV cache holds; 0: no limit")
	f.BoolVar(&o.stream, "stream", false, "have answers in chunks, which finds a hanging server out sooner")
	f.DurationVar(&o.limits.Wall, "wall", 15*time.Second, "wall clock of one test")
	f.StringVar(&o.python, "python", "", "Python interpreter; empty: python3 on the PATH")
	f.StringVar(&o.results, "results", "", "write the per-problem file, which examples/grade -baseline takes")
	f.StringVar(&o.texts, "completions", "", "write the completions as JSON lines, which examples/grade -completions takes")
	f.BoolVar(&o.report, "report", false, "print the report of what there is, and draw nothing")
	f.BoolVar(&o.serve, "serve", false, "print how to start a server for the protocol, and do nothing")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage // the flag package has said why
	}
	wrong := func(format string, a ...any) (options, error) {
		fmt.Fprintf(stderr, "lcb: "+format+"\n-help explains every flag\n", a...)
		return o, errUsage
	}
	var known [2]bool
	o.schema, known[0] = schemas[*schema]
	o.dated = *schema == "livecodebench"
	o.protocol, known[1] = protocols[o.name]
	if *samples > 0 {
		o.protocol.Samples = *samples
	}
	o.protocol.Seed = *seed
	if o.out == "" {
		o.out = "lcb-" + o.name
	}
	switch {
	case f.NArg() > 0:
		return wrong("unexpected argument %q: every setting is a flag; a second file needs a second -data", f.Arg(0))
	case !known[0]:
		return wrong("-schema %q: want %s", *schema, names(schemas))
	case !known[1]:
		return wrong("-protocol %q: want %s", o.name, names(protocols))
	case *samples < 0:
		return wrong("-samples %d: want 1 or more, or 0 for the protocol's", *samples)
	case o.problems < 0:
		return wrong("-problems %d: want 1 or more, or 0 for all", o.problems)
	case o.atOnce < 1:
		return wrong("-at-once %d: want 1 or more", o.atOnce)
	case o.inFlight < 0:
		return wrong("-in-flight %d: want 1 or more, or 0 for no limit", o.inFlight)
	case o.limits.Wall <= 0:
		return wrong("-wall %s: want a time such as 15s", o.limits.Wall)
	case o.serve:
		return o, nil
	case len(o.data) == 0:
		return wrong("-data: want LiveCodeBench's files, the test*.jsonl of livecodebench/code_generation_lite that cover 2024-08-01 to 2025-05-01")
	case len(o.endpoints) == 0 && !o.report:
		return wrong("-endpoint: want the URL of a server, such as http://127.0.0.1:8000/v1; -serve prints how to start one")
	}
	for _, e := range o.endpoints {
		if u, err := url.Parse(e); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return wrong("-endpoint %q: want a URL such as http://127.0.0.1:8000/v1", e)
		}
	}
	for name, path := range map[string]string{"results": o.results, "completions": o.texts} {
		if path != "" && slices.ContainsFunc(o.data, func(d string) bool { return filepath.Clean(d) == filepath.Clean(path) }) {
			return wrong("-%s %s would overwrite the problems", name, path)
		}
	}
	if o.results != "" && o.results == o.texts {
		return wrong("-results and -completions are both %s", o.results)
	}
	return o, nil
}

// names lists what a flag may be.
func names[V any](of map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}
