// Package clients knows the configuration files of MCP clients: it writes the
// entry that points one at the gateway ([Connect], [Write]), and reads the
// servers that are in one, to put them behind it ([Import]).
//
// Editing keeps comments, order and all other entries, and checks that it did:
// the file is read before and after, and if anything but our entry differs,
// nothing is written. The old file stays beside the new one.
package clients

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Options describe the gateway that a client shall use.
type Options struct {
	Name  string // of the entry; "" means "toolward"
	URL   string // MCP endpoint, "http://127.0.0.1:8080/mcp"
	Token string // bearer token; "" refers to the variable TOOLWARD_TOKEN where the client can
	// Command starts toolward stdio, for clients that only start programs: by
	// absolute paths, since they start it in a folder of theirs. Empty means
	// "toolward", "stdio".
	Command []string
	// Where the client's files are: its user's home directory, the operating
	// system as runtime.GOOS names it, and for Windows the directory %APPDATA%.
	Home, OS, AppData string
}

// Variable is what entries without a token refer to.
const Variable = "TOOLWARD_TOKEN"

// Snippet is a client's side of the connection.
type Snippet struct {
	Client string   // its title, "Claude Code"
	Path   string   // file that it belongs into
	Text   string   // what to put there: a whole file if there is none yet
	Notes  []string // what else to know or do
}

// client is how one client is configured.
type client struct {
	id, title string
	program   bool // it starts toolward stdio
	path      func(Options) string
	root      string                      // member of the file that holds the servers; a table of TOML files
	entry     func(Options) any           // value of the entry; a string of lines for TOML
	extra     func(Options) (string, any) // another root member, and the element that its array needs; may be nil
	notes     func(Options) []string
}

// pair keeps members in the order in which people write them.
type pair struct {
	name  string
	value any
}

// object is a JSON object in order.
type object []pair

var all = []client{
	{
		id: "claude-code", title: "Claude Code", root: "mcpServers",
		path: func(o Options) string { return filepath.Join(o.Home, ".claude.json") },
		entry: func(o Options) any {
			return object{{"type", "http"}, {"url", o.URL}, {"headers", bearer(o, "${"+Variable+"}")}}
		},
		notes: func(o Options) []string {
			return append(setVariable(o), "for one project only, put the same into .mcp.json of the project")
		},
	},
	{
		id: "claude-desktop", title: "Claude Desktop", root: "mcpServers", program: true,
		path: func(o Options) string { return appPath(o, "Claude", "claude_desktop_config.json") },
		entry: func(o Options) any {
			entry := object{{"command", o.Command[0]}, {"args", o.Command[1:]}}
			if o.Token != "" {
				entry = append(entry, pair{"env", object{{Variable, o.Token}}})
			}
			return entry
		},
		notes: func(o Options) []string {
			notes := []string{"its file takes programs only, so it starts toolward stdio, which connects to the gateway that runs", "restart Claude Desktop afterwards"}
			if o.Token == "" {
				notes = append(notes, "it needs no token: toolward stdio makes its own, again before each ends; give roles that your policy wants by --role")
			}
			return notes
		},
	},
	{
		id: "cursor", title: "Cursor", root: "mcpServers",
		path: func(o Options) string { return filepath.Join(o.Home, ".cursor", "mcp.json") },
		entry: func(o Options) any {
			return object{{"url", o.URL}, {"headers", bearer(o, "${env:"+Variable+"}")}}
		},
		notes: setVariable,
	},
	{
		id: "vscode", title: "VS Code", root: "servers",
		path: func(o Options) string { return appPath(o, filepath.Join("Code", "User"), "mcp.json") },
		entry: func(o Options) any {
			return object{{"type", "http"}, {"url", o.URL}, {"headers", bearer(o, "${input:toolward-token}")}}
		},
		extra: func(o Options) (string, any) {
			if o.Token != "" {
				return "", nil
			}
			return "inputs", object{{"type", "promptString"}, {"id", "toolward-token"}, {"description", "Token for toolward"}, {"password", true}}
		},
		notes: func(o Options) []string {
			if o.Token != "" {
				return nil
			}
			return []string{"VS Code asks for the token once and keeps it"}
		},
	},
	{
		id: "codex", title: "Codex", root: "mcp_servers",
		path: func(o Options) string { return filepath.Join(o.Home, ".codex", "config.toml") },
		entry: func(o Options) any {
			lines := "url = " + tomlString(o.URL) + "\n"
			if o.Token != "" {
				return lines + "http_headers = { Authorization = " + tomlString("Bearer "+o.Token) + " }\n"
			}
			return lines + "bearer_token_env_var = " + tomlString(Variable) + "\n"
		},
		notes: setVariable,
	},
	{
		id: "gemini-cli", title: "Gemini CLI", root: "mcpServers",
		path: func(o Options) string { return filepath.Join(o.Home, ".gemini", "settings.json") },
		entry: func(o Options) any {
			return object{{"httpUrl", o.URL}, {"headers", bearer(o, "${"+Variable+"}")}}
		},
		notes: setVariable,
	},
}

func bearer(o Options, reference string) object {
	if o.Token != "" {
		reference = o.Token
	}
	return object{{"Authorization", "Bearer " + reference}}
}

func setVariable(o Options) []string {
	if o.Token != "" {
		return nil
	}
	return []string{"set " + Variable + " where the client starts: export " + Variable + "=$(toolward token mint --subject me)"}
}

// appPath is where desktop applications keep their files.
func appPath(o Options, app, file string) string {
	switch o.OS {
	case "darwin":
		return filepath.Join(o.Home, "Library", "Application Support", app, file)
	case "windows":
		return filepath.Join(o.AppData, app, file)
	}
	return filepath.Join(o.Home, ".config", app, file)
}

// Names are the clients that are known, as [Connect] takes them.
func Names() []string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].id
	}
	return names
}

// Starts reports whether a client starts toolward stdio, rather than to connect to
// the gateway itself.
func Starts(id string) bool {
	return slices.ContainsFunc(all, func(c client) bool { return c.id == id && c.program })
}

// prepare finds the client and completes the options.
func prepare(id string, o *Options) (*client, error) {
	i := slices.IndexFunc(all, func(c client) bool { return c.id == id })
	if i < 0 {
		return nil, fmt.Errorf("unknown client %q; known are %s", id, strings.Join(Names(), ", "))
	}
	if o.Name == "" {
		o.Name = "toolward"
	}
	if len(o.Command) == 0 {
		o.Command = []string{"toolward", "stdio"}
	}
	return &all[i], nil
}

// Connect returns what a client needs to use the gateway. It reads and writes
// no files.
func Connect(id string, o Options) (Snippet, error) {
	c, err := prepare(id, &o)
	if err != nil {
		return Snippet{}, err
	}
	text, err := c.edit(nil, o)
	if err != nil {
		return Snippet{}, err
	}
	return Snippet{Client: c.title, Path: c.path(o), Text: string(text), Notes: c.notes(o)}, nil
}

// edit returns the file's content with the entry in it.
func (c *client) edit(old []byte, o Options) ([]byte, error) {
	if strings.HasSuffix(c.path(o), ".toml") {
		return editTOML(old, c.root, o.Name, c.entry(o).(string))
	}
	list, element := "", any(nil)
	if c.extra != nil {
		list, element = c.extra(o)
	}
	return editJSON(old, c.root, o.Name, c.entry(o), list, element)
}
