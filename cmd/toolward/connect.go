package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/config/clients"
)

// connection is what `toolward connect` is asked for.
type connection struct {
	clients.Options
	who                         bridgeAgent
	all, write, remove, project bool
	listing                     listing
}

func newConnect(g *globals) *cobra.Command {
	var c connection
	var how string
	cmd := &cobra.Command{
		Use:   "connect [CLIENT]",
		Short: "Print, or with --write put in place, a client's side of the connection",
		Long: "Prints what to put into a client's configuration so that it uses this gateway, or without a client\n" +
			"which are installed here and which have it already.\nClients: " + strings.Join(clients.Names(), ", ") + ".\n\n" +
			"With --write the client's file is edited: all else in it stays as it is, and a copy of the old one\nstays beside it. --remove takes the entry out again.\n\n" +
			"The entry is the first of these that client and gateway can do, or the one of --by:\n" +
			"  login     the address alone; the client logs in\n" +
			"  helper    the client runs a command that makes a token for each connection\n" +
			"  program   the client starts toolward stdio, which makes its own tokens\n" +
			"  variable  it refers to " + clients.Variable + ", which you set where the client starts\n" +
			"  token     the token of --token is in the file",
		Example:   "  toolward connect claude-code\n  toolward connect cursor --write\n  toolward connect --all --write\n  toolward connect cursor --remove",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: clients.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.How = clients.Kind(how)
			if err := c.gather(g, cmd); err != nil {
				return err
			}
			switch {
			case c.all && len(args) > 0:
				return errors.New("--all is every client that is installed; name one, or leave the name out")
			case c.all:
				return c.everywhere(cmd)
			case len(args) == 0 && (c.write || c.remove):
				return errors.New("name a client, or use --all for every one that is installed")
			case len(args) == 0:
				return c.list(cmd)
			case c.write || c.remove:
				return c.edit(cmd, args[0])
			}
			return c.print(cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.BoolVar(&c.write, "write", false, "edit the client's file")
	f.BoolVar(&c.remove, "remove", false, "take the entry out of the client's file")
	f.BoolVar(&c.all, "all", false, "every client that is installed; without --write say what would be done")
	f.BoolVar(&c.project, "project", false, "the file of the project in this folder, instead of the user's")
	f.StringVar(&how, "by", "", "how the client is let in: login, helper, program, variable or token")
	f.StringVar(&c.URL, "url", "", "MCP endpoint, instead of the configuration's")
	f.StringVar(&c.Token, "token", "", "token to write into the file")
	f.StringVar(&c.who.subject, "subject", "", "the agent's name in tokens that are made here (default: who runs it)")
	f.StringArrayVar(&c.who.roles, "role", nil, "a role in tokens that are made here; repeat for several")
	f.StringVar(&c.Name, "name", "", "name of the entry (default toolward)")
	c.listing.flag(cmd)
	cmd.MarkFlagsMutuallyExclusive("write", "remove")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"login", "helper", "program", "variable", "token"}, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
	return cmd
}

// gather completes the options by what is known of the gateway and this machine.
func (c *connection) gather(g *globals, cmd *cobra.Command) (err error) {
	if c.Home, err = os.UserHomeDir(); err != nil {
		return err
	}
	c.OS, c.Env, c.Program = runtime.GOOS, os.Getenv, exec.LookPath
	if c.project {
		if c.Project, err = os.Getwd(); err != nil {
			return err
		}
	}
	c.Mint = "toolward token mint --subject me"
	if c.URL != "" {
		c.Login = true // whether that gateway has a login is for it to say
		return clients.CheckURL(c.URL)
	}
	cfg, err := loadBeside(g)
	if err != nil {
		return err
	}
	base := nearAddress(baseURL(cfg))
	c.URL = base + "/mcp"
	c.Login = len(cfg.Auth.Issuers) > 0 || offersLogin(cfg, baseURL(cfg))
	c.Local = cfg.Auth.Local != nil
	if cmd.Flags().Changed("config") {
		c.Mint += " --config " + g.config
	}
	if c.Command, err = stdioCommand(g, c.who); err != nil || !c.Local {
		return err
	}
	c.Helper, err = headersCommand(g, c.who)
	return err
}

// headersCommand is the command line that prints headers with a new token, for the
// shell that a client gives it to. Without a configuration there is none: the
// command would have to run in the gateway's folder.
func headersCommand(g *globals, who bridgeAgent) (string, error) {
	if g.config == "" {
		return "", nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(g.config)
	if err != nil {
		return "", err
	}
	if who.subject == "" {
		op, err := whoRuns()
		if err != nil {
			return "", err
		}
		who.subject = op.Subject
	}
	words := []string{self, "token", "mint", "--headers", "--config", file, "--subject", who.subject}
	for _, role := range who.roles {
		words = append(words, "--role", role)
	}
	for i := range words {
		words[i] = shellWord(words[i], runtime.GOOS)
	}
	return strings.Join(words, " "), nil
}

// shellWord writes a word so that a shell takes it for one: sh, or cmd on Windows.
func shellWord(s, goos string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_@+=:,./-", r) || r == '\\' && goos == "windows"
	}
	switch {
	case s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !safe(r) }):
		return s
	case goos == "windows":
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// print shows a client's side of the connection.
func (c *connection) print(cmd *cobra.Command, id string) error {
	s, err := clients.Connect(id, c.Options)
	if err != nil {
		return err
	}
	if err := c.checkWho(s.How); err != nil {
		return err
	}
	where := "put this into " + s.Path
	if s.Path == "" {
		where = "paste this at " + s.Paste
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", s.Client, where)
	fmt.Fprint(cmd.OutOrStdout(), s.Text)
	printNotes(cmd.ErrOrStderr(), s.Notes)
	return nil
}

// checkWho refuses words about a token that is not made here.
func (c *connection) checkWho(how clients.Kind) error {
	if how != clients.ByProgram && how != clients.ByHelper && (c.who.subject != "" || c.who.roles != nil) {
		return fmt.Errorf("--subject and --role are of tokens that are made here, and an entry by %s has none of those: use --by program", how)
	}
	return nil
}

// edit changes a client's file.
func (c *connection) edit(cmd *cobra.Command, id string) error {
	talk := cmd.ErrOrStderr()
	if c.remove {
		w, err := clients.Remove(id, c.Options, time.Now())
		if err != nil {
			return err
		}
		switch {
		case !w.Changed:
			fmt.Fprintf(talk, "%s does not have it: %s\n", w.Client, w.Path)
		case w.Gone:
			fmt.Fprintf(talk, "%s: removed %s, which had nothing else in it; a copy is %s\n", w.Client, w.Path, w.Backup)
		default:
			fmt.Fprintf(talk, "%s: took it out of %s; the old file is %s\n", w.Client, w.Path, w.Backup)
		}
		return nil
	}
	s, err := clients.Connect(id, c.Options)
	if err != nil {
		return err
	}
	if err := c.checkWho(s.How); err != nil {
		return err
	}
	w, err := clients.Write(id, c.Options, time.Now())
	if err != nil {
		return err
	}
	switch {
	case !w.Changed:
		fmt.Fprintf(talk, "%s has it already: %s\n", w.Client, w.Path)
	case w.Backup != "":
		fmt.Fprintf(talk, "%s: wrote %s; the old file is %s\n", w.Client, w.Path, w.Backup)
	default:
		fmt.Fprintf(talk, "%s: wrote %s\n", w.Client, w.Path)
	}
	printNotes(talk, w.Notes)
	return nil
}

// everywhere does for every client that is installed what is asked for.
func (c *connection) everywhere(cmd *cobra.Command) error {
	found, err := clients.Look(c.Options)
	if err != nil {
		return err
	}
	talk := cmd.ErrOrStderr()
	done, wrong := 0, 0
	for _, f := range found {
		if f.File == "" || !f.Installed || c.remove && f.Entry == "" {
			continue
		}
		done++
		if c.write || c.remove {
			err = c.edit(cmd, f.Client)
		} else {
			var s clients.Snippet
			if s, err = clients.Connect(f.Client, c.Options); err == nil {
				fmt.Fprintf(talk, "%s: --write would put an entry by %s into %s\n", s.Client, s.How, s.Path)
			}
		}
		if err != nil {
			wrong++
			fmt.Fprintf(talk, "%s: %v\n", f.Title, err)
		}
	}
	switch {
	case wrong > 0:
		return foundError{fmt.Sprintf("%d of %d clients were left as they are", wrong, done)}
	case done == 0 && c.remove:
		fmt.Fprintln(talk, "no client has it")
	case done == 0:
		return foundError{"no client that is known here is installed; `toolward connect` lists them"}
	}
	return nil
}

// list shows which clients are known, and how they are here.
func (c *connection) list(cmd *cobra.Command) error {
	found, err := clients.Look(c.Options)
	if err != nil {
		return err
	}
	err = printRows(c.listing, cmd.OutOrStdout(), found, []string{"CLIENT", "INSTALLED", "ENTRY", "FILE"}, func(f clients.Found) []string {
		installed, entry, file := "no", f.Entry, f.File
		if f.Installed {
			installed = "yes"
		}
		if file == "" {
			file = "(its settings take the text)"
		}
		return []string{f.Client, installed, cmp.Or(entry, "no"), file}
	})
	if err == nil && c.listing.format == "table" {
		fmt.Fprintln(cmd.ErrOrStderr(), "toolward connect CLIENT prints an entry, --write puts it in place; --all is every client that is installed")
	}
	return err
}

// stdioCommand starts toolward stdio from any folder.
func stdioCommand(g *globals, who bridgeAgent) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file := g.config
	if file == "" && exists(defaultFile) {
		file = defaultFile
	}
	where := "--config"
	if file == "" {
		where = "--dir" // of a gateway without a configuration
	}
	if file, err = filepath.Abs(file); err != nil {
		return nil, err
	}
	command := []string{self, "stdio", where, file}
	if who.subject != "" {
		command = append(command, "--subject", who.subject)
	}
	for _, role := range who.roles {
		command = append(command, "--role", role)
	}
	return command, nil
}

func printNotes(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintln(w, "note: "+n)
	}
}

// baseURL is where agents reach a gateway of this configuration.
func baseURL(cfg *config.Config) string {
	switch {
	case cfg.PublicURL != "":
		return strings.TrimRight(cfg.PublicURL, "/")
	case cfg.TLS != nil:
		return "https://" + cfg.Listen
	}
	return "http://" + cfg.Listen
}
