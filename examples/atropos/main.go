// Command atropos is the three parts of a run over the Atropos wire format, each of
// which works with anybody else's other two:
//
//	go run ./examples/atropos server -journal run      a trajectory server that survives a restart
//	go run ./examples/atropos trainer                  consumes batches of whatever environments there are
//	go run ./examples/atropos environment              serves the built-in problems, judged in the sandbox
//
// All of them speak to -url, http://127.0.0.1:8000 by default, where the reference
// server listens too (uvicorn atroposlib.api.server:app).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/grouprl/grouprl/rollout/atropos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !(interrupted && errors.Is(err, context.Canceled)) && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: atropos server | trainer | environment, with -h for the flags of each")
	}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	client := &atropos.Client{}
	if args[0] != "server" {
		f.StringVar(&client.URL, "url", "http://127.0.0.1:8000", "trajectory `server`")
		f.DurationVar(&client.Poll, "poll", 0, "time between questions; 0: 1 s")
	}
	token := f.String("token", "", "token that the server asks for")
	switch args[0] {
	case "server":
		var o serverOptions
		o.flags(f)
		if err := f.Parse(args[1:]); err != nil {
			return err
		}
		o.Token = *token
		return serve(ctx, o, out)
	case "trainer":
		var o trainerOptions
		o.flags(f)
		if err := f.Parse(args[1:]); err != nil {
			return err
		}
		client.Token = *token
		return train(ctx, client, o, out)
	case "environment":
		var o environmentOptions
		o.flags(f)
		if err := f.Parse(args[1:]); err != nil {
			return err
		}
		client.Token = *token
		verifier, runner, err := startVerifier()
		if err != nil {
			return err
		}
		defer runner.Close()
		return serveProblems(ctx, client, o, standIn{}, verifier, out)
	}
	return fmt.Errorf("%q is none of server, trainer, environment", args[0])
}
