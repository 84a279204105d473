package dataset

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxTimeLimit is longer than any judge waits: what says more is a mistake.
const maxTimeLimit = time.Hour

// timeLimit is a member with a problem's own time limit in any of the ways of the
// public sets: a number of seconds; {"seconds": 2, "nanos": 500000000}, where a number
// may be a string; or a text such as "2.5", "2.0 seconds", "500 ms", "1 - 2 seconds" (the
// longest counts), "seconds: 2\nnanos: 500000000" (as protobuf prints it). It is 0 where
// the row has none, null, or a text without a number, which is how these sets say that
// they do not know.
func (r *Row) timeLimit(member string) (time.Duration, error) {
	var x any
	if err := r.Decode(member, &x); err != nil {
		return 0, err
	}
	seconds := 0.0
	switch x := x.(type) {
	case nil:
	case float64:
		seconds = x
	case string:
		seconds = secondsIn(x)
	case map[string]any:
		for name, unit := range map[string]float64{"seconds": 1, "nanos": 1e-9} {
			n, ok := x[name].(float64)
			if text, is := x[name].(string); is {
				var err error
				n, err = strconv.ParseFloat(text, 64)
				ok = err == nil
			}
			if !ok && x[name] != nil {
				return 0, fmt.Errorf("%s: %s: want a number", member, name)
			}
			seconds += n * unit
		}
	default:
		return 0, fmt.Errorf("%s: want a number, a text or {seconds, nanos}", member)
	}
	if !(seconds >= 0 && seconds <= maxTimeLimit.Seconds()) {
		return 0, fmt.Errorf("%s: %v seconds is no time limit", member, seconds)
	}
	return time.Duration(math.Round(seconds * 1e9)), nil
}

// timeLimitIn is the time limit inside a member that holds whatever the source noted.
func (r *Row) timeLimitIn(member string) (time.Duration, error) {
	if !r.Has(member) {
		return 0, nil
	}
	v, err := r.nested(member)
	if err != nil {
		return 0, nil // not a structure, so it names no limit
	}
	members, err := v.members()
	if err != nil {
		return 0, nil
	}
	limit, err := (&Row{members: members}).timeLimit("time_limit")
	if err != nil {
		err = fmt.Errorf("%s: %w", member, err)
	}
	return limit, err
}

var (
	amount = regexp.MustCompile(`(\d+(?:\.\d+)?|\.\d+)\s*([a-zµ]*)`)
	field  = regexp.MustCompile(`\b(seconds|nanos): *(\d+)`)
)

// secondsIn is the longest time that a text names. One unit may stand after several
// numbers; a number with none is in seconds.
func secondsIn(text string) (longest float64) {
	if fields := field.FindAllStringSubmatch(text, -1); fields != nil {
		sum := 0.0
		for _, f := range fields {
			n, err := strconv.ParseFloat(f[2], 64)
			if err != nil {
				n = math.Inf(1)
			}
			if f[1] == "nanos" {
				n /= 1e9
			}
			sum += n
		}
		return sum
	}
	unit := 1.0
	found := amount.FindAllStringSubmatch(strings.ToLower(text), -1)
	for i := len(found) - 1; i >= 0; i-- {
		switch word := found[i][2]; {
		case strings.HasPrefix(word, "ms"), strings.HasPrefix(word, "milli"):
			unit = 1e-3
		case strings.HasPrefix(word, "min"):
			unit = 60
		case strings.HasPrefix(word, "s"):
			unit = 1
		}
		n, err := strconv.ParseFloat(found[i][1], 64)
		if err != nil {
			n = math.Inf(1) // no time limit, and no panic
		}
		longest = max(longest, n*unit)
	}
	return longest
}
