package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/mcp/client/oauth"
)

// newLogin is for upstreams that want a person's account.
func newLogin(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "login UPSTREAM",
		Short: "Log in to an upstream that wants a person's account",
		Long:  "Prints an address to open in a browser, waits until you have agreed there, and keeps the login\nencrypted beside the record. For upstreams with `oauth: {grant: authorization_code}`.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(g)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(cfg.Upstreams, func(u config.Upstream) bool { return u.Name == args[0] })
			if i < 0 || cfg.Upstreams[i].OAuth == nil {
				return fmt.Errorf("there is no upstream %q with oauth in the configuration", args[0])
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Minute)
			defer cancel()
			opt, err := oauthOptions(cfg, cfg.Upstreams[i])
			if err != nil {
				return err
			}
			err = oauth.Login(ctx, opt, func(address string) {
				fmt.Fprintln(cmd.ErrOrStderr(), "open this in a browser:")
				fmt.Fprintln(cmd.OutOrStdout(), printable(address))
			})
			if err == nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "logged in to", args[0])
			}
			return err
		},
	}
}
