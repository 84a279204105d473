package ptx

import (
	"fmt"
	"strings"
)

// Mutation is a module with one thing wrong.
type Mutation struct {
	Name   string // what was done, as "drop bar.sync at line 120"
	Kind   string // "barrier", "guard", "branch", "shuffle" or "fence"
	Kernel string // the entry or function it is in
	Line   int
	Source []byte
}

// Mutations makes, from a correct module, one faulty module for each
//
//   - bar.sync and bar.warp.sync that is left out ("barrier"),
//   - predicate of a load, store or atomic that is left out ("guard"), and
//     conditional branch that is never taken ("branch"),
//   - shuffle that reads one lane further ("shuffle"): its offset is doubled,
//   - fence that is left out ("fence").
//
// The text keeps its lines, so that line numbers in faults stay true. A test runs a
// kernel on each and requires a fault or a wrong result.
func Mutations(src []byte) (list []Mutation, err error) {
	m, err := parse(string(src))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(src), "\n")
	for _, f := range m.order {
		for _, in := range f.code {
			i := in.line - 1
			text := strings.TrimSpace(lines[i])
			if !strings.HasSuffix(strings.TrimSpace(strings.SplitN(text, "//", 2)[0]), ";") {
				continue // an instruction over several lines
			}
			add := func(kind, what, replacement string) {
				mutated := append([]string(nil), lines...)
				mutated[i] = "\t" + replacement
				list = append(list, Mutation{fmt.Sprintf("%s at line %d: %s", what, in.line, in.text), kind, f.name, in.line, []byte(strings.Join(mutated, "\n"))})
			}
			_, guarded, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
			switch in.name {
			case "bar", "barrier":
				if !in.has("red") {
					add("barrier", "drop", "")
				}
			case "membar", "fence":
				add("fence", "drop", "")
			case "ld", "st":
				if in.pred != "" {
					add("guard", "drop the predicate", guarded)
				}
			case "bra":
				if in.pred != "" {
					add("branch", "never take", "")
				}
			case "atom", "red":
				if in.pred != "" {
					add("guard", "drop the predicate", guarded)
				}
			case "shfl":
				if o := in.operands; len(o) == 5 && o[2].kind == immOperand && o[2].bits > 0 && in.pred == "" {
					add("shuffle", "double the offset", strings.Replace(text, fmt.Sprintf(", %d, ", o[2].bits), fmt.Sprintf(", %d, ", o[2].bits*2%32), 1))
				}
			}
		}
	}
	return list, nil
}
