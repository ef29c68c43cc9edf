package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"toolward/policy"
)

// checked is what `policy check -o json` prints.
type checked struct {
	OK       bool             `json:"ok"`                 // no error; there may be warnings
	Revision string           `json:"revision,omitempty"` // left out if the policy does not load
	Against  string           `json:"against,omitempty"`  // where what upstreams offer is known from; left out if nothing was held against it
	Problems []policy.Problem `json:"problems"`
	Down     []string         `json:"down,omitempty"` // upstreams of which nothing is known
	Cost     *cost            `json:"cost,omitempty"` // with --cost
}

// cost is what OPA is asked of a policy.
type cost struct {
	Whole string        `json:"whole,omitempty"` // why it is asked all of it
	Left  []policy.Left `json:"left"`
}

func newPolicyCheck(g *globals) *cobra.Command {
	var (
		offline, fresh, strict, costs bool
		l                             listing
	)
	cmd := &cobra.Command{
		Use:   "check [PATH]",
		Short: "Report every error of a policy, also against what upstreams offer",
		Long: "Compiles the policy and reports all errors with their places: names that do not exist, comparisons that never\n" +
			"hold, rules that can never fire or allow more than they say, packages for tools that nobody offers, arguments\n" +
			"and values that a tool's schema does not have. What upstreams offer is known from the running gateway, or from\n" +
			"the definitions that are pinned; what is not known is started. Exit code 1 if there are errors.\n" +
			"With --cost it lists the rules that OPA interprets, at tens of microseconds a call, and what in them it has to be asked.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := ""
			if len(args) == 1 {
				path = args[0]
			}
			said, err := checkPolicy(cmd.Context(), g, path, offline, fresh, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if !costs {
				said.Cost = nil
			}
			return said.print(cmd, l.format == "json", strict)
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "hold nothing against what upstreams offer")
	cmd.Flags().BoolVar(&fresh, "fresh", false, "start all upstreams, rather than believe what is known of them")
	cmd.Flags().BoolVar(&costs, "cost", false, "list the rules that OPA interprets")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit code 1 for warnings too")
	cmd.MarkFlagsMutuallyExclusive("offline", "fresh")
	l.textFlag(cmd)
	return cmd
}

func checkPolicy(ctx context.Context, g *globals, path string, offline, fresh bool, talk io.Writer) (*checked, error) {
	said := &checked{Problems: []policy.Problem{}}
	engine, cfg, err := openEngine(ctx, g, path)
	var broken policy.Problems
	if errors.As(err, &broken) {
		said.Problems = broken
		return said, nil
	}
	if err != nil {
		return nil, err
	}
	said.Revision = engine.Revision()
	left, whole := engine.Left()
	said.Cost = &cost{whole, left}
	if path == "" && noPolicy(cfg) != "" {
		said.Problems = []policy.Problem{{File: g.config, Code: "policy_none", Severity: policy.Error,
			Message: "there is no policy, so that every call is refused", Hint: "toolward policy init ./policies, and `policy: {path: ./policies}`"}}
		return said, nil
	}
	var offered *policy.Offered
	if !offline {
		c, err := known(ctx, g, fresh, talk)
		if err != nil {
			return nil, err
		}
		c.sayDown(talk, "so nothing is said about its tools")
		offered, said.Against, said.Down = &c.Offered, c.From, c.Down
	}
	said.Problems = append(said.Problems, engine.Check(offered)...)
	said.OK = said.count(policy.Error) == 0
	return said, nil
}

func (c *checked) count(s policy.Severity) (n int) {
	for _, p := range c.Problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

func (c *checked) print(cmd *cobra.Command, asJSON, strict bool) error {
	errs, warnings := c.count(policy.Error), c.count(policy.Warning)
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), c); err != nil {
			return err
		}
	}
	for _, p := range c.Problems {
		if !asJSON {
			fmt.Fprintln(cmd.ErrOrStderr(), p)
		}
	}
	if c.Cost != nil && !asJSON {
		c.Cost.print(cmd.OutOrStdout())
	}
	switch {
	case errs > 0:
		return foundError{count(errs, "error") + ", " + count(warnings, "warning")}
	case warnings > 0 && strict:
		return foundError{count(warnings, "warning")}
	case asJSON:
	case warnings > 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "the policy loads (revision %s), with %s\n", c.Revision, count(warnings, "warning"))
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "the policy is fine (revision %s)%s\n", c.Revision, c.held())
	}
	return nil
}

// print lists the rules, a line each.
func (c *cost) print(w io.Writer) {
	if c.Whole != "" {
		fmt.Fprintf(w, "OPA interprets every rule at each call whose arguments are new: %s\n", c.Whole)
		return
	}
	for _, r := range c.Left {
		fmt.Fprintf(w, "%s:%d: OPA interprets %s of package %s: %s\n", r.File, r.Line, r.Name, r.Package, r.Why)
	}
	if len(c.Left) == 0 {
		fmt.Fprintln(w, "every rule is answered without OPA's interpreter")
	}
}

// held is what the policy was held against.
func (c *checked) held() string {
	if c.Against == "" {
		return ", by itself"
	}
	return ", held against " + c.Against
}
