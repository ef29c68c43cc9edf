package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/config/clients"
)

func newConnect(g *globals) *cobra.Command {
	var (
		write bool
		who   bridgeAgent
		opt   clients.Options
	)
	cmd := &cobra.Command{
		Use:       "connect CLIENT",
		Short:     "Print, or with --write put in place, a client's side of the connection",
		Long:      "Prints what to put into a client's configuration so that it uses this gateway.\nClients: " + strings.Join(clients.Names(), ", ") + ".\n\nWith --write the client's file is edited; a copy of the old one stays beside it.",
		Example:   "  toolward connect claude-code\n  toolward connect cursor --write --token \"$(toolward token mint --subject me --role demo)\"",
		Args:      cobra.ExactArgs(1),
		ValidArgs: clients.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opt.Home, err = os.UserHomeDir(); err != nil {
				return err
			}
			opt.OS, opt.AppData = runtime.GOOS, os.Getenv("APPDATA")
			if opt.URL == "" {
				if opt.URL, err = endpoint(g); err != nil {
					return err
				}
			}
			if !clients.Starts(args[0]) && (who.subject != "" || who.roles != nil) {
				return errors.New("--subject and --role are for clients that start toolward stdio: " + args[0] + " has its token from you")
			}
			if opt.Command, err = stdioCommand(g, who); err != nil {
				return err
			}
			if !write {
				s, err := clients.Connect(args[0], opt)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: put this into %s\n", s.Client, s.Path)
				fmt.Fprintln(cmd.OutOrStdout(), s.Text)
				printNotes(cmd.ErrOrStderr(), s.Notes)
				return nil
			}
			w, err := clients.Write(args[0], opt, time.Now())
			if err != nil {
				return err
			}
			switch {
			case !w.Changed:
				fmt.Fprintf(cmd.ErrOrStderr(), "%s has it already: %s\n", w.Client, w.Path)
			case w.Backup != "":
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: wrote %s; the old file is %s\n", w.Client, w.Path, w.Backup)
			default:
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: wrote %s\n", w.Client, w.Path)
			}
			printNotes(cmd.ErrOrStderr(), w.Notes)
			return nil
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "edit the client's file")
	cmd.Flags().StringVar(&opt.URL, "url", "", "MCP endpoint, instead of the configuration's")
	cmd.Flags().StringVar(&opt.Token, "token", "", "token to write into the file; without it the file refers to "+clients.Variable)
	cmd.Flags().StringVar(&who.subject, "subject", "", "the agent's name, for a client that starts toolward stdio (default: who runs it)")
	cmd.Flags().StringArrayVar(&who.roles, "role", nil, "a role of the agent, for a client that starts toolward stdio; repeat for several")
	cmd.Flags().StringVar(&opt.Name, "name", "", "name of the entry (default toolward)")
	return cmd
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

// endpoint is the MCP endpoint that the configuration says.
func endpoint(g *globals) (string, error) {
	cfg, err := loadBeside(g)
	if err != nil {
		return "", err
	}
	return baseURL(cfg) + "/mcp", nil
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
