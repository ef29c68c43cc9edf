package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"
)

func schemaText(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(JSONSchema()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value is what a program that knows YAML has of a node.
func value(n *yaml.Node, depth int) any {
	if n == nil || depth > 100 { // an alias can be inside of what it names
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return value(n.Alias, depth+1)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = value(n.Content[i+1], depth+1)
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			list = append(list, value(e, depth+1))
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return f
		}
	}
	return n.Value
}

// found are the places at which a schema objects.
func found(s *jsonschema.Schema, v any) (places []string) {
	var e *jsonschema.ValidationError
	if err := s.Validate(v); !errors.As(err, &e) {
		return nil
	}
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			path := ""
			for _, step := range e.InstanceLocation {
				if _, err := strconv.Atoi(step); err == nil {
					path += "[" + step + "]"
				} else {
					path = join(path, step)
				}
			}
			places = append(places, path)
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(e)
	return places
}

// visible are the faults that concern one value alone, which a schema sees.
var visible = regexp.MustCompile(`: (unknown field|unknown value|expected (text|true|a whole|a number|a list|fields|one of|a duration|a size|a rate|an address|an absolute)|is empty|has no value|-?[0-9]+ is not between|".*" is not (a duration|a size|a rate|an address))`)

// The schema objects to each fault of one value alone, where it is, and to nothing
// else: what only `config check` can see is no matter of an editor.
func TestSchemaSeesWhatTheParserSees(t *testing.T) {
	schema := compiled(t)
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen, unseen, unread := 0, 0, 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, syntax := newDecoder("toolward.yaml", nil).load(a.Files[0].Data)
		if syntax != nil || bytes.Contains(a.Files[0].Data, []byte("? ")) {
			unread++
			continue
		}
		places := found(schema, value(root, 0))
		var faults []string
		for line := range strings.Lines(string(a.Files[1].Data)) {
			m := regexp.MustCompile(`^toolward\.yaml:\d+:\d+: (?:(\S+): )?`).FindStringSubmatch(line)
			if m == nil {
				continue // a hint
			}
			path := m[1]
			if !visible.MatchString(line) {
				faults = append(faults, path)
				unseen++
				continue
			}
			seen++
			at := path
			if strings.Contains(line, "unknown field") {
				at = strings.TrimSuffix(strings.TrimSuffix(path, path[strings.LastIndex(path, ".")+1:]), ".")
			}
			faults = append(faults, path, at)
			if !slices.Contains(places, at) {
				t.Errorf("%s: the schema does not see %s; it sees %q", filepath.Base(file), strings.TrimSpace(line), places)
			}
		}
		for _, p := range places {
			if !slices.ContainsFunc(faults, func(f string) bool { return f == p || strings.HasPrefix(p, f) || strings.HasPrefix(f, p+"[") }) {
				t.Errorf("%s: the schema objects to %q, and the parser does not", filepath.Base(file), p)
			}
		}
	}
	if t.Logf("%d faults seen, %d of more than one value, %d files that are no YAML", seen, unseen, unread); seen < 45 {
		t.Errorf("only %d faults are of one value", seen)
	}
}

// shown are the configurations that people are shown: files of the folders, and what the
// pages have in blocks of YAML, whole ones and parts.
func shown(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, glob := range []string{"../deploy/*.yaml", "../examples/toolward.yaml", "../examples/*/toolward.yaml", "../examples/*/*/toolward.yaml"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all[f] = string(raw)
		}
	}
	for _, glob := range []string{"../README.md", "../docs/*.md", "../examples/*/README.md", "../examples/*/*/README.md"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(raw), -1) {
				all[fmt.Sprint(f, " ", i)] = m[1]
			}
		}
	}
	return all
}

// Whatever is a configuration is one by the schema: the example with every field, the
// pages', those of the folders, and values as people write them.
func TestSchemaTakesConfigurations(t *testing.T) {
	schema := compiled(t)
	a, err := txtar.ParseFile("testdata/full.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all := shown(t)
	all["full"] = string(a.Files[1].Data)
	for i, text := range []string{
		"", "listen: 'localhost:8080'", "approvals: {wait: 0}", "approvals: {wait: 0s}", "approvals: {expire: 1h30m}", "audit: {retain: 90d}", "approvals: {wait: .5s}", "approvals: {wait: +1.5s}",
		"http: {body: 64 KiB, header: 4096B}", "limits: {default: {rate: 1000/h}}", "limits: {default: {rate: 10 / s}}", "http: {hosts: one.example}", "http: {hosts: [one.example, 7]}",
		"insecure: ${YES}", "sessions: {max: \"${MAX}\"}", "approvals: {wait: \"${WAIT}\"}", "log: {level: \"${LEVEL}\"}", "upstreams: {a: {command: x, args: [1, true, y], env: {A: '', B: 7}}}",
		"upstreams: {a: {url: \"${URL}\"}}", "upstreams: {a: {url: HTTPS://x.example/}}", "upstreams: {a: {url: \"https://${HOST}/mcp\", labels: private}}",
	} {
		all[fmt.Sprint("written ", i)] = text
		if _, err := Parse("toolward.yaml", []byte(text), func(name string) (string, bool) {
			return map[string]string{"YES": "true", "MAX": "7", "WAIT": "7s", "LEVEL": "warn", "URL": "https://x.example", "HOST": "x.example"}[name], true
		}); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	for name, text := range all {
		root, syntax := newDecoder("toolward.yaml", nil).load([]byte(text))
		if syntax != nil {
			t.Fatalf("%s: %v", name, syntax)
		}
		v := value(root, 0)
		if v == nil {
			v = map[string]any{}
		}
		if places := found(schema, v); places != nil {
			t.Errorf("%s: the schema objects at %q\n%s", name, places, text)
		}
	}
	if len(all) < 25 {
		t.Errorf("only %d configurations", len(all))
	}
}

// What the schema says of a field is what docs/configuration.md says, and every field
// has something said of it.
func TestSchemaSaysWhatTheDocsSay(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	say := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|([^|]*)\\|([^|]*)\\|([^|\n]*)\\|$").FindAllStringSubmatch(string(page), -1) {
		text := strings.TrimSpace(link.ReplaceAllString(m[4], "$1"))
		if by := strings.TrimSpace(m[3]); by != "-" && by != "" {
			text = strings.TrimSpace(text + " Default: " + by)
		}
		say[m[1]] = text
	}
	want, err := json.MarshalIndent(say, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if flag.Lookup("update").Value.String() == "true" { // of the tests from outside, in the same program
		if err := os.WriteFile("meanings.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../docs/toolward.schema.json", schemaText(t), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("meanings.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("go test ./config -run SchemaSays -update (-docs +meanings.json):\n%s", diff)
	}
	for path := range knownFields(t) {
		if _, ok := say[path]; !ok {
			t.Errorf("nothing is said of %s", path)
		}
	}
	shipped, err := os.ReadFile("../docs/toolward.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(schemaText(t)), string(shipped)); diff != "" {
		t.Errorf("docs/toolward.schema.json: go test ./config -run SchemaSays -update, twice (-program +file):\n%s", diff)
	}
}

// Every field of the table is in the schema, and nothing else.
func TestSchemaHasEveryField(t *testing.T) {
	known := knownFields(t)
	var walk func(s *Schema, path string)
	walk = func(s *Schema, path string) {
		for name, p := range s.Properties {
			at := join(path, name)
			if !known[at] {
				t.Errorf("the schema has %s, which the parser does not know", at)
			}
			delete(known, at)
			walk(p, at)
		}
		if s.Items != nil {
			walk(s.Items, path+"[]")
		}
		if of, ok := s.Others.(*Schema); ok {
			walk(of, join(path, "NAME"))
		}
	}
	walk(JSONSchema(), "")
	for path := range known {
		t.Errorf("the schema does not have %s", path)
	}
}

// Whatever stands in a field's place, schema and parser agree whether it can: each value
// of the example with every field is replaced by values of every kind.
func TestSchemaAgreesWithTheParser(t *testing.T) {
	schema := compiled(t)
	a, err := txtar.ParseFile("testdata/full.txtar")
	if err != nil {
		t.Fatal(err)
	}
	root, syntax := newDecoder("full.yaml", nil).load(a.Files[1].Data)
	if syntax != nil {
		t.Fatal(syntax)
	}
	var slots func(n *yaml.Node) []*yaml.Node
	slots = func(n *yaml.Node) (all []*yaml.Node) {
		for i, c := range n.Content {
			if n.Kind != yaml.MappingNode || i%2 == 1 {
				all = append(append(all, c), slots(c)...)
			}
		}
		return all
	}
	stands := map[string]yaml.Node{}
	for _, text := range []string{"true", "7", "-1", "0.5", "0", `""`, `"x y"`, `"true"`, "null", "[]", "[{}]", "{}", "{nosuch: 1}", `"5m"`, `"1KiB"`, `"4/min"`, `"${V}"`} {
		var doc yaml.Node
		if err := yaml.Load([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		stands[text] = *doc.Content[0]
	}
	tried, refused := 0, 0
	for i, slot := range slots(root) {
		if testing.Short() && i%8 != 0 {
			continue
		}
		was := *slot
		for text, other := range stands {
			*slot = other
			d := newDecoder("full.yaml", func(string) (string, bool) { return "x", true })
			d.config(root, Default())
			places := found(schema, value(root, 0))
			tried++
			if len(places) > 0 {
				refused++
			}
			if faults := ofOneValue(d.errs, text); (len(faults) > 0) != (len(places) > 0) && !(len(d.errs) > 0 && len(places) > 0) {
				t.Errorf("%q as %s: the parser says %q, the schema objects at %q", was.Value, text, faults, places)
			}
		}
		*slot = was
	}
	if t.Logf("%d tried, %d refused", tried, refused); refused < tried/4 {
		t.Error("too few are refused")
	}
}

// ofOneValue are the errors that a schema can see: not what a variable holds or a file,
// and of what has a form of its own not how much it is.
func ofOneValue(errs Errors, text string) (faults []string) {
	for _, e := range errs {
		switch m := e.Message; {
		case strings.Contains(m, " is not between ") && !regexp.MustCompile(`^-?[0-9]+ is`).MatchString(m),
			strings.Contains(m, "must not hold"), strings.Contains(m, "fragment (#)"), strings.HasPrefix(e.Field, "env_file"),
			strings.Contains(text, "${") && !strings.Contains(m, "expected fields") && !strings.Contains(m, "expected a list"):
		default:
			faults = append(faults, e.Field+": "+m)
		}
	}
	return faults
}

// Who copies an example has an editor that checks it: its first line names the schema.
func TestExamplesNameTheSchema(t *testing.T) {
	all := shown(t)
	for name, text := range all {
		first, _, _ := strings.Cut(text, "\n")
		if !strings.HasPrefix(first, "# yaml-language-server: $schema=") || !strings.HasSuffix(first, "toolward.schema.json") {
			t.Errorf("%s begins with %q, not with %s", name, first, Modeline)
		}
	}
	if len(all) < 15 {
		t.Errorf("only %d configurations", len(all))
	}
}
