package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/format"

	"toolward/gateway"
)

// Starter says what [Init] writes. The zero Starter allows nobody anything.
type Starter struct {
	Role     string // who the rules are about; "" leaves the name open, and allows nobody
	ReadOnly bool   // Role may use the tools that change nothing, by what their server says: by name
}

// Started is what [Init] wrote of a server.
type Started struct {
	Server   string
	Files    []string // the policy and its test; none if it was there
	There    string   // the file that was there already, and is left alone
	Tools    int      // how many it offers
	Allowed  int      // how many of them are allowed
	Doubtful []string // tools that say they change nothing under a name that says otherwise: not allowed
}

// Init writes a starter policy into a directory, from what upstreams offer: a file
// for each server, with a test beside it that fails if the policy comes to allow
// more. Files that exist are left alone.
func Init(dir string, tools []*gateway.Tool, o Starter) ([]Started, error) {
	servers := map[string]*offer{}
	for _, t := range tools {
		if servers[t.Server] == nil {
			servers[t.Server] = &offer{server: t.Server, Starter: o}
		}
		servers[t.Server].add(t)
	}
	var all []Started
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		s, err := servers[name].write(dir)
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

// offer is what one server offers, sorted by what is to become of it.
type offer struct {
	Starter
	server            string
	allowed, left     []*gateway.Tool
	prompts, resource []*gateway.Tool
	doubtful          []string
}

func (o *offer) add(t *gateway.Tool) {
	switch {
	case t.Kind == gateway.KindPrompt:
		o.prompts = append(o.prompts, t)
	case t.Kind == gateway.KindResource:
		o.resource = append(o.resource, t)
	case t.Kind != gateway.KindTool:
	case !o.ReadOnly || !saysReadOnly(t):
		o.left = append(o.left, t)
	case soundsLikeChange(t.Name):
		o.left, o.doubtful = append(o.left, t), append(o.doubtful, t.Name)
	default:
		o.allowed = append(o.allowed, t)
	}
}

func (o *offer) write(dir string) (Started, error) {
	for _, list := range [][]*gateway.Tool{o.allowed, o.left, o.prompts, o.resource} {
		slices.SortFunc(list, func(a, b *gateway.Tool) int { return strings.Compare(a.Name, b.Name) })
	}
	s := Started{Server: o.server, Tools: len(o.allowed) + len(o.left), Allowed: len(o.allowed), Doubtful: o.doubtful}
	base := o.server
	if strings.HasSuffix(base, "_test") { // else its policy would be read as a test
		base += "-server"
	}
	for _, f := range []struct{ name, text string }{{base + ".rego", o.policy()}, {base + "_test.rego", o.test()}} {
		name := filepath.Join(dir, f.name)
		text, err := format.Source(name, []byte(f.text))
		if err != nil {
			return s, fmt.Errorf("what was to be %s is no Rego: %w", name, err)
		}
		switch err := create(name, text); {
		case errors.Is(err, fs.ErrExist) && len(s.Files) == 0:
			s.There = name
			return s, nil
		case errors.Is(err, fs.ErrExist): // a test of the user's own
		case err != nil:
			return s, err
		default:
			s.Files = append(s.Files, name)
		}
	}
	return s, nil
}

func create(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// policy is the text of a server's file.
func (o *offer) policy() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: who may use what of it, and with which arguments?\n", plain(o.server))
	fmt.Fprintf(&b, "# Written from what it offers. What no rule allows is refused, also what it comes to offer later.\n")
	fmt.Fprintf(&b, "package servers%s\n\n", member(o.server))
	for _, helper := range o.helpers() {
		fmt.Fprintf(&b, "# import data.toolward.lib.%s\n", helper)
	}
	if len(o.allowed) > 0 {
		b.WriteString("\n# These change nothing, by the word of their server. Look through them.\nreading := {\n")
		for _, t := range o.allowed {
			fmt.Fprintf(&b, "\t%s,\n", quoted(t.Name))
		}
		fmt.Fprintf(&b, "}\n\nallow if {\n\t%s in input.agent.roles\n\tinput.tool.kind == \"tool\"\n\tinput.tool.name in reading\n}\n\n", quoted(o.Role))
	} else {
		b.WriteString("\n# Nobody yet: write rules such as those below in its place.\nallow if false\n\n")
	}
	if len(o.allowed) > 0 {
		b.WriteString("# What may be used, and how it could be narrowed:\n#\n")
		for _, t := range o.allowed {
			b.WriteString(o.narrowed(t))
		}
	}
	if len(o.left) > 0 {
		b.WriteString("# What nobody may use yet, with a rule for each:\n#\n")
		for _, t := range o.left {
			b.WriteString(o.wider(t))
		}
	}
	b.WriteString(others("prompt", o.prompts))
	b.WriteString(others("resource", o.resource))
	b.WriteString("# deny contains \"why\" if …          refuse, whatever else allows\n# approve contains \"why\" if …       ask a person first\n# redact contains \"args.name\" if …  take an argument out before it is sent\n")
	return b.String()
}

// helpers are the libraries that the examples need.
func (o *offer) helpers() (names []string) {
	for _, t := range slices.Concat(o.allowed, o.left) {
		_, args := describe(t)
		if helper := shownFirst(args).helper; helper != "" && !slices.Contains(names, helper) {
			names = append(names, helper)
		}
	}
	slices.Sort(names)
	return names
}

// described is what a tool is for and what its arguments are, as comments.
func described(t *gateway.Tool) (text string, args []argument) {
	said, args := describe(t)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s%s\n", plain(t.Name), map[bool]string{true: ": " + said}[said != ""])
	for _, a := range args {
		fmt.Fprintf(&b, "#   input.args%s%s", plain(a.path), a.kind)
		if a.condition != "" {
			fmt.Fprintf(&b, ", such as `%s`", plain(a.condition))
		}
		b.WriteString("\n")
	}
	return b.String(), args
}

// narrowed is a tool that is allowed, and a rule that refuses some of it.
func (o *offer) narrowed(t *gateway.Tool) string {
	text, args := described(t)
	if shown := shownFirst(args); shown.helper != "" {
		text += fmt.Sprintf("# deny contains \"outside of what is open\" if {\n# \tinput.tool.name == %s\n# \tnot %s\n# }\n", quoted(t.Name), plain(shown.condition))
	}
	return text + "#\n"
}

// wider is a tool that nobody may use, and a rule that allows it.
func (o *offer) wider(t *gateway.Tool) string {
	text, args := described(t)
	if slices.Contains(o.doubtful, t.Name) {
		text += "#   It says that it changes nothing, and its name says otherwise.\n"
	}
	text += fmt.Sprintf("# allow if {\n# \t%s in input.agent.roles\n# \tinput.tool.kind == \"tool\"\n# \tinput.tool.name == %s\n", quoted(o.role()), quoted(t.Name))
	if shown := shownFirst(args); shown.condition != "" {
		text += fmt.Sprintf("# \t%s\n", plain(shown.condition))
	}
	return text + "# }\n#\n"
}

func (o *offer) role() string {
	if o.Role == "" {
		return "a-role"
	}
	return o.Role
}

// others are the prompts or resources of a server, and a rule for some.
func others(kind string, list []*gateway.Tool) string {
	if len(list) == 0 {
		return ""
	}
	names := make([]string, 0, 3)
	for _, t := range list[:min(len(list), 3)] {
		names = append(names, quoted(t.Name))
	}
	more := ""
	if len(list) > len(names) {
		more = fmt.Sprintf(" %d in all.", len(list))
	}
	return fmt.Sprintf("# It offers %ss too, which nobody may read yet.%s\n# allow if {\n# \tinput.tool.kind == %q\n# \tinput.tool.name in {%s}\n# }\n#\n", kind, more, kind, strings.Join(names, ", "))
}

// plain is what an upstream says, for a comment: nothing in it ends the line, or is
// read otherwise than it is shown.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// quoted is a text as a Rego string, in which everything is seen.
func quoted(s string) string { return asRego(s) }

func saysReadOnly(t *gateway.Tool) bool {
	var def struct {
		Annotations struct{ ReadOnlyHint bool }
	}
	return json.Unmarshal(t.Definition, &def) == nil && def.Annotations.ReadOnlyHint
}

var (
	readingWords = words("get list read search find show view describe query fetch count check look lookup inspect stat diff log status tree glob grep head tail cat explain summarize preview validate")
	changeWords  = words("write create delete remove update edit move rename set put post send publish push merge commit execute exec run eval kill stop start restart drop insert upsert upload " +
		"pay transfer refund grant revoke install uninstall deploy approve close add append assign submit save replace reset clear purge destroy modify patch apply import enable disable cancel click type fill press drag")
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// soundsLikeChange reports whether a tool's name says that it changes something,
// before any word of it says that it reads: deleteFile, git_commit, not get_commit.
func soundsLikeChange(name string) bool {
	var b strings.Builder
	for i, r := range name {
		switch {
		case !unicode.IsLetter(r):
			r = ' '
		case unicode.IsUpper(r) && i > 0:
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	for w := range strings.FieldsSeq(b.String()) {
		if readingWords[w] || changeWords[w] {
			return changeWords[w]
		}
	}
	return false
}
