package builtin

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/grouprl/grouprl/rollout"
)

var signature = regexp.MustCompile(`(?m)^def (\w+)\(`)

// parse reads a problem's page:
//
//	# Title
//
//	*difficulty*
//
//	statement
//
//	## Starter            for a function: its signature
//	## Accepted           the reference
//	## WrongAnswer: note  any number of further programs
//
// with a python block below each "##" heading. The name in a heading is the verdict's.
func parse(page string) (*Problem, error) {
	head, sections, ok := strings.Cut(page, "\n## ")
	if !ok {
		return nil, errors.New("no section")
	}
	title, rest, ok := strings.Cut(head, "\n\n*")
	if !ok || !strings.HasPrefix(title, "# ") {
		return nil, errors.New("want a title and a difficulty")
	}
	difficulty, statement, ok := strings.Cut(rest, "*\n")
	if !ok {
		return nil, errors.New("want a difficulty between asterisks")
	}
	p := &Problem{}
	p.Difficulty = difficulty
	p.Statement = title + "\n\n" + strings.TrimSpace(statement)

	for section := range strings.SplitSeq(sections, "\n## ") {
		heading, body, _ := strings.Cut(section, "\n")
		source, err := block(body)
		if err != nil {
			return nil, fmt.Errorf("under %q: %w", heading, err)
		}
		if heading == "Starter" {
			m := signature.FindStringSubmatch(source)
			if m == nil {
				return nil, errors.New("no function in the starter code")
			}
			p.Starter, p.Entry = source, m[1]
			continue
		}
		name, note, _ := strings.Cut(heading, ": ")
		var status rollout.Status
		if err := status.UnmarshalText([]byte(name)); err != nil {
			return nil, fmt.Errorf("heading %q: %w", heading, err)
		}
		p.Programs = append(p.Programs, Program{Status: status, Note: note, Source: source})
	}
	if len(p.Programs) == 0 || p.Programs[0].Status != rollout.Accepted {
		return nil, errors.New("the first program must be under Accepted")
	}
	p.Reference = p.Programs[0].Source
	return p, nil
}

// block is the one python block of a section.
func block(body string) (string, error) {
	_, rest, ok := strings.Cut(body, "```python\n")
	if !ok {
		return "", errors.New("no python block")
	}
	source, rest, ok := strings.Cut(rest, "\n```")
	if !ok || strings.Contains(rest, "```") {
		return "", errors.New("want one closed block")
	}
	return source + "\n", nil
}
