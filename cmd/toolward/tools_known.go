package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/gateway"
	"toolward/upstream"
	"toolward/web/admin"
)

// toolsWhere finds who knows what upstreams offer: the gateway that runs, or where
// none does the definitions that are pinned.
type toolsWhere struct {
	whereFlags

	fresh   bool     // the upstreams are asked, rather than what is known of them believed
	compare bool     // what is known is of no use: it is to be held against what is offered
	servers []string // that the command is about; nil for all
	talk    io.Writer
}

// freshFlag is for commands that can believe what is known.
func (w *toolsWhere) freshFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.fresh, "fresh", false, "ask the upstreams, and start them where no gateway runs, rather than believe what is known")
}

// about says which upstreams a command is about, by the names that it was given, and
// who hears of what is done.
func (w *toolsWhere) about(cmd *cobra.Command, servers ...string) {
	w.talk = cmd.ErrOrStderr()
	w.servers = servers
}

// refresh has a running gateway ask its upstreams, if that is wanted; elsewhere they
// were started to be asked.
func (w *toolsWhere) refresh(ctx context.Context, o *operations) error {
	if !w.fresh || o.inFiles {
		return nil
	}
	server := ""
	if len(w.servers) == 1 {
		server = w.servers[0]
	}
	query := given(map[string]string{"server": server, "fresh": "true"})
	return o.ask(ctx, "GET", "changes?"+query.Encode(), nil, new(admin.ChangeList))
}

// inRecord is what is known where no gateway runs. Upstreams of which nothing is known
// are started, or with fresh all that the command is about; only then are their secrets
// needed.
func (w *toolsWhere) inRecord(ctx context.Context, r *rooms, opt *admin.Options) error {
	if w.compare && !w.fresh {
		return errors.New("no gateway runs, so that nobody knows what upstreams offer now\n  --fresh starts them to see")
	}
	c := newCatalogue()
	r.onClose(c.close)
	opt.Tools = knownTools{c}
	var pins []gateway.Pin
	if !w.fresh {
		var err error
		if pins, err = r.pins().Pins(ctx); err != nil {
			return err
		}
	}
	in := func(context.Context, *config.Config) (upstream.Pins, func() error, error) {
		return r.pins(), nothing, nil
	}
	if err := c.fromPins(ctx, w.g, pins, starter{pins: in, only: w.servers, talk: w.talk}); err != nil {
		return err
	}
	if !w.fresh && len(pins) > 0 {
		fmt.Fprintln(w.talk, "no gateway runs: this is what was accepted of tools, prompts and templates; --fresh starts the upstreams to see what they offer now")
	}
	return nil
}

// serverOf is the upstream that a name on /mcp begins with: what a command that is
// given the name has to start.
func serverOf(name string) string {
	if server, _, ok := gateway.SplitURI(name); ok {
		return server
	}
	server, _, _ := strings.Cut(name, "__")
	server, _, _ = strings.Cut(server, "@") // SERVER@FINGERPRINT
	server, _, _ = strings.Cut(server, " ") // SERVER instructions
	return server
}

// knownTools is a catalogue as the operators' API looks at one. What is accepted is what
// upstreams that were started offer.
type knownTools struct{ of *catalogue }

var _ admin.Tools = knownTools{}

func (k knownTools) Servers() []string { return k.of.Servers }

func (k knownTools) About(server string) (gateway.About, bool) {
	why, down := k.of.Why[server]
	return gateway.About{Server: server, Up: !down, Reason: why}, slices.Contains(k.of.Servers, server)
}

func (k knownTools) List(kind gateway.Kind, server string) []*gateway.Tool {
	var all []*gateway.Tool
	for _, t := range k.of.Tools {
		if t.Kind == kind && (server == "" || t.Server == server) {
			all = append(all, t)
		}
	}
	return all
}

func (k knownTools) Refresh(ctx context.Context, server string) {
	if k.of.live != nil {
		k.of.live.Refresh(ctx, server)
	}
}

func (k knownTools) Diff(all bool) []gateway.Change {
	if k.of.live == nil {
		return nil
	}
	return k.of.live.Diff(all)
}

func (k knownTools) Pin(ctx context.Context, server string, kind gateway.Kind, name, fingerprint string, by gateway.Operator, note string) error {
	if k.of.live == nil {
		return fmt.Errorf("%w: there is no upstream %q", gateway.ErrNoDefinition, server)
	}
	return k.of.live.Pin(ctx, server, kind, name, fingerprint, by, note)
}
