package policy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// member writes a name after a path in Rego.
func member(name string) string {
	if identifier.MatchString(name) && !ast.IsKeyword(name) {
		return "." + name
	}
	quoted, _ := json.Marshal(name) // strings always encode
	return "[" + string(quoted) + "]"
}

func packageOf(t *gateway.Tool) string { return "tools" + member(t.Server) + member(t.Name) }

// argument is a member of a tool's input schema, as a policy names it.
type argument struct {
	path, kind string
	condition  string // an example that its schema allows; "" where there is none to give
	helper     string // the library that the condition needs
}

// shownFirst is the argument whose condition says most: one with a helper, else the
// first that has any.
func shownFirst(args []argument) (best argument) {
	for _, a := range args {
		if a.helper != "" {
			return a
		}
		if best.condition == "" {
			best = a
		}
	}
	return best
}

// exampleOf is an example of what can be asked of a value of a schema, and the helper
// that it needs.
func exampleOf(at string, s schema) (text, helper string) {
	name := at[strings.LastIndex(at, ".")+1:]
	switch values := s.values(); {
	case len(values) > 0:
		return at + " in {" + strings.Join(values[:min(len(values), 3)], ", ") + "}", ""
	case s.only("number"):
		return at + " <= 100", ""
	case s.only("boolean"):
		return at + " == false", ""
	case s.only("string") && named(name, "path", "file", "dir", "directory", "folder", "source", "destination"):
		return "path.under(" + at + ", \"/srv/docs\")", "path"
	case s.only("string") && named(name, "url", "uri"):
		return "url.on_any(" + at + ", {\"example.com\"})", "url"
	case s.only("string"):
		return at + " == \"…\"", ""
	case s.only("array") && s.element().only("string") && named(name, "path", "file", "dir", "directory", "folder"):
		return "path.all_under(" + at + ", \"/srv/docs\")", "path"
	case s.only("array") && len(s.element().values()) > 0:
		values = s.element().values()
		return "every x in " + at + " { x in {" + strings.Join(values[:min(len(values), 3)], ", ") + "} }", ""
	case s.only("array") && s.element().only("string"):
		return "every x in " + at + " { x in {\"…\"} }", ""
	case s.only("array"):
		return "count(" + at + ") <= 10", ""
	}
	return "", ""
}

// describe returns the first line of a tool's description, and its arguments.
// Both are the upstream's words: what ends a comment must not get into one.
func describe(t *gateway.Tool) (string, []argument) {
	var def struct {
		Description string
		InputSchema struct {
			Properties map[string]struct{ Type any }
		}
	}
	if json.Unmarshal(t.Definition, &def) != nil {
		return "", nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(def.Description), "\n")
	line = plain(line)
	if r := []rune(line); len(r) > 100 {
		line = string(r[:100]) + "…"
	}
	var args []argument
	var whole struct{ InputSchema json.RawMessage }
	_ = json.Unmarshal(t.Definition, &whole) // it was read above
	input := schemaOf(whole.InputSchema)
	for name, p := range def.InputSchema.Properties {
		a := argument{path: member(name)}
		of, _ := input.member(name)
		a.condition, a.helper = exampleOf("input.args"+a.path, of)
		if kind, ok := p.Type.(string); ok && slices.Contains(jsonTypes, kind) {
			a.kind = " (" + kind + ")"
		}
		args = append(args, a)
	}
	slices.SortFunc(args, func(a, b argument) int { return strings.Compare(a.path, b.path) })
	return line, args
}

var jsonTypes = []string{"string", "number", "integer", "boolean", "array", "object", "null"}
