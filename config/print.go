package config

import (
	"io"
	"maps"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Print writes the configuration with all defaults, as YAML that [Load] would
// read. It shows no secrets: fields that hold one are asterisks, and a value
// that came from a variable is written with the variable's name.
func (c *Config) Print(w io.Writer) error {
	root, err := c.masked()
	if err != nil {
		return err
	}
	data, err := yaml.Dump(root)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// Masked is what [Config.Print] writes as a value that has a JSON form, so that each
// field can be asked for and looked through by itself.
func (c *Config) Masked() (map[string]any, error) {
	root, err := c.masked()
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	return fields, root.Decode(&fields)
}

func (c *Config) masked() (*yaml.Node, error) {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return nil, err
	}
	if all := slices.Concat(c.Upstreams, c.Disabled); len(all) > 0 {
		ups := &yaml.Node{Kind: yaml.MappingNode}
		for i := range all {
			var u yaml.Node
			if err := u.Encode(&all[i]); err != nil {
				return nil, err
			}
			ups.Content = append(ups.Content, name(all[i].Name), &u)
		}
		root.Content = append(root.Content, name("upstreams"), ups)
	}
	c.mask(&root, "")
	return &root, nil
}

func name(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// reopen gives an object back the fields that are left out because their variables are
// not set.
func (c *Config) reopen(n *yaml.Node, path string) {
	for _, field := range slices.Sorted(maps.Keys(c.open)) {
		last, ok := strings.CutPrefix(field, path+".")
		if !ok || strings.ContainsAny(last, ".[") {
			continue
		}
		if !slices.ContainsFunc(n.Content, func(key *yaml.Node) bool { return key.Value == last }) {
			n.Content = append(n.Content, name(last), name(""))
		}
	}
}

// mask replaces values that must not be shown, and writes durations without
// their empty parts.
func (c *Config) mask(n *yaml.Node, path string) {
	if written, ok := c.shown[path]; ok && n.Kind == yaml.ScalarNode {
		n.Value, n.Tag, n.Style = written, "!!str", 0
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		c.reopen(n, path)
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.mask(n.Content[i+1], join(path, n.Content[i].Value))
		}
	case yaml.SequenceNode:
		for i, e := range n.Content {
			c.mask(e, element(path, i))
		}
	case yaml.ScalarNode:
		if v, err := ParseDuration(n.Value); err == nil && v > 0 {
			n.Value = showDuration(v)
		}
	}
}
