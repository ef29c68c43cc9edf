// Package clients knows the configuration files of MCP clients: it writes the
// entry that points one at the gateway ([Connect], [Write]) and takes it out again
// ([Remove]), finds out which are there ([Look]), and reads the servers that are in
// one, to put them behind the gateway ([Import]).
//
// What is known of each client is data: clients.yaml.
//
// Editing keeps comments, order, line ends and all other entries, and checks that
// it did: the file is read before and after, and if anything but our entry
// differs, nothing is written. The old file stays beside the new one.
package clients

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
)

// Options describe the gateway that a client shall use.
type Options struct {
	Name  string // of the entry; "" means "toolward"
	URL   string // MCP endpoint, "http://127.0.0.1:8080/mcp"
	Token string // bearer token to write into the entry; "" for none
	// How is the kind of entry; "" is the first of [Kinds] that the client and the
	// gateway can do, or ByToken where there is a token.
	How Kind
	// Login says that the gateway lets clients log in (MCP authorization).
	Login bool
	// Command starts toolward stdio for this gateway, by absolute paths, since
	// clients start it in a folder of theirs. Empty if the gateway is elsewhere.
	Command []string
	// Local says that tokens are made here, by a local issuer.
	Local bool
	// Helper is a command line that prints headers with a new token as JSON; "" if
	// tokens are not made here.
	Helper string
	// Mint is the command line that makes a token, for notes.
	Mint string
	// Where the client's files are: its user's home directory, the operating
	// system as runtime.GOOS names it, and the environment.
	Home, OS string
	Env      func(name string) string
	// Program finds a program, as exec.LookPath does; only [Look] asks.
	Program func(name string) (string, error)
	// Project is the folder of a project, whose own file is meant then.
	Project string
}

// Variable is what entries without a token refer to.
const Variable = "TOOLWARD_TOKEN"

// Snippet is a client's side of the connection.
type Snippet struct {
	Client string   // its title, "Claude Code"
	How    Kind     // the kind of entry
	Path   string   // file that it belongs into; "" if it has none that is known
	Paste  string   // where its settings take the text, if it has no file
	Text   string   // what to put there: a whole file if there is none yet
	Notes  []string // what else to know or do
}

// prepare finds the client and completes the options.
func prepare(id string, o *Options) (*client, error) {
	c, err := lookUp(id)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = "toolward"
	}
	if !entryName.MatchString(o.Name) {
		return nil, fmt.Errorf("the name %q has more than letters, digits, - and _, which not every client takes; it has 1 to 32 of them", o.Name)
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	return c, nil
}

// entryName is what all clients take: tools are called mcp__NAME__TOOL in some.
var entryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// CheckURL refuses what is not the address of an endpoint.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return fmt.Errorf("%q is not an address: it begins with http:// or https://, as http://127.0.0.1:8080/mcp does", raw)
	case u.User != nil:
		return fmt.Errorf("an address with a user or a password would be in the client's file; give a token by --token")
	case u.Fragment != "" || u.RawQuery != "":
		return fmt.Errorf("%q has more than an endpoint's address: leave out what begins with ? or #", raw)
	case u.Path == "" || u.Path == "/":
		return fmt.Errorf("%q has no path: the gateway's endpoint is %s", raw, u.JoinPath("mcp"))
	}
	return nil
}

// inClear reports whether what is sent to an address can be read on its way.
func inClear(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// Connect returns what a client needs to use the gateway. It changes no files.
func Connect(id string, o Options) (Snippet, error) {
	c, err := prepare(id, &o)
	if err != nil {
		return Snippet{}, err
	}
	return c.connect(o)
}

func (c *client) connect(o Options) (Snippet, error) {
	s := Snippet{Client: c.Title}
	var err error
	if s.Path, s.Paste, err = c.place(o); err != nil {
		return s, err
	}
	ch, how, err := c.change(o)
	if err != nil {
		return s, err
	}
	text, err := ch.edit(c.Format, nil)
	if err != nil {
		return s, err
	}
	s.How, s.Text, s.Notes = how, string(text), c.notes(o, how)
	return s, nil
}
