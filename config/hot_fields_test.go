package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	yaml "go.yaml.in/yaml/v4"
)

// others are values that some field or other takes in the place of the one that it has,
// those first that most take.
var others = []string{
	"other", "7", "7s", "false", "https://other.example/x", "7/s", "2MiB", "redact", "3m", "true", "0.3", "127.0.0.1:7171", "10.7.0.0/16", "X-Forwarded-For", "observe", "RS512",
	"info", "text", "process", "redacted", "score", "http", "call", "gemini", "GET /other/**", "authorization_code", "7d", "testdata/other.env",
}

// slot is a value of the example, with what it stands in.
type slot struct {
	path string
	in   *yaml.Node
	at   int // of the value in in.Content
}

// slotsOf are all values inside a node.
func slotsOf(n *yaml.Node, path string) (all []slot) {
	for i, v := range n.Content {
		at := path
		switch {
		case n.Kind == yaml.MappingNode && i%2 == 0:
			continue
		case n.Kind == yaml.MappingNode:
			at = join(path, n.Content[i-1].Value)
		default:
			at = element(path, i)
		}
		all = append(append(all, slot{at, n, i}), slotsOf(v, at)...)
	}
	return all
}

// changed are two configurations at most that differ from the example in one place: it is
// left out, or has another value.
func (s slot) changed(root *yaml.Node, lookup func(string) (string, bool)) (all []*Config) {
	was := s.in.Content
	defer func() { s.in.Content = was }()
	try := func(content []*yaml.Node) bool {
		s.in.Content = content
		text, err := yaml.Dump(root)
		if err != nil {
			return false
		}
		c, err := Parse("toolward.yaml", text, lookup)
		if err == nil {
			all = append(all, c)
		}
		return err == nil
	}
	first := s.at
	if s.in.Kind == yaml.MappingNode {
		first-- // the name
	}
	try(slices.Delete(slices.Clone(was), first, s.at+1))
	for _, text := range others {
		content := slices.Clone(was)
		content[s.at] = &yaml.Node{Kind: yaml.ScalarNode, Value: text}
		if was[s.at].Kind == yaml.ScalarNode && was[s.at].Value != text && try(content) {
			break
		}
	}
	return all
}

// A field of the file that is changed is taken over, or it is named as one that needs a
// restart: none is passed over in silence. Every place of the example that has all fields
// is left out, and given another value.
func TestEveryFieldIsTakenOverOrNamed(t *testing.T) {
	a, err := txtar.ParseFile("testdata/full.txtar")
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) { return "value-of-" + name + "-of-at-least-32-bytes-and-more", true }
	root, syntax := newDecoder("full.yaml", nil).load(a.Files[1].Data)
	if syntax != nil {
		t.Fatal(syntax)
	}
	type change struct {
		at      string
		was, is *Config
	}
	parse := func(text string) *Config {
		c, err := Parse("toolward.yaml", []byte(text), lookup)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var changes []change
	full := parse(string(a.Files[1].Data))
	for i, s := range slotsOf(root, "") {
		if testing.Short() && i%8 != 0 {
			continue
		}
		for _, next := range s.changed(root, lookup) {
			changes = append(changes, change{s.path, full, next})
		}
	}
	for at, text := range map[string]string{ // what the example cannot have beside the rest
		"admin.enabled": "admin: {enabled: false}", "policy.bundle": "policy: {bundle: 'https://opa.example/b'}", "policy.bundle_key": "policy: {bundle: 'https://opa.example/b', bundle_key: k}",
	} {
		changes = append(changes, change{at, parse(""), parse(text)})
	}
	told := map[string]bool{}
	for _, c := range changes {
		for _, field := range takenOrNamed(t, c.at, c.was, c.is) {
			for path := documented(field); path != ""; path = parentOf(path) {
				told[path] = true
			}
		}
	}
	if testing.Short() {
		return
	}
	if t.Logf("%d changes", len(changes)); len(changes) < 300 {
		t.Error("too few")
	}
	for path := range knownFields(t) {
		if !told[path] {
			t.Errorf("no difference in %s was found", path)
		}
	}
}

// takenOrNamed checks one change, and returns the fields that differ.
func takenOrNamed(t *testing.T, at string, was, is *Config) (fields []string) {
	t.Helper()
	differences := func(a, b *Config) []Difference {
		all, err := a.Differences(b)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var hot, cold []Difference
	for _, d := range differences(was, is) {
		fields = append(fields, d.Field)
		if IsHot(d.Field) {
			hot = append(hot, d)
		} else {
			cold = append(cold, d)
		}
	}
	now := was.TakeOver(is)
	if diff := cmp.Diff(cold, differences(now, is)); diff != "" {
		t.Errorf("%s: what is not hot, and what is not taken over:\n%s", at, diff)
	}
	if diff := cmp.Diff(hot, differences(was, now)); diff != "" {
		t.Errorf("%s: what is hot, and what is taken over:\n%s", at, diff)
	}
	return fields
}

// parentOf is the path of what a field stands in, "" if that is the file.
func parentOf(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }
