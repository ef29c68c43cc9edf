package clients

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// expand makes a path of one of the table's, false where it names a variable that
// is not set.
//
//	"{config}/Code/User/mcp.json" → "/home/a/.config/Code/User/mcp.json"
func (o Options) expand(template string) (string, bool) {
	root, rest, _ := strings.Cut(template, "/")
	switch root {
	case "~":
		root = o.Home
	case "{config}":
		switch o.OS {
		case "darwin":
			root = filepath.Join(o.Home, "Library", "Application Support")
		case "windows":
			root = o.Env("APPDATA")
		default:
			root = o.xdg()
		}
	case "{xdg}":
		root = o.xdg()
	case "{local}":
		root = o.Env("LOCALAPPDATA")
	default:
		root = o.Env(strings.TrimPrefix(root, "$"))
	}
	return filepath.Join(root, filepath.FromSlash(rest)), root != ""
}

func (o Options) xdg() string {
	if dir := o.Env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) { // "all paths must be absolute", XDG Base Directory Specification
		return dir
	}
	return filepath.Join(o.Home, ".config")
}

// paths are where the client's file can be.
func (c *client) paths(o Options) []string {
	templates := c.Files
	if o.OS == "darwin" && c.Darwin != nil {
		templates = c.Darwin
	}
	if o.OS == "windows" && c.Windows != nil {
		templates = c.Windows
	}
	var all []string
	for _, t := range templates {
		p, ok := o.expand(t)
		if !ok {
			continue
		}
		if strings.HasPrefix(t, "$") {
			return []string{p}
		}
		all = append(all, p)
	}
	return all
}

// place is the client's file, or where its settings take the text.
func (c *client) place(o Options) (file, paste string, err error) {
	if o.Project != "" {
		if c.Project == "" {
			return "", "", fmt.Errorf("%s has no file for a project", c.Title)
		}
		return filepath.Join(o.Project, filepath.FromSlash(c.Project)), "", nil
	}
	all := c.paths(o)
	for _, p := range all {
		if exists(p) {
			return p, "", nil
		}
	}
	if len(all) == 0 {
		if c.Paste == "" {
			return "", "", fmt.Errorf("where %s has its file is not known here", c.Title)
		}
		return "", c.Paste, nil
	}
	return all[0], "", nil
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// Found is a client as it is here.
type Found struct {
	Client    string `json:"client"`
	Title     string `json:"title"`
	Installed bool   `json:"installed"` // its program, its folder or its file is there
	Entry     string `json:"entry"`     // how the gateway is in its file: a [Kind], "" if it is not there, or what is wrong with the file
	File      string `json:"file,omitempty"`
}

// Look finds out which clients are here, and which have an entry of that name.
func Look(o Options) ([]Found, error) {
	var all []Found
	for _, id := range Names() {
		c, err := prepare(id, &o)
		if err != nil {
			return nil, err
		}
		file, _, err := c.place(o)
		if err != nil {
			continue
		}
		f := Found{Client: c.ID, Title: c.Title, File: file, Installed: c.installed(o)}
		if file != "" {
			f.Entry = c.entryIn(file, o.Name)
		}
		all = append(all, f)
	}
	return all, nil
}

func (c *client) installed(o Options) bool {
	if o.Project != "" {
		return exists(filepath.Join(o.Project, filepath.FromSlash(c.Project)))
	}
	for _, p := range c.paths(o) {
		if exists(p) {
			return true
		}
	}
	for _, t := range append(c.Signs, c.folders()...) {
		if p, ok := o.expand(t); ok && exists(p) {
			return true
		}
	}
	for _, p := range c.Programs {
		if o.Program == nil {
			break
		}
		if _, err := o.Program(p); err == nil {
			return true
		}
	}
	return false
}

// folders are those of its files that are its own.
func (c *client) folders() []string {
	var all []string
	for _, t := range c.Files {
		if dir := path.Dir(t); strings.Contains(dir, "/") {
			all = append(all, dir)
		}
	}
	return all
}

// entryIn says what kind of entry a file has.
func (c *client) entryIn(file, name string) string {
	old, err := os.ReadFile(file)
	if err != nil {
		if os.IsNotExist(err) {
			return ""
		}
		return err.Error()
	}
	doc, err := decode(c.Format, old)
	if err != nil {
		return err.Error()
	}
	servers, err := serversOf(doc, c.Root, c.List)
	if err != nil {
		return err.Error()
	}
	entry, ok := servers.find(name)
	if !ok {
		return ""
	}
	return string(c.kindOf(entry))
}

// kindOf is the kind of an entry that is there, by what it has.
func (c *client) kindOf(entry any) Kind {
	has := func(o object) bool {
		for _, l := range o.leaves() {
			if _, ok := lookup(entry, l.path); ok && !constant(l.value) {
				return true
			}
		}
		return false
	}
	switch {
	case has(c.Helper):
		return ByHelper
	case has(c.HTTP):
		switch token, ok := lookup(entry, c.Auth.leaves()[0].path); {
		case len(c.ByVariable) > 0:
			if _, ok := lookup(entry, c.ByVariable.leaves()[0].path); ok {
				return ByVariable
			}
			if !ok {
				return ByLogin
			}
			return ByToken
		case !ok:
			return ByLogin
		case c.Variable != "" && strings.Contains(fmt.Sprint(token), c.Variable):
			return ByVariable
		}
		return ByToken
	case has(c.Env):
		return ByToken
	}
	return ByProgram
}

// constant is a member that says the same in each entry of its kind, such as a type,
// and so tells nothing apart.
func constant(value any) bool {
	s, ok := value.(string)
	return ok && (s == "{name}" || !strings.HasPrefix(s, "{"))
}
