package atropos

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// A form is the JSON object of a small request, read field by field. What is wrong is
// collected, and answered at once with status 422.
type form struct {
	fields map[string]json.RawMessage
	errors []any
	err    error
}

func readForm(r io.Reader) *form {
	f := new(form)
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		f.err = err
		return f
	}
	if err := json.Unmarshal(b, &f.fields); err != nil || f.fields == nil {
		f.fault("", "model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
		f.fields = nil
	}
	return f
}

func (f *form) fault(field, kind, why string) {
	loc := []any{"body"}
	if field != "" {
		loc = append(loc, field)
	}
	f.errors = append(f.errors, map[string]any{"type": kind, "loc": loc, "msg": why})
}

// refused answers if anything was wrong.
func (f *form) refused(w http.ResponseWriter) bool {
	switch {
	case f.err != nil:
		failed(w, f.err)
	case f.errors != nil:
		refuse(w, http.StatusUnprocessableEntity, f.errors)
	default:
		return false
	}
	return true
}

// value returns a required field.
func (f *form) value(field string) (json.RawMessage, bool) {
	v, ok := f.fields[field]
	if !ok && f.fields != nil {
		f.fault(field, "missing", "Field required")
	}
	return v, ok
}

func (f *form) text(field string) (s string) {
	if v, ok := f.value(field); ok && (json.Unmarshal(v, &s) != nil || bytes.Equal(v, []byte("null"))) {
		f.fault(field, "string_type", "Input should be a valid string")
	}
	return s
}

func (f *form) int(field string) int {
	v, ok := f.value(field)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil { // 5.0, "5" or true
		p := newParser(bytes.NewReader(v))
		n = int64(p.int())
		err = p.finish()
	}
	if err != nil || int64(int(n)) != n {
		f.fault(field, "int_parsing", "Input should be a valid integer")
	}
	return int(n)
}

func (f *form) float(field string) float64 {
	v, ok := f.value(field)
	if !ok {
		return 0
	}
	n, err := parseFloat(v)
	if err != nil {
		f.fault(field, "float_parsing", "Input should be a valid number")
	}
	return n
}

func (f *form) optional(field string) *float64 {
	v, ok := f.fields[field]
	if !ok || bytes.Equal(v, []byte("null")) {
		return nil
	}
	n, err := parseFloat(v)
	if err != nil {
		f.fault(field, "float_parsing", "Input should be a valid number")
	}
	return &n
}

func parseFloat(v json.RawMessage) (float64, error) {
	p := newParser(bytes.NewReader(v))
	n := p.float(64)
	err := p.finish()
	var text *JSONError
	if errors.As(err, &text) {
		return 0, err
	}
	return n, nil
}
