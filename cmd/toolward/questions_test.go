package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/audit"
)

// TestFiltersGoWhole sets each member of a filter and asks through the operators' API:
// what arrives is what was asked. A member that is forgotten on the way would find
// every call, and nothing would say so.
func TestFiltersGoWhole(t *testing.T) {
	internal := map[string]string{
		"Call":        "policy explain names a call in the path, and reads it beside the record",
		"Not.Differs": "no flag says it",
	}
	closed := map[string]string{"Kind": "tool", "Effect": "deny", "Outcome": "ok", "Code": "policy", "Finding": "pii"}
	known := map[string]bool{}
	for _, p := range filterParameters() {
		known[p.Name] = true
	}
	tried := 0
	var walk func(v reflect.Value, path string, f *audit.Filter)
	walk = func(v reflect.Value, path string, f *audit.Filter) {
		for i := range v.NumField() {
			name, field := v.Type().Field(i).Name, v.Field(i)
			at := path + name
			switch {
			case field.Type() == reflect.TypeFor[audit.Match]():
				if name == "Match" {
					at = path
				} else {
					at += "."
				}
				walk(field, at, f)
				continue
			case internal[at] != "":
				continue
			}
			field.Set(valueFor(t, field.Type(), closed[name]))
			q := queryOf(*f)
			got, err := filterOf(q)
			if err != nil {
				t.Errorf("%s: %v", at, err)
			}
			if diff := cmp.Diff(*f, got, cmpEmpty); diff != "" {
				t.Errorf("%s is lost on the way (-asked +arrived):\n%s", at, diff)
			}
			for name := range q {
				if !known[name] {
					t.Errorf("%s is sent as %s, which is no parameter", at, name)
				}
			}
			field.SetZero()
			tried++
		}
	}
	f := new(audit.Filter)
	walk(reflect.ValueOf(f).Elem(), "", f)
	if tried < 35 {
		t.Errorf("only %d members were tried", tried)
	}
}

// cmpEmpty takes a list of nothing for no list.
var cmpEmpty = cmp.Transformer("list", func(v audit.Values) []string { return append([]string{}, v...) })

func valueFor(t *testing.T, of reflect.Type, text string) reflect.Value {
	t.Helper()
	if text == "" {
		text = "some & =thing"
	}
	switch of {
	case reflect.TypeFor[audit.Values]():
		return reflect.ValueOf(audit.Values{text})
	case reflect.TypeFor[time.Time]():
		return reflect.ValueOf(time.Date(2026, 11, 29, 8, 30, 0, 5e6, time.UTC))
	case reflect.TypeFor[[]audit.Arg]():
		return reflect.ValueOf([]audit.Arg{{Path: "customer.id", Value: "a=b"}})
	case reflect.TypeFor[string]():
		return reflect.ValueOf(text)
	case reflect.TypeFor[float64]():
		return reflect.ValueOf(0.0625)
	case reflect.TypeFor[bool]():
		return reflect.ValueOf(true)
	}
	t.Fatalf("no value for %s", of)
	return reflect.Value{}
}
