package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/policy"
)

// readOnly is what --allow takes.
const readOnly = "read-only"

func newPolicyInit(g *globals) *cobra.Command {
	var (
		allow   string
		servers []string
		o       policy.Starter
	)
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Write a starter policy, a file per server, with a test beside it",
		Long: "Writes a file for each upstream, which allows nobody anything: with an example of a rule for every tool, by\n" +
			"the arguments of its schema, and a test beside it that fails when the policy comes to allow more. With\n" +
			"--allow read-only a role may use the tools that their server says change nothing, each by its name. Files that\n" +
			"exist are left alone. What upstreams offer is known as to `policy check`.",
		Example: "  toolward policy init ./policies\n  toolward policy init ./policies --role reader --allow read-only\n  toolward policy init ./policies --server github --role developer",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if allow != "" && allow != readOnly {
				return fmt.Errorf("--allow %s: use %s, or leave it out and write rules for what you mean", allow, readOnly)
			}
			if o.ReadOnly = allow != ""; o.ReadOnly && o.Role == "" {
				o.Role = "reader"
			}
			c, err := known(cmd.Context(), g, false, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			tools, err := c.of(servers)
			if err != nil {
				return err
			}
			if len(servers) > 0 { // of others nothing was to be written
				for name := range c.Why {
					if !slices.Contains(servers, name) {
						delete(c.Why, name)
					}
				}
			}
			c.sayDown(cmd.ErrOrStderr(), "so that nothing was written for it")
			started, err := policy.Init(args[0], tools, o)
			for _, s := range started {
				for _, name := range s.Files {
					fmt.Fprintln(cmd.OutOrStdout(), name)
				}
			}
			if err != nil {
				return err
			}
			sayStarted(cmd.ErrOrStderr(), args[0], started, o)
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Role, "role", "", "the role that rules are about")
	cmd.Flags().StringVar(&allow, "allow", "", "read-only: let --role (reader, if it is left out) use the tools that change nothing")
	cmd.Flags().StringSliceVar(&servers, "server", nil, "write for this upstream alone (may be repeated)")
	return cmd
}

// of are the tools, prompts and resources of some servers, or of all.
func (c *catalogue) of(servers []string) (tools []*gateway.Tool, err error) {
	if len(servers) == 0 {
		return c.Tools, nil
	}
	found := map[string]bool{}
	var names []string
	for _, t := range c.Tools {
		if !slices.Contains(names, t.Server) {
			names = append(names, t.Server)
		}
		if slices.Contains(servers, t.Server) {
			tools, found[t.Server] = append(tools, t), true
		}
	}
	for name := range c.Why { // it is said why nothing is known of it
		found[name] = true
		names = append(names, name)
	}
	var wrong []error
	for _, name := range servers {
		if !found[name] && !slices.Contains(c.Servers, name) {
			wrong = append(wrong, fmt.Errorf("there is no upstream %s%s", name, meant(name, names)))
		}
	}
	return tools, errors.Join(wrong...)
}

// sayStarted says what the files allow, and how to go on.
func sayStarted(w io.Writer, dir string, started []policy.Started, o policy.Starter) {
	wrote := false
	for _, s := range started {
		switch {
		case s.There != "":
			fmt.Fprintf(w, "%s is there already, and left alone\n", s.There)
			continue
		case s.Allowed > 0:
			fmt.Fprintf(w, "%s: %s may use %d of %s\n", s.Server, o.Role, s.Allowed, count(s.Tools, "tool"))
		default:
			fmt.Fprintf(w, "%s: nobody may use any of its %s yet\n", s.Server, count(s.Tools, "tool"))
		}
		wrote = true
		if len(s.Doubtful) > 0 {
			fmt.Fprintf(w, "  not among them, by their names: %s\n", printable(strings.Join(s.Doubtful, ", ")))
		}
	}
	switch {
	case !wrote:
		fmt.Fprintln(w, "nothing to write")
	case o.ReadOnly:
		fmt.Fprintf(w, "a token for it: toolward token mint --subject NAME --role %s\n", o.Role)
		fallthrough
	default:
		fmt.Fprintf(w, "check what you change: toolward policy check %s, toolward policy test %s\n", dir, dir)
	}
}
