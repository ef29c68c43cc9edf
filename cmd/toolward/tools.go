package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/auth"
	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/definition"
	"toolward/upstream"
)

func newTools(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "tools", Short: "What upstreams offer, and what changed since it was accepted"}
	cmd.AddCommand(newToolsList(g), newToolsShow(g), newToolsCall(g), newToolsDiff(g), newToolsPin(g))
	return cmd
}

// openCatalog starts the configured upstreams beside a gateway that may be
// running, looks at what they offer with the same guard and pins, and calls
// nothing. The caller must call close.
func openCatalog(ctx context.Context, g *globals) (catalog *upstream.Catalog, closeAll func() error, err error) {
	cfg, err := loadOrDemo(g)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	pins, closePins, err := openPins(cfg)
	if err != nil {
		return nil, nil, err
	}
	opt, err := guardOptions(cfg, log)
	if err != nil {
		return nil, nil, errors.Join(err, closePins())
	}
	scanner, err := guard.New(opt)
	if err != nil {
		return nil, nil, errors.Join(err, closePins())
	}
	var servers []upstream.Server
	for _, u := range cfg.Upstreams {
		s, err := upstreamServer(cfg, u, noQuestions, log)
		if err != nil {
			return nil, nil, errors.Join(err, closePins())
		}
		servers = append(servers, s)
	}
	catalog, err = upstream.New(ctx, upstream.Options{Servers: servers, Pins: pins, Strict: cfg.Pins.Strict, Inspect: scanner.Inspect, Logger: log})
	if err != nil {
		return nil, nil, errors.Join(err, closePins())
	}
	closeAll = func() error { return errors.Join(catalog.Close(), closePins()) }
	if err := catalog.Ready(ctx); err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return catalog, closeAll, nil
}

// openPins is the store of accepted definitions: the lock file, or the record
// if there is one already.
func openPins(cfg *config.Config) (upstream.Pins, func() error, error) {
	nothing := func() error { return nil }
	if cfg.Pins.File != "" {
		return upstream.NewLockFile(cfg.Pins.File), nothing, nil
	}
	if !exists(cfg.Audit.Path) {
		return upstream.NewMemoryPins(), nothing, nil
	}
	state, err := audit.OpenState(cfg.Audit.Path, "")
	if err != nil {
		return nil, nil, err
	}
	return state, state.Close, nil
}

// listedTool is a row of `tools list`.
type listedTool struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Server      string   `json:"server"`
	Labels      []string `json:"labels,omitempty"`
	Fingerprint string   `json:"fingerprint"`
	Pinned      bool     `json:"pinned"`
	Quarantined string   `json:"quarantined,omitempty"`
}

func newToolsList(g *globals) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list [SERVER]",
		Short: "Every tool, prompt and resource, quarantined ones included",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			catalog, closeAll, err := openCatalog(cmd.Context(), g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeAll()) }()
			server := ""
			if len(args) == 1 {
				server = args[0]
			}
			rows := listTools(catalog, server)
			for _, name := range catalog.Servers() {
				if about, _ := catalog.About(name); !about.Up {
					fmt.Fprintf(cmd.ErrOrStderr(), "upstream %s is not up: %s\n", name, printable(about.Reason))
				}
			}
			return printRows(l, cmd.OutOrStdout(), rows, []string{"NAME", "KIND", "LABELS", "PINNED", "STATE"}, func(t listedTool) []string {
				state := "ok"
				if t.Quarantined != "" {
					state = "quarantined: " + t.Quarantined
				}
				return []string{t.Name, t.Kind, strings.Join(t.Labels, ","), fmt.Sprint(t.Pinned), short(state, 300)}
			})
		},
	}
	l.flag(cmd)
	return cmd
}

func listTools(catalog *upstream.Catalog, server string) []listedTool {
	var rows []listedTool
	for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource} {
		for _, t := range catalog.List(kind, server) {
			rows = append(rows, listedTool{Name: t.Wire, Kind: string(kind), Server: t.Server, Labels: t.Labels, Fingerprint: t.Fingerprint, Pinned: t.Pinned})
		}
	}
	for _, ch := range catalog.Diff(false) {
		if server == "" || server == ch.Server {
			rows = append(rows, listedTool{Name: ch.Wire, Kind: string(ch.Kind), Server: ch.Server, Quarantined: ch.Quarantined})
		}
	}
	return rows
}

func newToolsShow(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "A tool's definition as its server wrote it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			catalog, closeAll, err := openCatalog(cmd.Context(), g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeAll()) }()
			for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt} {
				if t, err := catalog.Find(kind, "", args[0]); err == nil {
					var b bytes.Buffer
					if err := json.Indent(&b, t.Definition, "", "  "); err != nil {
						return err
					}
					fmt.Fprintln(cmd.OutOrStdout(), visible(b.String()))
					return nil
				}
			}
			return fmt.Errorf("no upstream offers %q; see `toolward tools list`", args[0])
		},
	}
}

func newToolsDiff(g *globals) *cobra.Command {
	var (
		l   listing
		all bool
	)
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Definitions that changed since they were accepted, or that guard objects to",
		Long:  "Shows what is quarantined and why, member by member, and says which changes are cosmetic.\nExit code 1 if there is anything to review; accept with `toolward tools pin`.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			catalog, closeAll, err := openCatalog(cmd.Context(), g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeAll()) }()
			changes := catalog.Diff(all)
			if l.format != "table" {
				err = printRows(l, cmd.OutOrStdout(), changes, nil, nil)
			} else {
				for _, ch := range changes {
					if err := printChange(cmd.OutOrStdout(), ch); err != nil {
						return err
					}
				}
			}
			if err == nil && len(changes) > 0 {
				err = foundError{fmt.Sprintf("%d definitions to review", len(changes))}
			}
			return err
		},
	}
	l.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also what nobody accepted yet but is in use")
	return cmd
}

func printChange(w io.Writer, ch gateway.Change) error {
	fmt.Fprintf(w, "%s (%s)", printable(ch.Wire), ch.Kind)
	if ch.Quarantined != "" {
		fmt.Fprintf(w, "  quarantined: %s", printable(ch.Quarantined))
	}
	fmt.Fprintln(w)
	if ch.Findings != "" && ch.Findings != ch.Quarantined {
		fmt.Fprintf(w, "  guard objects to it: %s\n", printable(ch.Findings))
	}
	if ch.Pinned == nil {
		fmt.Fprintf(w, "  never accepted; it is now\n  + %s\n", visible(string(ch.Current)))
	} else if err := definition.Print(w, definition.Diff(ch.Pinned, ch.Current)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "  to accept this: toolward tools pin '%s'\n", printable(strings.ReplaceAll(shownAs(ch), "'", `'\''`)))
	return err
}

// shownAs names a definition as it was shown: its name and the beginning of its
// fingerprint.
func shownAs(ch gateway.Change) string {
	return ch.Wire + "@" + ch.Fingerprint[:min(shownDigits, len(ch.Fingerprint))]
}

// shownDigits are enough of a SHA-256, in hex, that nobody makes another
// definition with the same.
const shownDigits = 32

func newToolsPin(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pin NAME@FINGERPRINT…",
		Short: "Accept definitions as `tools diff` showed them",
		Long:  "Accepts what `toolward tools diff` showed, under the name and fingerprint that it printed. A definition that\nhas changed since is not accepted: look again.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			u, err := user.Current()
			if err != nil {
				return fmt.Errorf("who accepts? %w", err)
			}
			by := gateway.Operator{Issuer: gateway.LocalOperators, Subject: u.Username}
			catalog, closeAll, err := openCatalog(cmd.Context(), g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeAll()) }()
			return pinAll(cmd, catalog, args, by)
		},
	}
	return cmd
}

// pinAll accepts what is named, as it was shown. One that is not accepted does
// not keep the others from it.
func pinAll(cmd *cobra.Command, catalog *upstream.Catalog, shown []string, by gateway.Operator) error {
	refused := 0
	for _, name := range shown {
		if why := pin(cmd, catalog, name, by); why != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "not accepted: %s\n", printable(why.Error()))
			refused++
		}
	}
	if refused > 0 {
		return foundError{fmt.Sprintf("%d of %d definitions were not accepted", refused, len(shown))}
	}
	return nil
}

func pin(cmd *cobra.Command, catalog *upstream.Catalog, shown string, by gateway.Operator) error {
	at := strings.LastIndexByte(shown, '@')
	if at < 0 {
		return fmt.Errorf("%s: which definition? `toolward tools diff` shows it and prints NAME@FINGERPRINT", shown)
	}
	wire, fingerprint := shown[:at], shown[at+1:]
	if len(fingerprint) < shownDigits {
		return fmt.Errorf("%s: a fingerprint has at least %d digits", wire, shownDigits)
	}
	for _, ch := range catalog.Diff(true) {
		if ch.Wire != wire {
			continue
		}
		if !strings.HasPrefix(ch.Fingerprint, fingerprint) {
			return fmt.Errorf("%s changed since it was shown: look at it again with `toolward tools diff`", wire)
		}
		if err := catalog.Pin(cmd.Context(), ch.Server, ch.Kind, ch.Name, ch.Fingerprint, by); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "accepted %s\n", printable(shown))
		return nil
	}
	return fmt.Errorf("%s: nothing to accept", wire)
}

func newToolsCall(g *globals) *cobra.Command {
	var url, role string
	cmd := &cobra.Command{
		Use:     "call NAME [ARGUMENTS]",
		Short:   "Call a tool through the running gateway",
		Long:    "Calls a tool through the running gateway, along the whole road. The token is TOOLWARD_TOKEN,\nor one that the local issuer makes for the occasion. Arguments are a JSON object.",
		Example: "  toolward tools call demo__echo '{\"text\":\"hi\"}'",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadOrDemo(g)
			if err != nil {
				return err
			}
			if url == "" {
				url = baseURL(cfg)
			}
			token := os.Getenv("TOOLWARD_TOKEN")
			if token == "" {
				if token, err = mintForCall(cfg, role); err != nil {
					return err
				}
			}
			body := "{}"
			if len(args) == 2 {
				body = args[1]
			}
			return callTool(cmd, url+"/v1/tools/"+args[0]+"/call", token, body)
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "base URL of the gateway, instead of the configuration's address")
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
	return local.Mint(auth.MintOptions{Subject: "toolward-cli", Roles: []string{role}, TTL: time.Minute})
}

func callTool(cmd *cobra.Command, url, token, body string) error {
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
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
