package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/auth"
	"toolward/gateway"
)

func newToken(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make and read tokens of the local issuer"}
	f := whereFlags{g: g, local: withTokens}
	cmd.AddCommand(newTokenMint(g), newTokenCreate(g), newTokenList(&f), newTokenRevoke(&f), newTokenInspect(&f))
	return cmd
}

func newTokenMint(g *globals) *cobra.Command {
	var (
		m       auth.MintOptions
		headers bool
	)
	cmd := &cobra.Command{
		Use:     "mint --subject NAME",
		Short:   "Make a token; it is alone on standard output",
		Long:    "Makes a token of the local issuer. That it was made, for whom and by whom, is on record before it is printed:\nthrough the gateway that runs on the record, or, if none does, by this command.",
		Example: "  toolward token mint --subject ci-agent --role reader --ttl 15m\n  toolward token mint --subject me --headers      # for a client that asks a command for headers",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			if cfg.Auth.Local == nil {
				return errNoLocal
			}
			local, err := openLocal(cfg)
			if err != nil {
				return err
			}
			made, err := local.Mint(m)
			if err != nil {
				return err
			}
			if err := noteDone(cmd.Context(), g, auth.EventMinted, made); err != nil {
				return fmt.Errorf("a token that is not on record is not given out: %w", err)
			}
			if headers {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"Authorization": "Bearer " + made.Token})
			}
			fmt.Fprintln(cmd.OutOrStdout(), made.Token)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.Subject, "subject", "", "the agent's name")
	f.StringArrayVar(&m.Roles, "role", nil, "a role; repeat for several")
	f.StringArrayVar(&m.Scopes, "scope", nil, "a scope; repeat for several")
	f.StringVar(&m.Audience, "audience", "", "the audience, instead of the issuer's")
	durationVar(f, &m.TTL, "ttl", time.Hour, "how long it is valid; a day at most")
	f.StringVar(&m.Session, "session", "", "sid: labels accumulate by it instead of by the agent")
	f.BoolVar(&headers, "headers", false, `print {"Authorization": "Bearer TOKEN"}, as Claude Code's headersHelper wants it`)
	_ = cmd.MarkFlagRequired("subject") // fails only for a flag that does not exist
	return cmd
}

var errNoLocal = errors.New("the configuration has no local issuer: add `auth: {local: {}}`, or ask your issuer for a token")

func newTokenInspect(f *whereFlags) *cobra.Command {
	var resource string
	cmd := &cobra.Command{
		Use:   "inspect [TOKEN|-]",
		Short: "Verify a token as the gateway would, and explain",
		Long:  "Verifies a token as the gateway would and says what it found. The token is an argument,\nstandard input (-), or TOOLWARD_TOKEN. Whether a named token is in use is asked of the running gateway, or, if\nnone runs, of the record. Exit code 1 if it would be refused.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			token, err := tokenArgument(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			cfg, err := loadBeside(f.g)
			if err != nil {
				return err
			}
			var local *auth.Local
			if cfg.Auth.Local != nil {
				if local, err = openLocal(cfg); err != nil {
					return err
				}
			}
			named := askedTokens{cmd: cmd, f: f}
			verifier, err := newVerifier(cfg, local, &named, nil, newLogger(cfg.Log, cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			defer verifier.Close()
			found := verifier.Inspect(cmd.Context(), gateway.Credentials{Token: token, Resource: resource})
			if named.err != nil {
				return fmt.Errorf("whether the named token is in use: %w", named.err)
			}
			if err := printJSON(cmd.OutOrStdout(), found); err != nil {
				return err
			}
			if !found.Valid {
				return foundError{"the gateway would refuse this token"}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&resource, "resource", "", "URI of the endpoint that it is for")
	return cmd
}

func tokenArgument(stdin io.Reader, args []string) (string, error) {
	switch {
	case len(args) == 1 && args[0] != "-":
		return args[0], nil
	case len(args) == 1:
		b, err := io.ReadAll(io.LimitReader(stdin, 64<<10))
		return strings.TrimSpace(string(b)), err
	case os.Getenv("TOOLWARD_TOKEN") != "":
		return os.Getenv("TOOLWARD_TOKEN"), nil
	}
	return "", errors.New("give a token, - to read it from standard input, or TOOLWARD_TOKEN")
}
