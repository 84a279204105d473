package main

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/grouprl/grouprl/examples/nouscoder/internal/policy"
	"github.com/grouprl/grouprl/rollout"
)

// state is all that a run needs to go on: what a checkpoint holds.
type state struct {
	Recipe recipe
	Plan   plan
	Spent  float64 // seconds, of all sessions

	// Warm start.
	WarmStep int
	WarmLoss float64 // moving average of the negative log-likelihood of a token
	Warm     []byte  // policy, while the warm start is under way
	Start    []byte  // policy, once it is over: where every objective begins
	Before   []evaluation

	// Objectives, those that are over and the one under way.
	Trainings []*training
	Policies  [][]byte // of each

	Verdicts map[verdictKey]rollout.Verdict
}

// checkpointVersion changes with the meaning of state.
const checkpointVersion = 1

// saved is the file: a gob.
type saved struct {
	Version int
	State   state
}

// checkpointPath is the file in the output folder.
func checkpointPath(out string) string { return filepath.Join(out, "checkpoint.gob") }

// save writes the state beside the old checkpoint and renames it over it, so that
// there is always a whole one.
func (s *state) save(out string) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(saved{checkpointVersion, *s}); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return writeFile(checkpointPath(out), b.Bytes())
}

// load reads the checkpoint of a run with the given recipe.
func load(out string, want *recipe) (state, error) {
	path := checkpointPath(out)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, fmt.Errorf("-resume: there is no checkpoint in %s: leave -resume out to start, or name the run's folder with -out", out)
	}
	if err != nil {
		return state{}, err
	}
	var c saved
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&c); err != nil {
		return state{}, fmt.Errorf("-resume: %s is not a checkpoint of this program: %w", path, err)
	}
	if c.Version != checkpointVersion {
		return state{}, fmt.Errorf("-resume: %s has version %d, this program reads %d", path, c.Version, checkpointVersion)
	}
	if !reflect.DeepEqual(c.State.Recipe, *want) {
		return state{}, fmt.Errorf("-resume: the run in %s is another one than the flags ask for: %s", out, difference(c.State.Recipe, *want))
	}
	return c.State, nil
}

// difference names the first field in which two recipes differ.
func difference(a, b recipe) string {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if f, g := x.Field(i).Interface(), y.Field(i).Interface(); !reflect.DeepEqual(f, g) {
			return fmt.Sprintf("%s is %v there, %v here", x.Type().Field(i).Name, f, g)
		}
	}
	return "they are equal"
}

// writeFile writes a file so that a reader sees the old one or the new one.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// snapshot is a policy as bytes. Nothing calls it between Backward and Step, and a
// buffer takes all that is written.
func snapshot(p *policy.Policy) []byte {
	var b bytes.Buffer
	if err := p.Snapshot(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func restore(snapshot []byte) (*policy.Policy, error) {
	return policy.Restore(bytes.NewReader(snapshot))
}
