package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/config"
)

const commented = `# what runs here
listen: 127.0.0.1:8080   # loopback

upstreams:
  # documents
  files: {command: npx, args: [-y, "server # not a comment"]}   # ours

  # tickets of the company
  # (ask Rita)
  tickets:
    url: https://tickets.example.com/mcp # by hand
    headers:
      Authorization: "Bearer ${TOKEN}"

# no policy yet
policy: {path: ./policies}
`

func TestEditsKeepWhatTheyDoNotChange(t *testing.T) {
	add := func(text []byte) ([]byte, error) {
		return config.AddUpstream(text, "new", config.Entry{Command: "npx", Args: []string{"-y", "a b"}, Labels: []string{"private"}})
	}
	remove := func(name string) func([]byte) ([]byte, error) {
		return func(text []byte) ([]byte, error) { return config.RemoveUpstream(text, name) }
	}
	enable := func(name string, on bool) func([]byte) ([]byte, error) {
		return func(text []byte) ([]byte, error) { return config.EnableUpstream(text, name, on) }
	}
	const block = "  new:\n    command: npx\n    args: [-y, a b]\n    labels: [private]\n"
	for name, tt := range map[string]struct {
		text   string
		edit   func([]byte) ([]byte, error)
		want   string // "" is text with old replaced by new
		old    string
		new    string
		failed error
	}{
		"add behind the last":         {text: commented, edit: add, old: "      Authorization: \"Bearer ${TOKEN}\"\n", new: "      Authorization: \"Bearer ${TOKEN}\"\n" + block},
		"add to nothing":              {text: "", edit: add, want: "upstreams:\n" + block},
		"add to a file without any":   {text: "listen: 127.0.0.1:1", edit: add, want: "listen: 127.0.0.1:1\nupstreams:\n" + block},
		"add to a name without value": {text: "upstreams: # none yet\nlisten: 127.0.0.1:1\n", edit: add, want: "upstreams: # none yet\n" + block + "listen: 127.0.0.1:1\n"},
		"add to empty braces":         {text: "upstreams: {}\n", edit: add, want: `upstreams: {"new":{"command":"npx","args":["-y","a b"],"labels":["private"]}}` + "\n"},
		"add to JSON":                 {text: `{"listen":"127.0.0.1:1","upstreams":{"a":{"command":"é"}}}`, edit: add, want: `{"listen":"127.0.0.1:1","upstreams":{"new":{"command":"npx","args":["-y","a b"],"labels":["private"]}, "a":{"command":"é"}}}`},
		"add to JSON without any":     {text: `{"listen":"127.0.0.1:1"}`, edit: add, want: `{"upstreams":{"new":{"command":"npx","args":["-y","a b"],"labels":["private"]}}, "listen":"127.0.0.1:1"}`},
		"add with other indentation":  {text: "upstreams:\n    a:\n        command: cat\n", edit: add, want: "upstreams:\n    a:\n        command: cat\n    new:\n      command: npx\n      args: [-y, a b]\n      labels: [private]\n"},
		"add with Windows' lines":     {text: "upstreams:\r\n  a: {command: cat}\r\n", edit: add, want: "upstreams:\r\n  a: {command: cat}\r\n" + strings.ReplaceAll(block, "\n", "\r\n")},
		"add behind a text in lines":  {text: "upstreams:\n  a:\n    command: sh\n    args:\n      - |\n        # no comment\n        # at the end\n", edit: add, failed: config.ErrByHand},
		"add what is there":           {text: "upstreams: {new: {command: cat}}\n", edit: add, failed: config.ErrEntry},
		"add to an alias":             {text: "upstreams: *x\n", edit: add, failed: errAny},
		"add to a list":               {text: "upstreams: [a]\n", edit: add, failed: config.ErrByHand},

		"remove with its comment":  {text: commented, edit: remove("tickets"), old: commented[strings.Index(commented, "  # tickets"):strings.Index(commented, "\n# no policy")], new: ""},
		"remove in braces":         {text: commented, edit: remove("files"), old: "  # documents\n  files: {command: npx, args: [-y, \"server # not a comment\"]}   # ours\n", new: ""},
		"remove the only one":      {text: "upstreams: # all\n  a:\n    command: cat\nlisten: 127.0.0.1:1\n", edit: remove("a"), want: "upstreams: {} # all\nlisten: 127.0.0.1:1\n"},
		"remove the first of JSON": {text: `{"upstreams":{"a":{"command":"},{"}, "b":{"url":"x"}}}`, edit: remove("a"), want: `{"upstreams":{"b":{"url":"x"}}}`},
		"remove the last of JSON":  {text: `{"upstreams":{"a":{"command":"x"}, "b":{"args":["\""]}}}`, edit: remove("b"), want: `{"upstreams":{"a":{"command":"x"}}}`},
		"remove what is not there": {text: commented, edit: remove("crm"), failed: config.ErrNoEntry},

		"disable":                  {text: commented, edit: enable("tickets", false), old: "    url: https", new: "    enabled: false\n    url: https"},
		"disable in braces":        {text: commented, edit: enable("files", false), old: "{command", new: `{"enabled":false, command`},
		"disable again":            {text: "upstreams:\n  a:\n    enabled: false # Rita said so\n    command: cat\n", edit: enable("a", false), want: "upstreams:\n  a:\n    enabled: false # Rita said so\n    command: cat\n"},
		"enable":                   {text: "upstreams:\n  a:\n    enabled: false # Rita said so\n    command: cat\n", edit: enable("a", true), want: "upstreams:\n  a:\n    enabled: true # Rita said so\n    command: cat\n"},
		"enable in braces":         {text: "upstreams: {a: {command: cat, enabled: false}}\n", edit: enable("a", true), want: "upstreams: {a: {command: cat, enabled: true}}\n"},
		"enable what is":           {text: commented, edit: enable("tickets", true), old: "x", new: "x"},
		"enable by a variable":     {text: "upstreams: {a: {command: cat, enabled: '${ON}'}}\n", edit: enable("a", true), failed: config.ErrByHand},
		"enable what is not there": {text: commented, edit: enable("crm", true), failed: config.ErrNoEntry},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.edit([]byte(tt.text))
			if tt.failed != nil {
				if err == nil || tt.failed != errAny && !errors.Is(err, tt.failed) {
					t.Errorf("got %v and\n%s", err, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if want == "" {
				want = strings.Replace(tt.text, tt.old, tt.new, 1)
			}
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

var errAny = errors.New("any")

// Whatever is in the file, a change says what it shall, or is not made: what is added
// can be removed, and the text is what it was.
func FuzzEdits(f *testing.F) {
	for _, text := range []string{commented, "", "upstreams: {}", `{"upstreams":{"a":{"command":"x"}}}`, "upstreams:\n  a:\n    command: |\n      # x\n", "a: &x {b: c}\nupstreams: *x\n", "upstreams:\r\n  a: {url: 'x'}\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, err := config.List([]byte(text))
		if err != nil {
			return
		}
		added, err := config.AddUpstream([]byte(text), "fuzzed", config.Entry{Command: "x"})
		if err != nil {
			return
		}
		with, err := config.List(added)
		if err != nil || len(with) != len(before)+1 {
			t.Fatalf("%v: %d, then %d", err, len(before), len(with))
		}
		off, err := config.EnableUpstream(added, "fuzzed", false)
		if errors.Is(err, config.ErrByHand) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		removed, err := config.RemoveUpstream(off, "fuzzed")
		if errors.Is(err, config.ErrByHand) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if after, err := config.List(removed); err != nil || len(after) != len(before) {
			t.Fatalf("%v: %d, then %d", err, len(before), len(after))
		}
	})
}
