package dataset

import (
	"iter"
	"time"

	"github.com/grouprl/grouprl/rollout"
)

// Window is a range of days, both included. The zero value of either end leaves it
// open.
type Window struct{ From, To time.Time }

// The windows of the NousCoder recipe: LiveCodeBench v6 has 454 problems in its
// evaluation window, and what is trained on must be older.
var (
	LiveCodeBenchV6 = Window{From: day(2024, 8, 1), To: day(2025, 5, 1)}
	BeforeV6        = Window{To: day(2024, 7, 30)}
)

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
}

// Contains reports whether the day of t, in UTC, is in the window. The zero time,
// an unknown day, is in no window.
func (w Window) Contains(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	t = t.UTC()
	d := day(t.Year(), t.Month(), t.Day())
	return (w.From.IsZero() || !d.Before(w.From)) && (w.To.IsZero() || !d.After(w.To))
}

// Keep yields the problems that were released in the window. Problems without a
// date are left out; see Overlap for sources that have none. Errors pass.
func (w Window) Keep(in iter.Seq2[*rollout.Problem, error]) iter.Seq2[*rollout.Problem, error] {
	return func(yield func(*rollout.Problem, error) bool) {
		for p, err := range in {
			if err == nil && !w.Contains(p.Released) {
				continue
			}
			if !yield(p, err) {
				return
			}
		}
	}
}
