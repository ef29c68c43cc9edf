package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/gateway"
	"toolward/policy"
)

func newPolicyAccess(g *globals) *cobra.Command {
	var (
		path   string
		who    principal
		hidden bool
		l      listing
	)
	cmd := &cobra.Command{
		Use:   "access [AGENT]",
		Short: "What an agent or a role may use, and under which conditions",
		Long: "Lists the tools, prompts and resources that some call of an agent could be allowed, as the agent's own list is\n" +
			"made, and what the call has to be. An agent without --role has the roles that the record shows for its latest call.",
		Example: "  toolward policy access --role reader\n  toolward policy access ann",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				who.id = args[0]
			}
			if who.id == "" && len(who.roles) == 0 {
				return errors.New("say who: an agent, or --role")
			}
			if who.id != "" && len(who.roles) == 0 {
				if err := who.recorded(cmd.Context(), g, cmd.ErrOrStderr()); err != nil {
					return err
				}
			}
			rows, err := accessOf(cmd.Context(), g, path, &who, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			shown := rows[:0:0]
			for _, x := range rows {
				if hidden || x.Effect != gateway.EffectDeny {
					shown = append(shown, x)
				}
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d of %s\n", len(rows)-hiddenOf(rows), count(len(rows), "tool"))
			return printRows(l, cmd.OutOrStdout(), shown, []string{"TOOL", "MAY", "WHEN"}, func(x policy.Access) []string {
				return []string{x.Tool, x.String(), short(x.When(), 120)}
			})
		},
	}
	cmd.Flags().StringSliceVar(&who.roles, "role", nil, "a role (may be repeated)")
	cmd.Flags().StringVar(&who.claims, "claims", "", "claims of the agent's token, as JSON")
	cmd.Flags().BoolVar(&hidden, "all", false, "also what may not be used")
	cmd.Flags().StringVar(&path, "policy", "", "by this policy instead of the configured one")
	l.flag(cmd)
	return cmd
}

func hiddenOf(rows []policy.Access) (n int) {
	for _, x := range rows {
		if x.Effect == gateway.EffectDeny {
			n++
		}
	}
	return n
}

// recorded takes an agent's roles from its latest call.
func (p *principal) recorded(ctx context.Context, g *globals, talk io.Writer) error {
	r := record{g: g}
	reader, err := r.open(ctx)
	if err != nil {
		return fmt.Errorf("which roles %s has is in the record, and not said by --role: %w", p.id, err)
	}
	defer reader.Close()
	calls, _, err := reader.List(ctx, audit.Filter{Match: audit.Match{Agent: audit.Values{p.id}}}, 1, 0)
	if err != nil {
		return err
	}
	if len(calls) == 0 {
		fmt.Fprintf(talk, "the record has no call of %s: taken to have no role (--role NAME says otherwise)\n", printable(p.id))
		return nil
	}
	if err := json.Unmarshal([]byte(calls[0].Roles), &p.roles); err != nil && len(calls[0].Roles) > 0 {
		return err
	}
	fmt.Fprintf(talk, "%s had the roles %s at %s\n", printable(p.id), printable(strings.Join(p.roles, ", ")), calls[0].Time)
	return nil
}

// accessOf asks a policy what somebody may use of what upstreams offer.
func accessOf(ctx context.Context, g *globals, path string, who *principal, talk io.Writer) ([]policy.Access, error) {
	agent, err := who.agent()
	if err != nil {
		return nil, err
	}
	engine, tools, err := policyAndTools(ctx, g, path, talk)
	if err != nil {
		return nil, err
	}
	return engine.Access(ctx, agent, tools.Tools)
}

func policyAndTools(ctx context.Context, g *globals, path string, talk io.Writer) (*policy.Engine, *catalogue, error) {
	engine, _, err := openEngine(ctx, g, path)
	if err != nil {
		return nil, nil, err
	}
	c, err := known(ctx, g, false, talk)
	if err != nil {
		return nil, nil, err
	}
	c.sayDown(talk, "so nothing is said about its tools")
	return engine, c, nil
}

// holder is somebody who may use a tool.
type holder struct {
	Who string `json:"who"` // "role reader", "agent ann", "everybody"
	policy.Access
}

func newPolicyWhoCan(g *globals) *cobra.Command {
	var (
		path string
		l    listing
	)
	cmd := &cobra.Command{
		Use:   "who-can TOOL",
		Short: "Which roles and agents may use a tool, and under which conditions",
		Long: "Asks the policy about every role and agent that its rules and data name, each by itself, and about somebody who\n" +
			"has none. Rules that look at claims or scopes are named beneath, since anybody may have those.",
		Example: "  toolward policy who-can github__create_issue",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, c, err := policyAndTools(cmd.Context(), g, path, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			tool, err := c.named(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			rows, err := holders(cmd.Context(), engine, tool)
			if err != nil {
				return err
			}
			if err := printRows(l, cmd.OutOrStdout(), rows, []string{"WHO", "MAY", "WHEN"}, func(h holder) []string {
				return []string{h.Who, h.Access.String(), short(h.When(), 120)}
			}); err != nil {
				return err
			}
			for _, rule := range engine.Otherwise(tool) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s at %s:%d looks at claims, scopes or issuers: others may, by those\n", rule.Name, rule.File, rule.Line)
			}
			if len(rows) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "nobody whom the policy names may use %s\n", args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "policy", "", "by this policy instead of the configured one")
	l.flag(cmd)
	return cmd
}

// holders are those who may use a tool: everybody, and then whoever may more.
func holders(ctx context.Context, engine *policy.Engine, tool *gateway.Tool) (rows []holder, err error) {
	ask := func(a *gateway.Agent) (policy.Access, error) {
		x, err := engine.Access(ctx, a, []*gateway.Tool{tool})
		if err != nil {
			return policy.Access{}, err
		}
		return x[0], nil
	}
	anybody, err := ask(&gateway.Agent{ID: "somebody", Issuer: "local"})
	if err != nil {
		return nil, err
	}
	if anybody.Effect != gateway.EffectDeny {
		rows = append(rows, holder{"everybody", anybody})
	}
	add := func(who string, a *gateway.Agent) {
		x, failed := ask(a)
		if err = errors.Join(err, failed); failed == nil && (x.Effect != anybody.Effect || x.When() != anybody.When()) {
			rows = append(rows, holder{who, x})
		}
	}
	roles, ids := engine.Principals()
	for _, role := range roles {
		add("role "+role, &gateway.Agent{ID: "somebody", Issuer: "local", Roles: []string{role}})
	}
	for _, id := range ids {
		add("agent "+id, &gateway.Agent{ID: id, Issuer: "local"})
	}
	return rows, err
}
