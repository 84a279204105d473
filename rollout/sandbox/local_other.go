//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"context"
	"errors"
	"runtime"
)

// LocalRunner runs programs on this machine; only Linux on amd64 and arm64 can.
type LocalRunner struct{}

// Local refuses: this system has none of what isolates a program.
func Local(Config) (*LocalRunner, error) {
	return nil, &UnsupportedError{Tiers: []TierError{{
		Tier:   AnyTier,
		Reason: "local isolation needs Linux on amd64 or arm64; here, use a runner on another machine",
		Err:    errors.New(runtime.GOOS + "/" + runtime.GOARCH),
	}}}
}

// Start returns ErrClosed.
func (*LocalRunner) Start(context.Context) (Session, error) { return nil, ErrClosed }

// Close does nothing.
func (*LocalRunner) Close() error { return nil }

// Tier returns AnyTier.
func (*LocalRunner) Tier() Tier { return AnyTier }

// Python returns "".
func (*LocalRunner) Python() string { return "" }

// Parallel returns 0.
func (*LocalRunner) Parallel() int { return 0 }

func (*LocalRunner) report() *Report { return &Report{} }
