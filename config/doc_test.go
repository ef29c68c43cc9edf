package config

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	yaml "go.yaml.in/yaml/v4"
)

// userNames are the fields whose members the user names.
var userNames = []string{"upstreams", "limits.agents", "limits.tools", "guard.servers", "guard.servers.NAME.tools"}

// documented turns a field's path into the form of the documentation.
func documented(path string) string {
	path = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "[]")
	var out string
	for _, step := range strings.Split(path, ".") {
		if slices.Contains(userNames, out) {
			step = "NAME"
		}
		out = join(out, step)
	}
	return out
}

// knownFields are all fields that the parser knows, by the example that has
// all of them; it fails if the example misses one, since what is inside it
// would be missed too.
func knownFields(t *testing.T) map[string]bool {
	t.Helper()
	a, err := txtar.ParseFile("testdata/full.txtar")
	if err != nil {
		t.Fatal(err)
	}
	example := string(a.Files[1].Data)
	// What excludes each other cannot be in one file.
	example = strings.Replace(example, "shadow: policies-next", "shadow: policies-next, bundle: https://opa.example/b, bundle_key: k", 1)
	known := map[string]bool{}
	d := newDecoder("full.yaml", func(string) (string, bool) { return "x", true })
	d.fields = func(path string, names []string) {
		for _, name := range names {
			known[documented(join(path, name))] = true
		}
	}
	root, syntax := d.load([]byte(example))
	if syntax != nil {
		t.Fatal(syntax)
	}
	d.config(root, Default())
	if len(d.errs) > 0 {
		t.Fatal(d.errs)
	}
	present := map[string]bool{}
	for path := range d.marks {
		present[documented(path)] = true
	}
	for path := range known {
		if !present[path] {
			t.Errorf("testdata/full.txtar does not have %s", path)
		}
	}
	return known
}

func TestEveryFieldIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known := knownFields(t)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		if !known[m[1]] {
			t.Errorf("docs/configuration.md has %s, which the parser does not know, or twice", m[1])
		}
		delete(known, m[1])
	}
	for path := range known {
		t.Errorf("docs/configuration.md does not have %s", path)
	}
}

// The documented defaults are those of Default, and of the smallest entries.
func TestDocumentedDefaultsAreTrue(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("toolward.yaml", []byte(`
auth: {local: {}, issuers: [{issuer: i, jwks_url: https://i.example}]}
upstreams: {NAME: {url: https://u.example}}
guard: {judge: {url: https://j.example}}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Load(b.Bytes(), &root); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	collect(root.Content[0], "", defaults)
	checked := 0
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]* \\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		if got := defaults[m[1]]; got != m[2] {
			t.Errorf("%s: the default is %q, documented is %q", m[1], got, m[2])
		}
		checked++
	}
	if checked < 40 {
		t.Errorf("only %d defaults were found in the page", checked)
	}
}

func collect(n *yaml.Node, path string, out map[string]string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			collect(n.Content[i+1], join(path, n.Content[i].Value), out)
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			collect(e, path+"[]", out)
			if e.Kind == yaml.ScalarNode {
				out[path] = strings.TrimPrefix(out[path]+", "+e.Value, ", ")
			}
		}
	default:
		out[path] = n.Value
	}
}

// The examples of the pages are valid.
func TestDocumentedExamplesAreValid(t *testing.T) {
	var page []byte
	for _, name := range []string{"configuration.md", "authentication.md"} {
		text, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, text...)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for _, m := range examples {
		if _, err := Parse("toolward.yaml", []byte(m[1]), func(string) (string, bool) { return "x", true }); err != nil {
			t.Errorf("%s\n%v", m[1], err)
		}
	}
}
