package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"toolward/gateway"
)

func newStdio(g *globals) *cobra.Command {
	var (
		dir, server string
		standalone  bool
		who         bridgeAgent
	)
	cmd := &cobra.Command{
		Use:   "stdio",
		Short: "Connect one client on standard input and output to the running gateway",
		Long: "Carries one MCP client's messages between standard input and output and the gateway that runs on\n" +
			"the configuration's record, for clients that start their servers as child processes. Any number may\n" +
			"run at once. The token is one of the local issuer that this command makes itself, for an hour, and\n" +
			"again before its end; or that in TOOLWARD_TOKEN. It is sent to nobody who has not proved to be that\n" +
			"gateway.\n\n" +
			"With --standalone it is a gateway of its own instead, with a record that no other gateway may use,\n" +
			"and the token in TOOLWARD_TOKEN.",
		Example: "  toolward stdio --config /etc/toolward/toolward.yaml --role reader\n  TOOLWARD_TOKEN=$(toolward token mint --subject me) toolward stdio --standalone",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir != "" {
				if err := os.Chdir(dir); err != nil {
					return err
				}
			}
			if standalone {
				if who.subject != "" || who.roles != nil {
					return errors.New("--standalone has its token from TOOLWARD_TOKEN: --subject and --role are of the one that is made for a running gateway")
				}
				return serveStdio(cmd, g, server)
			}
			return bridgeStdio(cmd, g, server, who)
		},
	}
	f := cmd.Flags()
	f.StringVar(&server, "server", "", "offer this upstream only, with its names unchanged")
	f.StringVar(&who.subject, "subject", "", "the agent's name in the token that is made (default: who runs this)")
	f.StringArrayVar(&who.roles, "role", nil, "a role in the token that is made; repeat for several (default without a configuration: demo)")
	f.StringVar(&dir, "dir", "", "folder to run in: where a gateway without a configuration was started")
	f.BoolVar(&standalone, "standalone", false, "be a gateway, instead of connecting to the one that runs")
	return cmd
}

// serveStdio is a gateway for one client.
func serveStdio(cmd *cobra.Command, g *globals, server string) (err error) {
	cfg, err := loadOrDemo(g)
	if err != nil {
		return err
	}
	token := os.Getenv("TOOLWARD_TOKEN")
	if token == "" {
		return errors.New("TOOLWARD_TOKEN is not set: `TOOLWARD_TOKEN=$(toolward token mint --subject NAME) toolward stdio --standalone`")
	}
	r, err := open(cmd.Context(), cfg, newLogger(cfg.Log, cmd.ErrOrStderr()), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	surface, err := r.openSurface(nil)
	if err != nil {
		return err
	}
	if err := r.catalog.Ready(cmd.Context()); err != nil {
		return err
	}
	stop, err := r.servePeople(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	cred := gateway.Credentials{Token: token, Peer: "stdio", Surface: gateway.SurfaceStdio}
	return surface.ServeStdio(cmd.Context(), os.Stdin, os.Stdout, cred, server)
}

// bridgeStdio connects one client to the running gateway. If none runs, it says so at
// once, and to the client at each request: one that is started later is found.
func bridgeStdio(cmd *cobra.Command, g *globals, server string, who bridgeAgent) error {
	cfg, err := loadBeside(g)
	if err != nil {
		return err
	}
	if g.config == "" && who.roles == nil {
		who.roles = []string{"demo"} // what `serve` gives in its place
	}
	r, err := newReach(g, cfg, server, who)
	if err != nil {
		return err
	}
	log := newLogger(cfg.Log, cmd.ErrOrStderr())
	if _, _, err := r.reach(cmd.Context(), false); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "toolward: %v\n", err)
	}
	err = r.bridge(log).Run(cmd.Context(), os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case err == nil && !r.reached():
		return errors.New("the gateway was not there until the input ended")
	}
	return err
}
