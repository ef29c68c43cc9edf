package clients

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"
)

// client is how one client is configured; clients.yaml says what the fields are.
type client struct {
	ID         string
	Title      string
	Also       []string
	Files      []string
	Darwin     []string
	Windows    []string
	Project    string
	Signs      []string
	Programs   []string
	Paste      string
	Made       bool
	Format     string
	Root       string
	List       bool
	HTTP       object
	Auth       object
	Program    object
	Env        object
	Helper     object
	Defaults   object
	Variable   string
	ByVariable object `yaml:"by_variable"`
	Login      bool
	First      Kind
	After      map[string]string
}

//go:embed clients.yaml
var clientsYAML []byte

// all are the clients of the table. What most have in common it says once.
var all = sync.OnceValue(func() []client {
	var t struct {
		Usual   client
		Clients []yaml.Node
	}
	if err := yaml.Load(clientsYAML, &t, yaml.WithKnownFields()); err != nil {
		panic(err) // a test reads it
	}
	rows := make([]client, len(t.Clients))
	for i := range t.Clients {
		rows[i] = t.Usual
		if err := t.Clients[i].Load(&rows[i], yaml.WithKnownFields()); err != nil {
			panic(err)
		}
	}
	return rows
})

// pair keeps members in the order in which people write them.
type pair struct {
	name  string
	value any // string, bool, int, []string or object
}

// object is a JSON object in order.
type object []pair

// UnmarshalYAML reads an object of the table.
func (o *object) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return errors.New("is not a mapping")
	}
	*o = nil
	for i := 0; i < len(n.Content); i += 2 {
		var v any
		switch value := n.Content[i+1]; value.Kind {
		case yaml.MappingNode:
			var inner object
			if err := value.Decode(&inner); err != nil {
				return err
			}
			v = inner
		case yaml.SequenceNode:
			var list []string
			if err := value.Decode(&list); err != nil {
				return err
			}
			v = list
		default:
			if err := value.Decode(&v); err != nil {
				return err
			}
		}
		*o = append(*o, pair{n.Content[i].Value, v})
	}
	return nil
}

// fill puts values in place of {names}. A name alone can stand for a list.
//
//	{"args": "{args}"}, args [stdio, --config] → {"args": ["stdio", "--config"]}
func (o object) fill(values map[string]any) object {
	out := make(object, len(o))
	for i, p := range o {
		out[i] = pair{p.name, p.value}
		switch v := p.value.(type) {
		case object:
			out[i].value = v.fill(values)
		case string:
			if whole, ok := values[strings.Trim(v, "{}")]; ok && strings.HasPrefix(v, "{") && strings.HasSuffix(v, "}") {
				out[i].value = whole
			}
		}
	}
	return out
}

// with adds members to an object, those of objects in it likewise.
func (o object) with(more object) object {
	out := append(object(nil), o...)
next:
	for _, p := range more {
		for i := range out {
			if out[i].name != p.name {
				continue
			}
			if inner, ok := out[i].value.(object); ok {
				p.value = inner.with(p.value.(object))
			}
			out[i] = p
			continue next
		}
		out = append(out, p)
	}
	return out
}

// leaf is a member that is no object, by its path from the entry.
type leaf struct {
	path  []string
	value any
}

func (o object) leaves() []leaf {
	var all []leaf
	for _, p := range o {
		inner, ok := p.value.(object)
		if !ok {
			all = append(all, leaf{[]string{p.name}, p.value})
			continue
		}
		for _, l := range inner.leaves() {
			all = append(all, leaf{append([]string{p.name}, l.path...), l.value})
		}
	}
	return all
}

// sentence fills a text of the table.
func sentence(text string, o Options) string {
	return strings.ReplaceAll(text, "{name}", o.Name)
}

func (c *client) String() string { return fmt.Sprintf("%s (%s)", c.Title, c.ID) }
