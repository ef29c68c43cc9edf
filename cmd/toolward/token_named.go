package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/auth"
	"toolward/gateway"
	"toolward/state"
	"toolward/web/admin"
)

// namedTokens joins who makes named tokens and who has them.
type namedTokens struct {
	*state.Room
	local *auth.Local
}

var _ admin.Tokens = namedTokens{}

// CreateToken implements [admin.Tokens].
func (n namedTokens) CreateToken(ctx context.Context, t gateway.NamedToken) (string, gateway.NamedToken, error) {
	if err := gateway.CheckTokenName(t.Name); err != nil {
		return "", t, err
	}
	now := time.Now().UTC()
	t.Created = now.Truncate(time.Second)
	o := auth.MintOptions{Name: t.Name, Subject: t.Subject, Roles: t.Roles, Scopes: t.Scopes, Session: t.Session}
	if !t.Expires.IsZero() {
		if o.TTL = t.Expires.Sub(now); o.TTL < time.Second {
			return "", t, fmt.Errorf("%w: it would have ended already", gateway.ErrBadToken)
		}
	}
	made, err := n.local.Mint(o)
	if err != nil {
		return "", t, fmt.Errorf("%w: %w", gateway.ErrBadToken, err)
	}
	t.Digest, t.Expires = made.Digest(), made.Expires
	return made.Token, t, n.AddToken(ctx, t)
}

// withTokens is for commands about named tokens where no gateway runs.
func withTokens(ctx context.Context, r *rooms, opt *admin.Options) error {
	if err := recorded(ctx, r, opt); err != nil {
		return err
	}
	return offerTokens(r, opt)
}

// beginningTokens is withTokens, and makes the record if there is none.
func beginningTokens(ctx context.Context, r *rooms, opt *admin.Options) error {
	if err := beginning(ctx, r, opt); err != nil {
		return err
	}
	return offerTokens(r, opt)
}

func offerTokens(r *rooms, opt *admin.Options) (err error) {
	if r.cfg.Auth.Local == nil {
		return errNoLocal
	}
	r.local, err = openLocal(r.cfg)
	opt.Tokens = namedTokens{r.state, r.local}
	return err
}

// askedTokens are the named tokens and grants of the gateway, which is asked if there
// is a need.
type askedTokens struct {
	cmd *cobra.Command
	f   *whereFlags
	err error // why it could not be asked
}

// Holds implements [auth.Held].
func (a *askedTokens) Holds(agent *gateway.Agent) bool {
	list, err := look[admin.TokenList](a.cmd, a.f, "tokens")
	a.err = explainTokens(err)
	return (agent.Named == "" || slices.ContainsFunc(list.Tokens, func(t gateway.NamedToken) bool { return t.Digest == agent.Named })) &&
		(agent.Grant == "" || slices.ContainsFunc(list.Grants, func(g gateway.Grant) bool { return g.ID == agent.Grant }))
}

func newTokenCreate(g *globals) *cobra.Command {
	var (
		t   admin.NewToken
		ttl time.Duration
	)
	f := whereFlags{g: g, local: beginningTokens}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token that lives long and can be revoked; it is alone on standard output",
		Long: "Makes a token of the local issuer that is good until its end, or until `toolward token revoke NAME`. It is shown this\n" +
			"once: the record has its name, whom it is for, who made it, and a digest. Deleting the signing key ends all of them.",
		Example: "  toolward token create laptop --subject me --role developer --ttl 90d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.Name = args[0]
			if t.Subject == "" {
				t.Subject = t.Name
			}
			t.Expires = time.Now().Add(ttl).UTC()
			made, err := order[admin.TokenCreated](cmd, &f, "tokens", t)
			if err != nil {
				return explainTokens(err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: for %s until %s. It is shown this once; end it with `toolward token revoke %s`\n",
				printable(made.Name), printable(made.Subject), made.Expires.UTC().Format(time.DateOnly), printable(made.Name))
			fmt.Fprintln(cmd.OutOrStdout(), made.Token)
			return nil
		},
	}
	f.flag(cmd)
	fl := cmd.Flags()
	fl.StringVar(&t.Subject, "subject", "", "the agent's name; without it, the token's")
	fl.StringArrayVar(&t.Roles, "role", nil, "a role; repeat for several")
	fl.StringArrayVar(&t.Scopes, "scope", nil, "a scope; repeat for several")
	fl.StringVar(&t.Session, "session", "", "sid: labels accumulate by it instead of by the agent")
	durationVar(fl, &ttl, "ttl", auth.DefaultNamedTTL, "how long it is valid, such as 90d; 366 days at most")
	return cmd
}

// explainTokens says why a gateway has no named tokens.
func explainTokens(err error) error {
	if p := (*problemError)(nil); errors.As(err, &p) && p.code == "unknown_operation" {
		return errNoLocal
	}
	return err
}

// lasting is a named token or a grant as they are listed.
type lasting struct {
	Name    string           `json:"name"` // that revoke takes; of a grant its ID
	Client  string           `json:"client,omitempty"`
	Subject string           `json:"subject"`
	Roles   []string         `json:"roles,omitempty"`
	Expires time.Time        `json:"expires"`
	Used    time.Time        `json:"used,omitzero"`
	Created time.Time        `json:"created"`
	By      gateway.Operator `json:"by"`
}

func newTokenList(f *whereFlags) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Named tokens, and logins of clients: whom they are for, until when, by whom, when they were last used",
		Long: "Lists named tokens, those whose time is over for a month; and the logins of clients, with the client's name and the ID\n" +
			"that `revoke` takes. When a token was last used is known to the hour, and of a login when it was renewed. Tokens of\n" +
			"`toolward token mint` have no name and end within a day; the record has them: `toolward audit view people`.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := look[admin.TokenList](cmd, f, "tokens")
			if err != nil {
				return explainTokens(err)
			}
			var rows []lasting
			for _, t := range list.Tokens {
				rows = append(rows, lasting{t.Name, "", t.Subject, t.Roles, t.Expires, t.Used, t.Created, t.By})
			}
			for _, g := range list.Grants {
				rows = append(rows, lasting{g.ID, g.Name, g.Agent, g.Roles, g.Until(), g.Turned, g.Given, g.By})
			}
			now := time.Now()
			return printRows(l, cmd.OutOrStdout(), rows, []string{"NAME", "CLIENT", "SUBJECT", "ROLES", "EXPIRES", "USED", "CREATED", "BY"}, func(t lasting) []string {
				ends, used := t.Expires.UTC().Format(time.DateOnly), "never"
				if !now.Before(t.Expires) {
					ends += " (over)"
				}
				if !t.Used.IsZero() {
					used = t.Used.UTC().Format("2006-01-02T15Z")
				}
				return []string{t.Name, short(t.Client, 30), t.Subject, strings.Join(t.Roles, ","), ends, used, t.Created.UTC().Format(time.DateOnly), t.By.String()}
			})
		},
	}
	f.flag(cmd)
	l.flag(cmd)
	return cmd
}

func newTokenRevoke(f *whereFlags) *cobra.Command {
	var why admin.RevokeToken
	cmd := &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "End a named token, or the login of a client, now",
		Long:  "Ends a named token, or a client's login by the ID that `toolward token list` shows: the next request with it is refused, its streams end and its calls under way are cancelled. If no\ngateway runs on the record, it holds from the next start.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := once[admin.TokenRevoked](cmd, f, http.MethodPost, "tokens/"+segment(args[0])+"/revoke", why)
			if err != nil {
				return explainTokens(err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "revoked %s, of %s\n", printable(t.Name), printable(t.Subject))
			return nil
		},
	}
	f.flag(cmd)
	cmd.Flags().StringVar(&why.Reason, "why", "", "why, for the record")
	return cmd
}
