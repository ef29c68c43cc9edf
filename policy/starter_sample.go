package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"toolward/gateway"
)

// test is the text of the test beside a server's file. It calls every tool with
// arguments as its schema has them, and as nobody should be allowed to choose them.
func (o *offer) test() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What the policy of %s lets through, and what not. A test that fails says that it has come\n", plain(o.server))
	b.WriteString("# to allow more, or less: narrow the rule or, if that was meant, change what is expected here.\n")
	fmt.Fprintf(&b, "package tests%s\n\nimport data.toolward.lib.test\n\n", member(o.server+"_test"))
	if o.Role != "" {
		fmt.Fprintf(&b, "role := %s\n\n", quoted(o.Role))
	}
	if len(o.allowed) > 0 {
		fmt.Fprintf(&b, "allowed := %s\n\n", o.calls(o.allowed))
	}
	fmt.Fprintf(&b, "refused := %s\n\n", o.calls(slices.Concat(o.left, o.prompts, o.resource)))
	all := "refused"
	if len(o.allowed) > 0 {
		all = "array.concat(allowed, refused)"
		b.WriteString("test_role_may if {\n\tevery c in allowed {\n\t\ttest.allowed(test.call(c.tool, role, c.args))\n\t}\n}\n\n")
	}
	if o.Role != "" {
		b.WriteString("test_role_may_no_more if {\n\tevery c in refused {\n\t\ttest.denied(test.call(c.tool, role, c.args))\n\t}\n}\n\n")
		fmt.Fprintf(&b, "test_role_may_not_use_what_is_new if test.denied(test.call({\"server\": %s, \"name\": \"a_new_tool\"}, role, {}))\n\n", quoted(o.server))
	}
	fmt.Fprintf(&b, "test_strangers_may_nothing if {\n\tevery c in %s {\n\t\ttest.denied(test.call(c.tool, [], c.args))\n\t}\n}\n\n", all)
	fmt.Fprintf(&b, "test_strangers_may_not_use_what_is_new if test.denied(test.call({\"server\": %s, \"name\": \"a_new_tool\"}, [], {}))\n", quoted(o.server))
	return b.String()
}

// calls is a list of calls, as Rego.
func (o *offer) calls(tools []*gateway.Tool) string {
	if len(tools) == 0 {
		return "[]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, t := range tools {
		tool := map[string]any{"server": t.Server, "name": t.Name}
		if t.Kind != gateway.KindTool {
			tool["kind"] = string(t.Kind)
		}
		if len(t.Labels) > 0 {
			tool["labels"] = t.Labels
		}
		fmt.Fprintf(&b, "\t{\n\t\t\"tool\": %s,\n\t\t\"args\": %s,\n\t},\n", asRego(tool), asRego(sampleArgs(t)))
	}
	return b.String() + "]"
}

// asRego writes a value as Rego has it, which is as JSON, with escapes for what would
// not be seen.
func asRego(v any) string {
	var plain, b strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("policy: a value of a schema that JSON cannot hold: " + err.Error()) // it came from JSON
	}
	for _, r := range strings.TrimSuffix(plain.String(), "\n") {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// sampleArgs are arguments that a tool's schema takes.
func sampleArgs(t *gateway.Tool) map[string]any {
	var def struct{ InputSchema json.RawMessage }
	_ = json.Unmarshal(t.Definition, &def) // a definition that is none has no arguments
	args, _ := sample(schemaOf(def.InputSchema), "", 0).(map[string]any)
	if args == nil {
		args = map[string]any{}
	}
	return args
}

// maxSample is how deep a sample goes.
const maxSample = 4

// sample is a value that a schema takes: of a text one that a careful policy would
// refuse, of an enum its last, which examples name least.
func sample(s schema, name string, depth int) any {
	if values := s.enumerated(); len(values) > 0 {
		return values[len(values)-1]
	}
	types := s.types()
	if len(types) == 0 {
		types = []string{"string"}
		if len(s.names()) > 0 || depth == 0 {
			types = []string{"object"}
		}
	}
	switch types[0] {
	case "number":
		return s.number()
	case "boolean":
		return true
	case "array":
		if depth >= maxSample {
			return []any{}
		}
		return []any{sample(s.element(), name, depth+1)}
	case "object":
		object := map[string]any{}
		for _, member := range s.names() {
			if of, how := s.member(member); how == found && depth < maxSample {
				object[member] = sample(of, member, depth+1)
			}
		}
		return object
	case "null":
		return nil
	}
	return strange(name)
}

// strange is a text that an argument of a name should not be.
func strange(name string) string {
	switch {
	case named(name, "path", "file", "filename", "dir", "directory", "folder", "source", "destination", "root", "cwd"):
		return "/etc/passwd"
	case named(name, "url", "uri", "href", "endpoint"):
		return "https://stranger.example/"
	case named(name, "host", "hostname", "domain"):
		return "stranger.example"
	case named(name, "to", "cc", "bcc", "email", "recipient"):
		return "stranger@stranger.example"
	case named(name, "sql"):
		return "drop table orders"
	case named(name, "command", "cmd", "script"):
		return "rm -rf /"
	}
	return "anything"
}

// enumerated are the values that can stand there, nil if others can.
func (s schema) enumerated() (values []any) {
	all, some := s.layers()
	for _, doc := range slices.Concat(all, some) {
		if values = enumOf(doc); values != nil {
			return values
		}
	}
	return nil
}

// number is the largest that a schema names, or a large one.
func (s schema) number() any {
	all, some := s.layers()
	for _, doc := range slices.Concat(all, some) {
		if most, ok := doc["maximum"].(float64); ok {
			return most
		}
	}
	return 1000000
}
