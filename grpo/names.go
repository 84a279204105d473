package grpo

import "fmt"

// names are the texts of a closed set of int constants, in order.
type names []string

func (n names) has(i int) bool { return i >= 0 && i < len(n) }

func (n names) text(i int) string {
	if !n.has(i) {
		return fmt.Sprintf("unknown(%d)", i)
	}
	return n[i]
}

func (n names) marshal(kind string, i int) ([]byte, error) {
	if !n.has(i) {
		return nil, fmt.Errorf("grpo: %d is not a %s", i, kind)
	}
	return []byte(n[i]), nil
}

func (n names) unmarshal(kind string, b []byte, i *int) error {
	for k, s := range n {
		if s == string(b) {
			*i = k
			return nil
		}
	}
	return fmt.Errorf("grpo: %q is not a %s: want one of %q", b, kind, []string(n))
}
