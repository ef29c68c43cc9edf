package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/upstream"
)

// unmade is a call that nobody made, as flags describe it.
type unmade struct {
	who          principal
	tool         string
	args, result string
	labels       []string
}

// principal is an agent, as flags describe it.
type principal struct {
	id, claims string
	roles      []string
}

func (p *principal) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.id, "agent", "", "the agent's ID")
	cmd.Flags().StringSliceVar(&p.roles, "role", nil, "a role of the agent (may be repeated)")
	cmd.Flags().StringVar(&p.claims, "claims", "", "claims of the agent's token, as JSON")
}

// agent is who is meant. Without an ID it is somebody of that role.
func (p *principal) agent() (*gateway.Agent, error) {
	a := &gateway.Agent{ID: p.id, Issuer: "local", Roles: p.roles}
	if a.ID == "" {
		a.ID = "somebody"
	}
	if p.claims != "" {
		claims, ok := gateway.Decode(json.RawMessage(p.claims)).(map[string]any)
		if !ok {
			return nil, errors.New("--claims: not a JSON object")
		}
		a.Claims = claims
	}
	return a, nil
}

func (u *unmade) flags(cmd *cobra.Command) {
	u.who.flags(cmd)
	cmd.Flags().StringVar(&u.tool, "tool", "", "the tool of a call that nobody made, by its name on /mcp: server__name")
	cmd.Flags().StringVar(&u.args, "args", "{}", "its arguments, as JSON")
	cmd.Flags().StringVar(&u.result, "result", "", "the result that it would have, as JSON")
	cmd.Flags().StringSliceVar(&u.labels, "label", nil, "a label that the session has (may be repeated)")
}

// given reports whether something is said about the call.
func (u *unmade) given(cmd *cobra.Command) bool {
	return slices.ContainsFunc([]string{"agent", "role", "claims", "args", "result", "label"}, func(name string) bool { return cmd.Flags().Changed(name) })
}

// explainUnmade asks a policy about a call that nobody made. Guard is not asked, and
// nothing has been counted.
func explainUnmade(ctx context.Context, g *globals, u *unmade, path string, talk io.Writer) (*explained, error) {
	engine, _, err := openEngine(ctx, g, path)
	if err != nil {
		return nil, err
	}
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	if c.Agent, err = u.who.agent(); err != nil {
		return nil, err
	}
	if c.Args, err = gateway.ParseArgs([]byte(u.args)); err != nil {
		return nil, fmt.Errorf("--args: %w", err)
	}
	offered, err := known(ctx, g, false, talk)
	if err != nil {
		return nil, err
	}
	if c.Tool, err = offered.named(u.tool, talk); err != nil {
		return nil, err
	}
	c.Name, c.Session.Labels = u.tool, u.labels
	tally, err := engine.CountRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, m := range tally.Meters {
		if !m.Looks {
			c.Session.Meters = append(c.Session.Meters, gateway.Used{Name: m.Name, Amount: m.Amount})
		}
	}
	e := &explained{By: engine.Revision(), From: "files", Held: c.Tool.Quarantined}
	if c.Tool.Check != nil {
		if checked, err := c.Tool.Check(c.Args); err != nil {
			e.Schema = err.Error()
		} else {
			c.Args = checked
		}
	}
	seen, err := engine.Visible(ctx, c.Agent, []*gateway.Tool{c.Tool})
	if err != nil {
		return nil, err
	}
	e.Hidden = len(seen) == 0
	if e.Request, err = engine.Explain(ctx, c, gateway.StageRequest); err != nil {
		return nil, err
	}
	if u.result != "" {
		if err := gateway.CheckJSON([]byte(u.result)); err != nil {
			return nil, fmt.Errorf("--result: %w", err)
		}
		c.Result = &gateway.Result{Raw: json.RawMessage(u.result)}
		result, err := engine.Explain(ctx, c, gateway.StageResult)
		if err != nil {
			return nil, err
		}
		e.Result = &result
	}
	return e, nil
}

// named is a tool by its wire name, with what its definition says. One of an upstream
// of which nothing is known is what its name says.
func (c *catalogue) named(wire string, talk io.Writer) (*gateway.Tool, error) {
	var names []string
	for _, t := range c.Tools {
		if t.Wire == wire {
			return t, upstream.Describe(t)
		}
		names = append(names, t.Wire)
	}
	server, name, ok := strings.Cut(wire, "__")
	if _, down := c.Why[server]; ok && down {
		c.sayDown(talk, "so that nothing is known of the tool but its name")
		return &gateway.Tool{Kind: gateway.KindTool, Server: server, Name: name, Wire: wire}, nil
	}
	return nil, fmt.Errorf("no upstream offers a tool %s%s", wire, meant(wire, names))
}
