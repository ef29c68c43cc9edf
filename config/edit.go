package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Entry is an upstream's entry as a command writes it: what is set, in this order.
type Entry struct {
	Command string            `yaml:"command,omitempty" json:"command,omitempty"`
	Args    []string          `yaml:"args,omitempty,flow" json:"args,omitempty"`
	Env     map[string]string `yaml:"env,omitempty" json:"env,omitempty"`
	URL     string            `yaml:"url,omitempty" json:"url,omitempty"`
	Headers map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
	OpenAPI string            `yaml:"openapi,omitempty" json:"openapi,omitempty"`
	BaseURL string            `yaml:"base_url,omitempty" json:"base_url,omitempty"`
	Labels  []string          `yaml:"labels,omitempty,flow" json:"labels,omitempty"`
}

// Errors of changes that cannot be made.
var (
	ErrNoEntry = errors.New("there is no such upstream")
	ErrEntry   = errors.New("there is an upstream of that name already")
	ErrByHand  = errors.New("the file is written in a way that this command does not change; do it by hand")
)

// Listed is an upstream as the file names it, whether or not its secrets are set.
type Listed struct {
	Name    string   `json:"name"`
	Enabled bool     `json:"enabled"`
	What    string   `json:"what"` // "npx", "https://tickets.example.com", "crm.yaml"
	Labels  []string `json:"labels,omitempty"`
}

// List reads the upstreams of a file's text, in its order, and nothing else.
func List(text []byte) ([]Listed, error) {
	d, err := openText(text)
	if err != nil {
		return nil, err
	}
	var all []Listed
	for i := 0; i+1 < len(d.entries()); i += 2 {
		var e struct {
			Enabled               *bool
			Command, URL, OpenAPI string
			Labels                []string
		}
		if err := d.entries()[i+1].Decode(&e); err != nil {
			return nil, err
		}
		l := Listed{Name: d.entries()[i].Value, Enabled: e.Enabled == nil || *e.Enabled, Labels: e.Labels}
		for _, what := range []string{e.Command, e.OpenAPI} {
			if what != "" {
				l.What = what
			}
		}
		if at, err := url.Parse(e.URL); err == nil && e.URL != "" {
			l.What = at.Scheme + "://" + at.Host // what comes behind may be a secret
		}
		all = append(all, l)
	}
	return all, nil
}

// document is the text of a configuration and where things stand in it.
type document struct {
	text  []byte
	lines []string // with their ends
	end   string   // of a line
	root  *yaml.Node
}

func openText(text []byte) (*document, error) {
	d := &document{text: text, lines: slices.Collect(strings.Lines(string(text))), end: "\n"}
	if bytes.Contains(text, []byte("\r\n")) {
		d.end = "\r\n"
	}
	if plain := strings.ReplaceAll(string(text), "\r\n", "\n"); strings.ContainsAny(plain, "\r\u0085\u2028\u2029") {
		return nil, ErrByHand // YAML ends lines there as well (1.1 §4.1.4)
	}
	root, err := newDecoder("", nil).load(text)
	if err != nil {
		return nil, err
	}
	if root != nil && root.Kind != yaml.MappingNode {
		return nil, ErrByHand
	}
	d.root = root
	return d, nil
}

// member is a member of a mapping, nil if there is none.
func member(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// entries are the names and values of upstreams.
func (d *document) entries() []*yaml.Node {
	if _, ups := member(d.root, "upstreams"); ups != nil && ups.Kind == yaml.MappingNode {
		return ups.Content
	}
	return nil
}

func flow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// AddUpstream is the text with one more upstream, behind the others where it is
// written in lines. All else of it stays as it is.
func AddUpstream(text []byte, name string, e Entry) ([]byte, error) {
	if err := checkServerName(name); err != nil {
		return nil, err
	}
	d, err := openText(text)
	if err != nil {
		return nil, err
	}
	key, ups := member(d.root, "upstreams")
	if k, _ := member(ups, name); k != nil {
		return nil, fmt.Errorf("%w: %s", ErrEntry, name)
	}
	var now []byte
	switch {
	case d.root == nil || key == nil && !flow(d.root):
		block, err := d.block(name, e, "  ")
		if err != nil {
			return nil, err
		}
		now = d.insert(len(d.lines), "upstreams:"+d.end+block)
	case key == nil:
		now, err = d.intoFlow(d.root, "upstreams", map[string]Entry{name: e})
	case ups.Kind == yaml.MappingNode && flow(ups):
		now, err = d.intoFlow(ups, name, e)
	case ups.Kind == yaml.MappingNode && len(ups.Content) > 0:
		var block string
		if block, err = d.block(name, e, strings.Repeat(" ", ups.Content[0].Column-1)); err == nil {
			now = d.insert(d.lastLine(key, ups), block)
		}
	case ups.Tag == "!!null" && ups.Value == "":
		var block string
		if block, err = d.block(name, e, "  "); err == nil {
			now = d.insert(key.Line, block)
		}
	default:
		err = ErrByHand
	}
	if err != nil {
		return nil, err
	}
	return d.checked(now, func(ups map[string]any) error {
		var as any
		raw, err := json.Marshal(e)
		if err == nil {
			err = yaml.Load(raw, &as)
		}
		ups[name] = as
		return err
	})
}

// RemoveUpstream is the text without an upstream, and without the comment above it.
func RemoveUpstream(text []byte, name string) ([]byte, error) {
	d, err := openText(text)
	if err != nil {
		return nil, err
	}
	key, ups := member(d.root, "upstreams")
	at, value := member(ups, name)
	if at == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoEntry, name)
	}
	var now []byte
	switch {
	case flow(ups):
		now, err = d.outOfFlow(at)
	default:
		from, to := at.Line-1, d.lastLine(at, value)
		for from > key.Line && d.comment(from-1, at.Column) {
			from--
		}
		lines := slices.Delete(slices.Clone(d.lines), from, to)
		if len(ups.Content) == 2 {
			lines[key.Line-1] = strings.Replace(lines[key.Line-1], "upstreams:", "upstreams: {}", 1)
		}
		now = []byte(strings.Join(lines, ""))
	}
	if err != nil {
		return nil, err
	}
	return d.checked(now, func(ups map[string]any) error { delete(ups, name); return nil })
}

// EnableUpstream is the text with an upstream that is started, or is not.
func EnableUpstream(text []byte, name string, enabled bool) ([]byte, error) {
	d, err := openText(text)
	if err != nil {
		return nil, err
	}
	_, ups := member(d.root, "upstreams")
	at, value := member(ups, name)
	if at == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoEntry, name)
	}
	_, said := member(value, "enabled")
	now := text
	switch {
	case said == nil && enabled:
	case said != nil && (said.Value == "true" || said.Value == "false") && said.Style == 0:
		from := d.offset(said)
		now = slices.Concat(text[:from], fmt.Append(nil, enabled), text[from+len(said.Value):])
	case said != nil || value.Kind != yaml.MappingNode || len(value.Content) == 0:
		err = ErrByHand
	case flow(value):
		now, err = d.intoFlow(value, "enabled", enabled)
	default:
		now = d.insert(value.Content[0].Line-1, strings.Repeat(" ", value.Content[0].Column-1)+"enabled: false"+d.end)
	}
	if err != nil {
		return nil, err
	}
	return d.checked(now, func(ups map[string]any) error {
		if entry, ok := ups[name].(map[string]any); ok && (said != nil || !enabled) {
			entry["enabled"] = enabled
		}
		return nil
	})
}

// checked compares what a text says with what it shall say, so that a change is made as
// it was meant or not at all.
func (d *document) checked(now []byte, change func(map[string]any) error) ([]byte, error) {
	want, got := map[string]any{}, map[string]any{}
	if d.root != nil {
		if err := yaml.Load(d.text, &want); err != nil {
			return nil, err
		}
	}
	ups, _ := want["upstreams"].(map[string]any)
	if ups == nil {
		ups = map[string]any{}
	}
	want["upstreams"] = ups
	if err := change(ups); err != nil {
		return nil, err
	}
	if err := yaml.Load(now, &got); err != nil || !reflect.DeepEqual(want, got) {
		return nil, ErrByHand
	}
	return now, nil
}

// block is an entry in lines.
func (d *document) block(name string, e Entry, indent string) (string, error) {
	raw, err := yaml.Dump(map[string]Entry{name: e})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(string(raw)) {
		b.WriteString(indent + strings.TrimSuffix(line, "\n") + d.end)
	}
	return b.String(), nil
}

// insert puts text behind the first n lines.
func (d *document) insert(n int, text string) []byte {
	before := strings.Join(d.lines[:n], "")
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += d.end
	}
	return []byte(before + text + strings.Join(d.lines[n:], ""))
}

// lastLine is the number of the last line of a block: what is blank or a comment behind
// it belongs to what follows.
func (d *document) lastLine(key, value *yaml.Node) int {
	n := key.Line
	for n < len(d.lines) {
		line := strings.TrimRight(d.lines[n], "\r\n")
		text := strings.TrimLeft(line, " ")
		if text != "" && text[0] != '#' && len(line)-len(text) < key.Column {
			break
		}
		n++
	}
	for n > key.Line && (strings.TrimSpace(d.lines[n-1]) == "" || strings.HasPrefix(strings.TrimSpace(d.lines[n-1]), "#")) {
		n--
	}
	return n
}

// comment reports whether a line is a comment that begins at a column.
func (d *document) comment(line, column int) bool {
	text := strings.TrimLeft(d.lines[line], " ")
	return strings.HasPrefix(text, "#") && len(d.lines[line])-len(text) == column-1
}

// offset is where a node begins in the text. Columns count characters.
func (d *document) offset(n *yaml.Node) int {
	at := 0
	for _, line := range d.lines[:n.Line-1] {
		at += len(line)
	}
	for i := range d.lines[n.Line-1] {
		if n.Column--; n.Column == 0 {
			return at + i
		}
	}
	return at + len(d.lines[n.Line-1])
}

// intoFlow puts a member in front of those of a mapping in braces.
func (d *document) intoFlow(n *yaml.Node, name string, value any) ([]byte, error) {
	raw, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		return nil, err
	}
	from := d.offset(n)
	if from >= len(d.text) || d.text[from] != '{' {
		return nil, ErrByHand // a tag or an anchor
	}
	text := raw[1 : len(raw)-1]
	if len(n.Content) > 0 {
		text = append(text, ',')
		if strings.IndexByte(" \t\r\n", d.text[from+1]) < 0 {
			text = append(text, ' ')
		}
	}
	return slices.Concat(d.text[:from+1], text, d.text[from+1:]), nil
}

// outOfFlow cuts a member out of a mapping in braces, with one comma.
func (d *document) outOfFlow(key *yaml.Node) ([]byte, error) {
	from := d.offset(key)
	to, depth, quote := from, 0, byte(0)
scan:
	for ; to < len(d.text); to++ {
		switch c := d.text[to]; {
		case quote == '"' && c == '\\':
			to++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}'):
			break scan
		case c == '}' || c == ']':
			depth--
		}
	}
	if to == len(d.text) {
		return nil, ErrByHand
	}
	if d.text[to] == ',' {
		if to++; to+1 < len(d.text) && d.text[to] == ' ' && strings.IndexByte(" \t\r\n", d.text[to+1]) < 0 {
			to++ // what intoFlow puts there
		}
	} else if before := bytes.TrimRight(d.text[:from], " \r\n\t"); bytes.HasSuffix(before, []byte(",")) {
		from = len(before) - 1
	}
	return slices.Concat(d.text[:from], d.text[to:]), nil
}
