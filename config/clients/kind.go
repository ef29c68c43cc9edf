package clients

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is how an entry lets its client in.
type Kind string

// Kinds of entries, the ones that last longest with the least to keep first.
const (
	ByLogin    Kind = "login"    // the address alone: the client logs in
	ByHelper   Kind = "helper"   // the client runs a command that makes the token
	ByProgram  Kind = "program"  // the client starts toolward stdio, which makes the token
	ByVariable Kind = "variable" // the entry refers to TOOLWARD_TOKEN
	ByToken    Kind = "token"    // the token is in the entry
)

// Kinds are all of them, in the order in which they are preferred.
var Kinds = []Kind{ByLogin, ByHelper, ByProgram, ByVariable, ByToken}

// can says why a client cannot have a kind of entry, or nil.
func (c *client) can(how Kind, o Options) error {
	switch how {
	case ByLogin, ByVariable:
		if c.HTTP == nil {
			return fmt.Errorf("%s starts programs only", c.Title)
		}
	}
	switch how {
	case ByLogin:
		if !c.Login {
			return fmt.Errorf("%s is not known to log in by itself", c.Title)
		}
		if !o.Login {
			return errors.New("the gateway has no login of its own to offer")
		}
	case ByHelper:
		if c.Helper == nil {
			return fmt.Errorf("%s runs no command for its headers", c.Title)
		}
		if o.Helper == "" {
			return errors.New("tokens of that gateway are not made here")
		}
	case ByProgram:
		if len(o.Command) == 0 {
			return errors.New("toolward stdio connects to the gateway of a configuration here, not to one that is elsewhere")
		}
		if !o.Local {
			return errors.New("the configuration has no local issuer, whose tokens toolward stdio makes")
		}
	case ByVariable:
		if c.Variable == "" && c.ByVariable == nil {
			return fmt.Errorf("%s reads no variables", c.Title)
		}
	case ByToken:
		if o.Token == "" {
			return errors.New("there is no token: give one by --token")
		}
		if c.HTTP == nil && len(o.Command) == 0 {
			return fmt.Errorf("%s starts programs only, and toolward stdio connects to the gateway of a configuration here", c.Title)
		}
	default:
		return fmt.Errorf("there is no kind %q; there are %s", how, kindNames())
	}
	if o.Project == "" {
		return nil
	}
	switch how {
	case ByHelper, ByProgram:
		return errors.New("a project's file is for everybody who works on it, and the paths of this machine are not")
	case ByToken:
		return errors.New("a project's file is for everybody who works on it, and a token is not")
	}
	return nil
}

func kindNames() string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// kind is the kind of entry that the client gets.
func (c *client) kind(o Options) (Kind, error) {
	switch {
	case o.How != "":
		return o.How, c.can(o.How, o)
	case o.Token != "":
		return ByToken, c.can(ByToken, o)
	case c.First != "" && c.can(c.First, o) == nil:
		return c.First, nil
	}
	var why []string
	for _, how := range Kinds {
		err := c.can(how, o)
		if err == nil {
			return how, nil
		}
		if !slices.Contains(why, err.Error()) {
			why = append(why, err.Error())
		}
	}
	return "", errors.New(strings.Join(why, "; "))
}

// change is what is done to the client's file.
func (c *client) change(o Options) (*change, Kind, error) {
	how, err := c.kind(o)
	if err != nil {
		return nil, "", err
	}
	entry := c.HTTP
	bearer := "Bearer " + c.Variable
	switch how {
	case ByHelper:
		entry = entry.with(c.Helper)
	case ByProgram:
		entry = c.Program
	case ByVariable:
		if c.ByVariable != nil {
			entry = entry.with(c.ByVariable)
		} else {
			entry = entry.with(c.Auth)
		}
	case ByToken:
		bearer = "Bearer " + o.Token
		entry = entry.with(c.Auth)
		if c.HTTP == nil {
			entry = c.Program.with(c.Env)
		}
	}
	values := map[string]any{"url": o.URL, "bearer": bearer, "token": o.Token, "helper": o.Helper, "name": o.Name}
	if len(o.Command) > 0 {
		values["command"], values["args"], values["argv"] = o.Command[0], o.Command[1:], o.Command
	}
	return &change{root: c.Root, name: o.Name, list: c.List, entry: entry.fill(values), defaults: c.Defaults, ours: c.ours()}, how, nil
}

// ours are the members of an entry that are set here: what stands there and is not
// of the kind that is written goes.
func (c *client) ours() [][]string {
	var all [][]string
	for _, o := range []object{c.HTTP, c.Auth, c.Program, c.Env, c.Helper, c.ByVariable} {
		for _, l := range o.leaves() {
			all = append(all, l.path)
		}
	}
	return all
}

// notes are what a person has to know or to do.
func (c *client) notes(o Options, how Kind) []string {
	var all []string
	switch how {
	case ByProgram:
		all = append(all, "it starts toolward stdio, which connects to the gateway that runs and makes its own token; give roles that your policy wants by --role")
	case ByVariable:
		all = append(all, "set "+Variable+" where the client starts: export "+Variable+"=$("+o.Mint+")")
	case ByToken:
		all = append(all, "the token is in the file as it is: it lets in whoever reads it")
	case ByHelper:
		all = append(all, "it runs toolward token mint for each connection; give roles that your policy wants by --role")
	}
	if how != ByProgram && inClear(o.URL) {
		all = append(all, "what is sent to "+o.URL+" can be read on its way, tokens included: serve it over TLS")
	}
	for _, key := range []string{string(how), "all"} {
		if text := c.After[key]; text != "" {
			all = append(all, sentence(text, o))
		}
	}
	return all
}
