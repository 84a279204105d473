// Command lcb evaluates a policy that an inference server serves as the write-up of
// NousCoder-14B does: LiveCodeBench v6, the 454 problems of 2024-08-01 to 2025-05-01,
// Pass@1 over 16 samples at temperature 0.6 and top-p 0.95, in a window of 40,960
// tokens, or of 81,920 stretched by YaRN.
//
//	vllm serve NousResearch/NousCoder-14B --max-model-len 40960
//	go run ./examples/lcb -data test5.jsonl -data test6.jsonl -endpoint http://127.0.0.1:8000/v1
//	go run ./examples/lcb -serve -protocol nouscoder-long      how to start a server for 81,920
//	go run ./examples/lcb -data ... -report                    the report of what there is, no server asked
//	go run ./examples/lcb -help                                all flags
//
// It needs LiveCodeBench's files, a server (vLLM, SGLang, or any with OpenAI's chat
// API), and python3 for the sandbox that the programs run in. Every completion and
// verdict is on the disk before it counts: after Ctrl-C, a crash or a power cut the
// same command goes on where it was.
//
//	problems     LiveCodeBench's files, its days          problems.go
//	prompt       its words, since others are another test prompt.go
//	server       is it there, is its window long enough   server.go
//	run          eval.Evaluation over openai.Generator    run.go
//	report       Pass@1 with intervals, verdicts, cost    report.go
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errInterrupted ends a run whose partial report has been printed.
var errInterrupted = errors.New("interrupted")

// command is main with its surroundings as arguments; it returns the exit status: 0,
// 1 for an error, 2 for a wrong command line, 130 after Ctrl-C.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	switch err := run(ctx, o, stdout, stderr); {
	case errors.Is(err, errInterrupted):
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "lcb:", err)
		return 1
	}
	return 0
}
