package dataset

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/grouprl/grouprl/rollout"
)

// A Row is one JSON object of a file. Its members stay in the file until they are
// asked for.
type Row struct {
	Name    string // file and number, for errors and for problems that have no ID of their own
	members map[string]value
}

// A Schema makes a problem of a row. It reads what the problem needs at once and
// leaves the tests to the problem's Tests.
type Schema func(r *Row) (*rollout.Problem, error)

// ParseRow is the row of a JSON object.
func ParseRow(name, object string) (*Row, error) {
	members, err := held(object).members()
	if err != nil {
		return nil, err
	}
	return &Row{Name: name, members: members}, nil
}

// NewRow is a row whose columns have been decoded from some other format. Anything
// but a string must be what encoding/json can encode.
func NewRow(name string, columns map[string]any) (*Row, error) {
	r := &Row{Name: name, members: map[string]value{}}
	for column, x := range columns {
		if text, ok := x.(string); ok {
			v := held(text)
			v.bare = true
			r.members[column] = v
			continue
		}
		b, err := json.Marshal(x)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", column, err)
		}
		r.members[column] = held(string(b))
	}
	return r, nil
}

// Has reports whether the row has the member and it is not null.
func (r *Row) Has(member string) bool {
	v, ok := r.members[member]
	if !ok {
		return false
	}
	c, err := v.first()
	return err == nil && c != 'n'
}

// Text is a string member. It is "" where the row has none, or null.
func (r *Row) Text(member string) (string, error) {
	if !r.Has(member) {
		return "", nil
	}
	text, err := r.members[member].string()
	if err != nil {
		return "", fmt.Errorf("%s: %w", member, err)
	}
	return text, nil
}

// Decode decodes a member as encoding/json does. It leaves dst alone where the row
// has none, or null.
func (r *Row) Decode(member string, dst any) error {
	if !r.Has(member) {
		return nil
	}
	raw, err := r.members[member].raw()
	if err == nil {
		err = json.Unmarshal(raw, dst)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", member, err)
	}
	return nil
}

// nested is a member that holds a structure, as it is or written in a string.
func (r *Row) nested(member string) (value, error) {
	if !r.Has(member) {
		return value{}, fmt.Errorf("%s: missing", member)
	}
	v, err := r.members[member].parsed()
	if err != nil {
		return value{}, fmt.Errorf("%s: %w", member, err)
	}
	return v, nil
}

// id is the member of this name if it is a string or a number, else the row's
// name.
func (r *Row) id(member string) string {
	var id any
	if r.Decode(member, &id) == nil {
		switch id.(type) {
		case string, float64:
			if text := fmt.Sprint(id); text != "" {
				return text
			}
		}
	}
	return r.Name
}

// texts fills the strings with the members of these names.
func (r *Row) texts(dst map[string]*string) error {
	for member, text := range dst {
		var err error
		if *text, err = r.Text(member); err != nil {
			return err
		}
	}
	return nil
}

// date parses the ways in which sets write a day or a moment; "" is no date.
func date(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date", text)
}
