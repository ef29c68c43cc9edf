package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/mcp/client/oauth"
)

// newLogin is for upstreams that want a person's account.
func newLogin(g *globals) *cobra.Command {
	var scopes []string
	cmd := &cobra.Command{
		Use:   "login UPSTREAM",
		Short: "Log in to an upstream that wants a person's account",
		Long: "Finds the upstream's authorization server, registers toolward there if need be, prints an address\n" +
			"to open in a browser, waits until you have agreed there, and keeps the login encrypted beside the\n" +
			"record. A running gateway takes it up by itself. For upstreams with `oauth: {grant: authorization_code}`.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(g)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(cfg.Upstreams, func(u config.Upstream) bool { return u.Name == args[0] })
			switch {
			case i < 0:
				return fmt.Errorf("there is no upstream %q in the configuration", args[0])
			case cfg.Upstreams[i].OAuth == nil:
				return fmt.Errorf("upstream %s has no oauth in the configuration; where the server asks for a login, put this into upstreams.%[1]s:\n  oauth:\n    grant: authorization_code", args[0])
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Minute)
			defer cancel()
			opt, err := oauthOptions(cfg, cfg.Upstreams[i])
			if err != nil {
				return err
			}
			talk := cmd.ErrOrStderr()
			var seen oauth.Consent
			opt.LoggedIn = func(ctx context.Context, renewable bool) error {
				done := map[string]any{"server": args[0], "issuer": seen.Issuer, "scopes": seen.Scopes, "renewable": renewable}
				if err := noteDone(ctx, g, oauth.EventLogin, done); err != nil {
					return fmt.Errorf("a login that is not on record is not kept: %w", err)
				}
				return nil
			}
			renewable, err := oauth.Login(ctx, opt, scopes, func(c oauth.Consent) {
				seen = c
				fmt.Fprintln(talk, "authorization server:", printable(c.Issuer))
				if len(c.Scopes) > 0 {
					fmt.Fprintln(talk, "scopes:", printable(strings.Join(c.Scopes, " ")))
				}
				fmt.Fprintln(talk, "open this in a browser:")
				fmt.Fprintln(cmd.OutOrStdout(), printable(c.Address))
			})
			if err != nil {
				return err
			}
			fmt.Fprintln(talk, "logged in to", args[0])
			if !renewable {
				fmt.Fprintln(talk, "the server gave no refresh token: when the login expires, you have to log in again")
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "scope to ask for beyond those of the last login; may be given several times")
	return cmd
}
