package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Difference is a field that has another value in another configuration. Values are
// as [Config.Print] shows them: of two secrets it says that they differ, not what
// they are.
type Difference struct {
	Field string `json:"field"`         // "upstreams.github.args[0]"
	Was   string `json:"was,omitempty"` // "" if it was not there
	Is    string `json:"is,omitempty"`  // "" if it is not there any more
}

// Differences lists the fields in which next differs, sorted. What is compared are
// the values, whatever variable or file they came from.
func (c *Config) Differences(next *Config) ([]Difference, error) {
	was, is := c.values(), next.values()
	wasShown, err := c.shownValues()
	if err != nil {
		return nil, err
	}
	isShown, err := next.shownValues()
	if err != nil {
		return nil, err
	}
	var all []Difference
	for _, field := range slices.Sorted(maps.Keys(union(was, is))) {
		before, had := was[field]
		after, has := is[field]
		if before != after || had != has {
			all = append(all, Difference{field, wasShown[field], isShown[field]})
		}
	}
	return all, nil
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// values are all fields by their paths, secrets as they are.
func (c *Config) values() map[string]string {
	all := map[string]string{}
	flatten(reflect.ValueOf(*c), "", all)
	for _, u := range slices.Concat(c.Upstreams, c.Disabled) {
		path := join("upstreams", u.Name)
		all[path] = "" // an entry without a field is one as well
		flatten(reflect.ValueOf(u), path, all)
	}
	return all
}

// flatten writes down the fields of a value, by the names that they have in the file.
func flatten(v reflect.Value, path string, all map[string]string) {
	if _, ok := v.Interface().(encoding.TextMarshaler); ok && v.Kind() != reflect.String {
		all[path] = fmt.Sprint(v.Interface())
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			flatten(v.Elem(), path, all)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name, inline, skip := fieldName(v.Type().Field(i))
			switch {
			case skip:
			case inline:
				flatten(v.Field(i), path, all)
			default:
				flatten(v.Field(i), join(path, name), all)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			flatten(v.MapIndex(key), join(path, key.String()), all)
		}
	case reflect.Slice:
		for i := range v.Len() {
			flatten(v.Index(i), element(path, i), all)
		}
	case reflect.String: // also a Secret's, which prints as asterisks
		if v.Len() > 0 {
			all[path] = v.String()
		}
	default:
		all[path] = fmt.Sprint(v.Interface())
	}
}

// fieldName is what a field is called in the file.
func fieldName(f reflect.StructField) (name string, inline, skip bool) {
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name, options == "inline", !f.IsExported() || name == "-"
}

// shownValues are the same as [Config.Print] writes them.
func (c *Config) shownValues() (map[string]string, error) {
	root, err := c.masked()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	flattenShown(root, "", all)
	return all, nil
}

func flattenShown(n *yaml.Node, path string, all map[string]string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			flattenShown(n.Content[i+1], join(path, n.Content[i].Value), all)
		}
	case yaml.SequenceNode:
		for i, e := range n.Content {
			flattenShown(e, element(path, i), all)
		}
	case yaml.ScalarNode:
		all[path] = n.Value
	}
}
