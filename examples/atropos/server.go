package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/grouprl/grouprl/rollout/atropos"
)

type serverOptions struct {
	Address string
	atropos.Options
}

func (o *serverOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.Address, "listen", "127.0.0.1:8000", "`address` to listen at")
	f.StringVar(&o.Dir, "journal", "", "`folder` that a restart goes on from; none: in memory")
	f.IntVar(&o.Queue, "queue", 0, "`groups` that wait at most; 0: 8192")
}

func serve(ctx context.Context, o serverOptions, out io.Writer) error {
	server, err := atropos.NewServer(o.Options)
	if err != nil {
		return err
	}
	defer server.Close()
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "listening at http://%s\n", l.Addr())
	h := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	done := context.AfterFunc(ctx, func() { h.Close() })
	defer done()
	if err := h.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
