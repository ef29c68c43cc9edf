package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/config/clients"
	"toolward/web/admin"
)

func newUpstreams(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use: "upstreams", Short: "List, add, remove, enable and disable upstreams, while the gateway runs",
		Long: "Edits `upstreams:` of toolward.yaml, and leaves comments, order and everything else in it as they are.\nThe running gateway is told, and takes it over at once; if it does not, the file stays as it was.",
	}
	cmd.AddCommand(newUpstreamsList(g), newUpstreamsAdd(g))
	for _, verb := range []struct {
		name, short, done string
		edit              func(text []byte, name string) ([]byte, error)
	}{
		{"remove", "Take an upstream out of toolward.yaml, with the comment above it", "removed", config.RemoveUpstream},
		{"disable", "Keep an upstream in toolward.yaml, and do not start it", "disabled", func(text []byte, name string) ([]byte, error) { return config.EnableUpstream(text, name, false) }},
		{"enable", "Start an upstream that was disabled", "enabled", func(text []byte, name string) ([]byte, error) { return config.EnableUpstream(text, name, true) }},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: verb.name + " NAME", Short: verb.short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				name := args[0]
				return editConfig(cmd, g, name, name+" is "+verb.done, func(text []byte) ([]byte, error) { return verb.edit(text, name) })
			},
		})
	}
	return cmd
}

func newUpstreamsAdd(g *globals) *cobra.Command {
	var (
		e            config.Entry
		env, headers []string
	)
	cmd := &cobra.Command{
		Use:   "add NAME (--url URL | --openapi FILE | -- COMMAND [ARGUMENT…])",
		Short: "Add an upstream to toolward.yaml",
		Long:  "Adds an MCP server at a URL, an HTTP API with an OpenAPI document, or a program that is started. Write secrets\nas '${NAME}': the gateway replaces that by the variable of its environment, or of a file that env_file: names.",
		Example: "  toolward upstreams add tickets --url https://tickets.example.com/mcp --header 'Authorization=Bearer ${TICKETS_TOKEN}'\n" +
			"  toolward upstreams add files --label private -- npx -y @modelcontextprotocol/server-filesystem /srv/docs",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			name := args[0]
			if at := cmd.ArgsLenAtDash(); at > 1 || at < 0 && len(args) > 1 {
				return errors.New("a program stands behind --: toolward upstreams add NAME -- COMMAND ARGUMENT…")
			}
			if len(args) > 1 {
				e.Command, e.Args = args[1], args[2:]
				if note := clients.Unfixed(e.Command, e.Args); note != "" {
					fmt.Fprintln(cmd.ErrOrStderr(), "note: "+printable(note))
				}
			}
			if e.Env, err = assigned(env); err == nil {
				e.Headers, err = assigned(headers)
			}
			if err != nil {
				return err
			}
			return editConfig(cmd, g, name, name+" is added", func(text []byte) ([]byte, error) { return config.AddUpstream(text, name, e) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.URL, "url", "", "address of an MCP server")
	f.StringVar(&e.OpenAPI, "openapi", "", "file with an OpenAPI document")
	f.StringVar(&e.BaseURL, "base-url", "", "address of the API, if the document does not say it")
	f.StringArrayVar(&env, "env", nil, "NAME=VALUE for the program's environment; repeat for several")
	f.StringArrayVar(&headers, "header", nil, "NAME=VALUE that is sent with each request; repeat for several")
	f.StringArrayVar(&e.Labels, "label", nil, "private, untrusted, external or your own; repeat for several")
	return cmd
}

// assigned reads NAME=VALUE.
func assigned(all []string) (map[string]string, error) {
	if all == nil {
		return nil, nil
	}
	values := map[string]string{}
	for _, one := range all {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return nil, errors.New("write NAME=VALUE") // not what was written: it may be a secret
		}
		values[name] = value
	}
	return values, nil
}

// editConfig changes the file and has the running gateway take it over; what the
// gateway refuses is taken back.
func editConfig(cmd *cobra.Command, g *globals, name, done string, edit func([]byte) ([]byte, error)) error {
	cfg, err := loadBeside(g)
	if err != nil {
		return err
	}
	if g.config == "" {
		return errNoConfig
	}
	path, err := filepath.EvalSymlinks(g.config)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := edit(before)
	if err != nil {
		return fmt.Errorf("%s: %w", g.config, err)
	}
	if string(after) == string(before) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s already\n", done)
		return nil
	}
	if err := config.CheckBeside(g.config, after); err != nil {
		return fmt.Errorf("that would make the file wrong, so it stays as it is:\n%w", err)
	}
	if err := replaceFile(path, after); err != nil {
		return err
	}
	o, err := noted(cfg)
	if err == nil {
		defer func() { _ = o.close() }()
		err = tellGateway(cmd.Context(), cmd.ErrOrStderr(), o, name, done)
	}
	switch problem := (*problemError)(nil); {
	case err == nil:
		return nil
	case errors.As(err, &problem) && problem.code == "bad_config":
		return errors.Join(fmt.Errorf("the gateway does not take it over, so the file stays as it was:\n%w", err), replaceFile(path, before))
	case errors.As(err, &problem):
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s in %s; no gateway runs on it that could be told: it takes effect with the next start\n", done, g.config)
	return nil
}

// tellGateway has the gateway read its configuration, and says what became of an upstream.
func tellGateway(ctx context.Context, talk io.Writer, o *operations, name, done string) error {
	var said admin.Reloaded
	if err := o.ask(ctx, http.MethodPost, "config/reload", nil, &said); err != nil {
		return err
	}
	var health admin.Health
	if err := o.ask(ctx, http.MethodGet, "health", nil, &health); err != nil {
		return err
	}
	state := "the running gateway does not offer it any more"
	for _, u := range health.Upstreams {
		if u.Name == name && u.Up {
			state = "it is up"
		} else if u.Name == name {
			state = "it is not up: " + u.Reason
		}
	}
	fmt.Fprintf(talk, "%s; %s\n", done, printable(state))
	if len(said.Restart) > 0 {
		fmt.Fprintf(talk, "the file also differs in what only a restart changes: %s\n", printable(strings.Join(said.Restart, ", ")))
	}
	return nil
}

// replaceFile writes the whole file or nothing, and leaves its mode.
func replaceFile(path string, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".toolward-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// listedUpstream is an upstream of the file, and how it is in the running gateway.
type listedUpstream struct {
	config.Listed
	State string `json:"state"`
}

func newUpstreamsList(g *globals) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use: "list", Short: "The upstreams of toolward.yaml, and how they are in the running gateway", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			if g.config == "" {
				return errNoConfig
			}
			text, err := os.ReadFile(g.config)
			if err != nil {
				return err
			}
			all, err := config.List(text)
			if err != nil {
				return err
			}
			states, err := upstreamStates(cmd.Context(), cfg)
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "no gateway runs on this configuration that could be asked")
			}
			rows := make([]listedUpstream, len(all))
			for i, u := range all {
				rows[i] = listedUpstream{u, states.of(u)}
			}
			return printRows(l, cmd.OutOrStdout(), rows, []string{"NAME", "WHAT", "LABELS", "STATE"}, func(u listedUpstream) []string {
				return []string{u.Name, short(u.What, 60), strings.Join(u.Labels, ","), short(u.State, 200)}
			})
		},
	}
	l.flag(cmd)
	return cmd
}

// states are how upstreams are in the running gateway; nil if none could be asked.
type states map[string]admin.UpstreamHealth

func upstreamStates(ctx context.Context, cfg *config.Config) (states, error) {
	o, err := noted(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.close() }()
	var health admin.Health
	if err := o.ask(ctx, http.MethodGet, "health", nil, &health); err != nil {
		return nil, err
	}
	all := states{}
	for _, u := range health.Upstreams {
		all[u.Name] = u
	}
	return all, nil
}

func (s states) of(u config.Listed) string {
	h, known := s[u.Name]
	switch {
	case !u.Enabled:
		return "disabled"
	case s == nil:
		return "unknown"
	case !known:
		return "not in force yet"
	case h.Up:
		return "up"
	}
	return "not up: " + h.Reason
}
