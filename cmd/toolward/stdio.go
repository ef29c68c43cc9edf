package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"toolward/gateway"
)

func newStdio(g *globals) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "stdio",
		Short: "Serve one client on standard input and output",
		Long: "Serves one MCP client on standard input and output, for clients that start their servers\n" +
			"as child processes. The agent is who the token in TOOLWARD_TOKEN says; `toolward token mint`\n" +
			"makes one of the local issuer.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := loadOrDemo(g)
			if err != nil {
				return err
			}
			token := os.Getenv("TOOLWARD_TOKEN")
			if token == "" {
				return errors.New("TOOLWARD_TOKEN is not set: `TOOLWARD_TOKEN=$(toolward token mint --subject NAME) toolward stdio`")
			}
			r, err := open(cmd.Context(), cfg, newLogger(cfg.Log, cmd.ErrOrStderr()))
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
			return surface.ServeStdio(cmd.Context(), os.Stdin, os.Stdout, cred, name)
		},
	}
	cmd.Flags().StringVar(&name, "server", "", "offer this upstream only, with its names unchanged")
	return cmd
}
