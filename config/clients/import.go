package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	yaml "go.yaml.in/yaml/v4"
)

// Imported are the servers of a client's file as upstreams of toolward.yaml.
type Imported struct {
	Upstreams []Upstream // in the order of the file; by name for TOML
	// Variables are what the upstreams refer to. Secrets have no place in
	// toolward.yaml.
	Variables []string
	// Values are what the variables stand for, of those that the file said.
	Values   map[string]string
	Warnings []string // what could not be carried over, by server
	EnvFile  string   // where Values are written to, as toolward.yaml shall name it; "" for nowhere
}

// ImportOptions are what an import is told.
type ImportOptions struct {
	// Secret reports whether a text holds a credential.
	Secret func(text string) bool
	// WantsLogin asks a server whether it wants a person to log in (OAuth); nil asks none.
	WantsLogin func(url string) bool
	// Installed is the version of an npm package that clients have started; "" if that is not known.
	Installed func(pkg string) string
}

// Upstream is an entry of upstreams: in toolward.yaml, secrets as ${VAR}.
type Upstream struct {
	Name      string            `yaml:"-"`
	Command   string            `yaml:"command,omitempty"`
	Args      []string          `yaml:"args,omitempty,flow"`
	Env       map[string]string `yaml:"env,omitempty"`
	Dir       string            `yaml:"dir,omitempty"`
	URL       string            `yaml:"url,omitempty"`
	Transport string            `yaml:"transport,omitempty"`
	Headers   map[string]string `yaml:"headers,omitempty"`
	OAuth     map[string]string `yaml:"oauth,omitempty,flow"`
	Timeout   string            `yaml:"timeout,omitempty"`
}

// maxFile bounds a client's file; Claude Code keeps its history in one.
const maxFile = 64 << 20

// Import reads a client's file: JSON, JSON with comments, or TOML, with the
// servers under mcpServers (Claude, Cursor, Gemini CLI), servers (VS Code),
// mcp_servers (Codex), context_servers (Zed) or mcp (opencode).
func Import(path string, o ImportOptions) (*Imported, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maxFile)
	}
	in, err := importText(data, strings.HasSuffix(path, ".toml"), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return in, nil
}

// server is one entry of a client's file, decoded.
type server struct {
	name   string
	fields map[string]any
}

func importText(data []byte, isTOML bool, o ImportOptions) (*Imported, error) {
	read := readJSON
	if isTOML {
		read = readTOML
	}
	servers, warnings, err := read(data)
	if err != nil {
		return nil, err
	}
	b := builder{opt: o, out: &Imported{Warnings: warnings}, names: map[string]bool{}, bound: map[string]string{}}
	for _, s := range servers {
		b.server(s)
	}
	b.out.Values = map[string]string{}
	for name, value := range b.bound {
		if !reference.MatchString(value) {
			b.out.Values[name] = value
		}
	}
	b.out.Variables = slices.Compact(slices.Sorted(slices.Values(b.out.Variables)))
	return b.out, nil
}

// roots are the members that clients keep servers under.
var roots = []string{"mcpServers", "servers", "mcp_servers", "context_servers", "mcp"}

var errNoServers = errors.New("no MCP servers in it: looked for " + strings.Join(roots, ", "))

// readJSON takes names in the order of the file from the syntax tree, and
// values decoded.
func readJSON(data []byte) (servers []server, warnings []string, err error) {
	tree, err := hujson.Parse(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, nil, err
	}
	top, err := objectOf(&tree)
	if err != nil {
		return nil, nil, errors.New("the file is not an object")
	}
	found := false
	for _, root := range roots {
		v := find(top, root)
		if v == nil {
			continue
		}
		o, err := objectOf(v)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", root, err)
		}
		if inner := find(o, "servers"); root == "mcp" && inner != nil { // VS Code's settings.json
			if o, err = objectOf(inner); err != nil {
				return nil, nil, fmt.Errorf("mcp.servers: %w", err)
			}
		}
		found = true
		for i := range o.Members {
			name := o.Members[i].Name.Value.(hujson.Literal).String()
			decoded, err := jsonValue(o.Members[i].Value.Pack())
			fields, ok := decoded.(map[string]any)
			if err != nil || !ok {
				warnings = append(warnings, name+": is not an object; left out")
				continue
			}
			servers = append(servers, server{name, fields})
		}
	}
	if projects := find(top, "projects"); projects != nil && bytes.Contains(projects.Pack(), []byte(`"mcpServers"`)) {
		warnings = append(warnings, "servers under projects (of single projects in Claude Code) are not imported")
		found = true
	}
	if !found {
		return nil, nil, errNoServers
	}
	return servers, warnings, nil
}

func readTOML(data []byte) (servers []server, warnings []string, err error) {
	var top map[string]any
	if err := toml.Unmarshal(data, &top); err != nil {
		return nil, nil, err
	}
	for _, root := range roots {
		t, _ := top[root].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(t)) {
			fields, ok := t[name].(map[string]any)
			if !ok {
				warnings = append(warnings, name+": is not a table; left out")
				continue
			}
			servers = append(servers, server{name, fields})
		}
	}
	if len(servers) == 0 && len(warnings) == 0 {
		return nil, nil, errNoServers
	}
	return servers, warnings, nil
}

// Render writes the upstreams section of toolward.yaml, the variables to set
// as comments above it.
func (in *Imported) Render(w io.Writer) error {
	ups := &yaml.Node{Kind: yaml.MappingNode}
	for i := range in.Upstreams {
		var v yaml.Node
		if err := v.Encode(&in.Upstreams[i]); err != nil {
			return err
		}
		ups.Content = append(ups.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: in.Upstreams[i].Name}, &v)
	}
	text := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	doc := &yaml.Node{Kind: yaml.MappingNode}
	if in.EnvFile != "" {
		doc.Content = append(doc.Content, text("env_file"), text(in.EnvFile))
	}
	doc.Content = append(doc.Content, text("upstreams"), ups)
	dumped, err := yaml.Dump(doc, yaml.WithLineWidth(-1))
	if err != nil {
		return err
	}
	if unset := in.Unset(); len(unset) > 0 {
		if _, err := fmt.Fprintf(w, "# Set these where toolward starts: %s\n", strings.Join(unset, ", ")); err != nil {
			return err
		}
	}
	_, err = w.Write(dumped)
	return err
}

// Unset are the variables that are in no file: to be set where toolward starts.
func (in *Imported) Unset() []string {
	if in.EnvFile == "" {
		return in.Variables
	}
	return slices.DeleteFunc(slices.Clone(in.Variables), func(name string) bool { _, ok := in.Values[name]; return ok })
}

// milliseconds writes a client's timeout as a duration; "" if it is none.
func milliseconds(n int64) string {
	const longest = 24 * time.Hour
	d := time.Duration(min(n, int64(longest/time.Millisecond))) * time.Millisecond
	if d <= 0 {
		return ""
	}
	return d.String()
}
