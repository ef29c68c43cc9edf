package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/auth"
	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/definition"
	"toolward/upstream"
	"toolward/web/admin"
)

func newTools(g *globals) *cobra.Command {
	w := &toolsWhere{}
	w.whereFlags = whereFlags{g: g, local: w.inRecord}
	cmd := &cobra.Command{
		Use: "tools", Short: "What upstreams offer, and what changed since it was accepted",
		Long: "Asks the running gateway. Where no gateway runs, `list` and `show` believe the definitions that are pinned, and\n" +
			"start upstreams of which none are; `diff --fresh` starts the upstreams, and `pin` the one that it is about.",
	}
	w.flag(cmd)
	cmd.AddCommand(newToolsList(w), newToolsShow(w), newToolsCall(g, &w.whereFlags), newToolsDiff(w), newToolsPin(w))
	return cmd
}

// newCatalog starts the configured upstreams, to look at what they offer.
func newCatalog(ctx context.Context, cfg *config.Config, pins upstream.Pins) (*upstream.Catalog, error) {
	log := slog.New(slog.DiscardHandler)
	opt, err := guardOptions(cfg, log)
	if err != nil {
		return nil, err
	}
	scanner, err := guard.New(opt)
	if err != nil {
		return nil, err
	}
	var servers []upstream.Server
	for _, u := range cfg.Upstreams {
		s, err := upstreamServer(cfg, u, noQuestions, log)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	return upstream.New(ctx, upstream.Options{Servers: servers, Pins: pins, Strict: cfg.Pins.Strict, Narrows: narrows(cfg), Inspect: scanner.Inspect, Shadows: scanner.Shadows, Logger: log})
}

// narrows says which changes of a definition need no person, nil for none.
func narrows(cfg *config.Config) func(accepted, now json.RawMessage) bool {
	if cfg.Pins.Narrower != "accept" {
		return nil
	}
	return func(accepted, now json.RawMessage) bool {
		class := definition.Compare(accepted, now)
		return class == definition.Narrower || class == definition.Same
	}
}

// openPins is the store of accepted definitions: the lock file, or the record if
// there is one already. While a gateway has the record open, nothing is known to be
// accepted, so nothing is quarantined for being another than before.
func openPins(ctx context.Context, cfg *config.Config) (upstream.Pins, func() error, error) {
	if cfg.Pins.File != "" {
		return upstream.NewLockFile(cfg.Pins.File), nothing, nil
	}
	r, err := openRecord(ctx, cfg)
	switch {
	case errors.Is(err, audit.ErrInUse):
		return upstream.NewMemoryPins(), nothing, nil
	case err != nil:
		return nil, nil, err
	}
	return r.pins(), r.close, nil
}

func newToolsList(w *toolsWhere) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list [SERVER]",
		Short: "Every tool, prompt and resource, quarantined ones included",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := lookFresh[admin.ToolList](cmd, w, "tools?"+ofServer(args).Encode(), args...)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(list.Down)) {
				fmt.Fprintf(cmd.ErrOrStderr(), "upstream %s is not up: %s\n", name, printable(list.Down[name]))
			}
			if said := longNames(list.Tools); said != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), said)
			}
			return printRows(l, cmd.OutOrStdout(), list.Tools, []string{"NAME", "KIND", "LABELS", "ACCEPTED", "STATE"}, func(t admin.Tool) []string {
				accepted, state := "on first use", "ok"
				switch {
				case t.Quarantined != "":
					accepted, state = "no", "waits for a person: "+t.Quarantined
				case t.Pinned:
					accepted = "by a person"
				case t.Narrower:
					accepted = "as narrower"
				}
				return []string{t.Name, string(t.Kind), strings.Join(t.Labels, ","), accepted, short(state, 300)}
			})
		},
	}
	l.flag(cmd)
	w.freshFlag(cmd)
	return cmd
}

// lookFresh is look, with upstreams that are asked first if that is wanted.
func lookFresh[T any](cmd *cobra.Command, w *toolsWhere, path string, servers ...string) (answer T, err error) {
	w.about(cmd, servers...)
	o, err := w.open(cmd.Context())
	if err != nil {
		return answer, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	if err := w.refresh(cmd.Context(), o); err != nil {
		return answer, err
	}
	return answer, o.ask(cmd.Context(), http.MethodGet, path, nil, &answer)
}

// Clients put the entry's name in front of a tool's, as mcp__toolward__NAME, and many
// take 64 characters at most for the whole.
const longName = 64 - len("mcp__toolward__")

// longNames says which names of tools are too long for clients, "" if none are.
func longNames(tools []admin.Tool) string {
	var long []string
	for _, t := range tools {
		if t.Kind == gateway.KindTool && utf8.RuneCountInString(t.Name) > longName {
			long = append(long, t.Name)
		}
	}
	if len(long) == 0 {
		return ""
	}
	shown := strings.Join(long[:min(len(long), 3)], ", ")
	if len(long) > 3 {
		shown += fmt.Sprintf(" and %d more", len(long)-3)
	}
	return fmt.Sprintf("%s over %d characters, with which a name is over 64 in clients that put mcp__toolward__ in front; on /mcp/SERVER, and in a short\n"+
		"entry's name, there is room: %s", count(len(long), "name")+map[bool]string{true: " is", false: " are"}[len(long) == 1], longName, printable(shown))
}

// ofServer is the query for one upstream, if it is named.
func ofServer(args []string) url.Values {
	query := url.Values{}
	if len(args) == 1 {
		query.Set("server", args[0])
	}
	return query
}

func newToolsShow(w *toolsWhere) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "A tool's definition as its server wrote it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			def, err := lookFresh[admin.Definition](cmd, w, "tools/"+segment(args[0]), serverOf(args[0]))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), visible(indented(def.Definition)))
			return err
		},
	}
	w.freshFlag(cmd)
	return cmd
}

func newToolsCall(g *globals, f *whereFlags) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:     "call NAME [ARGUMENTS]",
		Short:   "Call a tool through the running gateway",
		Long:    "Calls a tool through the running gateway, along the whole road. The token is TOOLWARD_TOKEN,\nor one that the local issuer makes for the occasion. Arguments are a JSON object.",
		Example: "  toolward tools call demo__echo '{\"text\":\"hi\"}'",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			token, url, client := os.Getenv("TOOLWARD_TOKEN"), f.url, http.DefaultClient
			if url == "" {
				url = baseURL(cfg)
			}
			if token == "" {
				if token, err = mintForCall(cfg, role); err != nil {
					return err
				}
				if f.url == "" { // what is made here goes to nobody else
					if url, client, err = runningGateway(cmd.Context(), cfg); err != nil {
						return fmt.Errorf("is the gateway running? %w", err)
					}
				}
			}
			body := "{}"
			if len(args) == 2 {
				body = args[1]
			}
			return callTool(cmd, client, url+"/v1/tools/"+args[0]+"/call", token, body)
		},
	}
	cmd.Flags().StringVar(&role, "role", "demo", "role of the token, if one is made")
	return cmd
}

func mintForCall(cfg *config.Config, role string) (string, error) {
	if cfg.Auth.Local == nil {
		return "", errors.New("set TOOLWARD_TOKEN: the configuration has no local issuer")
	}
	local, err := openLocal(cfg)
	if err != nil {
		return "", err
	}
	made, err := local.Mint(auth.MintOptions{Subject: "toolward-cli", Roles: []string{role}, TTL: time.Minute})
	return made.Token, err
}

func callTool(cmd *cobra.Command, client *http.Client, url, token, body string) error {
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("is the gateway running? %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), visible(strings.TrimSpace(string(answer))))
	if resp.StatusCode != http.StatusOK {
		return foundError{resp.Status}
	}
	return nil
}
