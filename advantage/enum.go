package advantage

import (
	"fmt"
	"strings"
)

// name is the text form of a closed choice.
func name[E ~int](e E, names []string) string {
	if e < 0 || int(e) >= len(names) {
		return fmt.Sprintf("invalid(%d)", int(e))
	}
	return names[e]
}

// marshal is MarshalText of a closed choice.
func marshal[E ~int](e E, names []string) ([]byte, error) {
	if e < 0 || int(e) >= len(names) {
		return nil, fmt.Errorf("advantage: %T %d is none of %s", e, int(e), strings.Join(names, ", "))
	}
	return []byte(names[e]), nil
}

// unmarshal is UnmarshalText of a closed choice.
func unmarshal[E ~int](e *E, text []byte, names []string) error {
	for i, n := range names {
		if n == string(text) {
			*e = E(i)
			return nil
		}
	}
	return fmt.Errorf("advantage: %T %q is none of %s", *e, text, strings.Join(names, ", "))
}
