package grpo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// registry maps the names of parts to their types and back. Like gob's and
// image's, it is filled by init functions, one beside each part.
var registry struct {
	sync.RWMutex
	types map[string]reflect.Type
	names map[reflect.Type]string
}

// Register names a part of your own (a Surrogate, Weight or Aggregation, given as
// any value of its struct type), so that objectives with it can be stored as JSON.
// It panics on a name or type that is taken, as a program would then read another
// objective than it wrote.
func Register(name string, part any) {
	t := reflect.TypeOf(part)
	if t == nil || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("grpo: Register(%q): want a value of a struct type, have %T", name, part))
	}
	registry.Lock()
	defer registry.Unlock()
	if registry.types == nil {
		registry.types, registry.names = map[string]reflect.Type{}, map[reflect.Type]string{}
	}
	if old, ok := registry.types[name]; ok && old != t {
		panic(fmt.Sprintf("grpo: Register(%q): the name is taken by %v", name, old))
	}
	if old, ok := registry.names[t]; ok && old != name {
		panic(fmt.Sprintf("grpo: Register(%q): %v is registered as %q", name, t, old))
	}
	registry.types[name], registry.names[t] = t, name
}

// PartError says that a part can't be written to or read from JSON: its type or
// name is not registered, or its fields do not fit.
type PartError struct {
	Part   string // type or name
	Reason string
}

func (e *PartError) Error() string { return fmt.Sprintf("grpo: part %q: %s", e.Part, e.Reason) }

// objectiveJSON is an Objective with its parts encoded.
type objectiveJSON struct {
	Ratio       json.RawMessage   `json:"ratio,omitempty"`
	Surrogate   json.RawMessage   `json:"surrogate"`
	Weights     []json.RawMessage `json:"weights,omitempty"`
	KL          json.RawMessage   `json:"kl,omitempty"`
	Entropy     json.RawMessage   `json:"entropy,omitempty"`
	Aggregation json.RawMessage   `json:"aggregation"`
	NonFinite   NonFinite         `json:"non_finite"`
}

// MarshalJSON writes the objective, each part as {"type": name, fields...}. Fields
// that are zero are left out.
func (o Objective) MarshalJSON() ([]byte, error) {
	var j objectiveJSON
	var err error
	if j.Surrogate, err = encodePart(o.Surrogate); err != nil {
		return nil, err
	}
	if j.Aggregation, err = encodePart(o.Aggregation); err != nil {
		return nil, err
	}
	for _, w := range o.Weights {
		b, err := encodePart(w)
		if err != nil {
			return nil, err
		}
		j.Weights = append(j.Weights, b)
	}
	for _, f := range []struct {
		dst *json.RawMessage
		x   any
	}{{&j.Ratio, o.Ratio}, {&j.KL, o.KL}, {&j.Entropy, o.Entropy}} {
		if v := reflect.ValueOf(f.x); !v.IsZero() {
			if *f.dst, err = encodeStruct(v, ""); err != nil {
				return nil, err
			}
		}
	}
	j.NonFinite = o.NonFinite
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote. An unknown part or field is a
// *PartError; the result is not validated.
func (o *Objective) UnmarshalJSON(b []byte) error {
	var j objectiveJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return err
	}
	var u Objective
	v := reflect.ValueOf(&u).Elem()
	for _, f := range []struct {
		name string
		b    json.RawMessage
	}{{"Ratio", j.Ratio}, {"KL", j.KL}, {"Entropy", j.Entropy}} {
		if f.b != nil {
			if err := decodeStruct(f.b, v.FieldByName(f.name), f.name); err != nil {
				return err
			}
		}
	}
	if err := decodePart(j.Surrogate, v.FieldByName("Surrogate")); err != nil {
		return err
	}
	if err := decodePart(j.Aggregation, v.FieldByName("Aggregation")); err != nil {
		return err
	}
	for _, raw := range j.Weights {
		var w Weight
		if err := decodePart(raw, reflect.ValueOf(&w).Elem()); err != nil {
			return err
		}
		u.Weights = append(u.Weights, w)
	}
	u.NonFinite = j.NonFinite
	*o = u
	return nil
}

func encodePart(part any) (json.RawMessage, error) {
	if part == nil || isNil(part) {
		return json.RawMessage("null"), nil
	}
	t := reflect.TypeOf(part)
	registry.RLock()
	name, ok := registry.names[t]
	registry.RUnlock()
	if !ok {
		return nil, &PartError{t.String(), "its type is not registered: call grpo.Register with a name for it"}
	}
	return encodeStruct(reflect.ValueOf(part), name)
}

// encodeStruct writes the exported non-zero fields of v in snake case, with the
// part's name first if it has one. Fields that are parts themselves nest.
func encodeStruct(v reflect.Value, name string) (json.RawMessage, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	put := func(key string, value []byte) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", key, value)
	}
	if name != "" {
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		put("type", quoted)
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() {
			continue
		}
		value, err := encodeField(v.Field(i))
		if err != nil {
			if _, ok := err.(*PartError); ok {
				return nil, err
			}
			return nil, &PartError{v.Type().String(), fmt.Sprintf("field %s: %v", f.Name, err)}
		}
		put(snake(f.Name), value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encodeField(v reflect.Value) ([]byte, error) {
	switch {
	case isPart(v.Type()):
		return encodePart(v.Interface())
	case v.Kind() == reflect.Struct && v.Type().PkgPath() == reflect.TypeFor[Objective]().PkgPath():
		return encodeStruct(v, "") // Clamp, KLFactor
	}
	return json.Marshal(v.Interface())
}

func decodePart(b json.RawMessage, dst reflect.Value) error {
	if b == nil || string(b) == "null" {
		return nil
	}
	var head struct{ Type string }
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	registry.RLock()
	t, ok := registry.types[head.Type]
	registry.RUnlock()
	if !ok {
		return &PartError{head.Type, "no part of this name is registered in this program"}
	}
	if !t.Implements(dst.Type()) {
		return &PartError{head.Type, fmt.Sprintf("is a %v, which is not a %s", t, dst.Type().Name())}
	}
	part := reflect.New(t).Elem()
	if err := decodeStruct(b, part, head.Type); err != nil {
		return err
	}
	dst.Set(part)
	return nil
}

func decodeStruct(b json.RawMessage, dst reflect.Value, name string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return &PartError{name, err.Error()}
	}
	for i := range dst.NumField() {
		f := dst.Type().Field(i)
		raw, ok := fields[snake(f.Name)]
		if !ok || !f.IsExported() {
			continue
		}
		delete(fields, snake(f.Name))
		var err error
		switch v := dst.Field(i); {
		case isPart(v.Type()):
			err = decodePart(raw, v)
		case v.Kind() == reflect.Struct && v.Type().PkgPath() == reflect.TypeFor[Objective]().PkgPath():
			err = decodeStruct(raw, v, f.Name)
		default:
			err = json.Unmarshal(raw, v.Addr().Interface())
		}
		if err != nil {
			if _, ok := err.(*PartError); ok {
				return err
			}
			return &PartError{name, fmt.Sprintf("field %s: %v", f.Name, err)}
		}
	}
	delete(fields, "type")
	for key := range fields {
		return &PartError{name, fmt.Sprintf("has no field %q", key)}
	}
	return nil
}

// snake turns a Go field name into its JSON key: "InputBound" -> "input_bound".
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
