package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/config"
	"toolward/gateway"
	"toolward/policy"
)

// explained is why a call was decided as it was, or would be.
type explained struct {
	Call     string           `json:"call,omitempty"`    // left out for one that nobody made
	Recorded gateway.Decision `json:"recorded,omitzero"` // on the request
	On       gateway.Decision `json:"recorded_on_result,omitzero"`
	By       string           `json:"by"`                // the revision that explains it
	From     string           `json:"from"`              // where that was read: "files" or "record"
	Partial  string           `json:"partial,omitempty"` // what the record lacks of what policy saw
	Differs  []string         `json:"differs,omitempty"` // where this explanation does not come to what is recorded
	Schema   string           `json:"schema,omitempty"`  // of a call that nobody made: why the tool's schema refuses its arguments
	Held     string           `json:"held,omitempty"`    // … why nobody may call the tool now
	Hidden   bool             `json:"hidden,omitempty"`  // … and that the agent's list does not show the tool

	Request policy.Explanation  `json:"request"`
	Result  *policy.Explanation `json:"result,omitempty"` // left out where there was no result to judge
	Shadow  *shadowed           `json:"shadow,omitempty"` // left out where there was no shadow policy
	audit.Causes
}

// shadowed is what the shadow policy made of it.
type shadowed struct {
	By      string              `json:"by,omitempty"`      // its revision
	Unknown string              `json:"unknown,omitempty"` // why it cannot be said
	Request *policy.Explanation `json:"request,omitempty"`
	Result  *policy.Explanation `json:"result,omitempty"`
}

// unexplained is why a call has no explanation; what helps stands on its second line.
type unexplained struct{ error }

func newPolicyExplain(g *globals) *cobra.Command {
	var (
		r    = newDesk(g)
		path string
		u    unmade
		l    listing
	)
	cmd := &cobra.Command{
		Use:   "explain [CALL]",
		Short: "Which rules decided a call, or would decide one, and which do not hold",
		Long: "Explains both stages of a recorded call by the revision that decided it: the files as they are now, if they\n" +
			"are that revision, else its text in the record; and which earlier calls brought the labels, history and\n" +
			"counts that it met. With --policy it says what another policy would make of it.\n" +
			"With --tool it explains a call that nobody made. Guard is not asked about that, and nothing has been counted.",
		Example: "  toolward policy explain 019b2c\n  toolward policy explain --tool files__write_file --role editor --args '{\"path\": \"/srv/docs/a.txt\"}'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (len(args) == 1) == (u.tool != ""):
				return errors.New("say which call: the ID of a recorded one, or --tool for one that nobody made")
			case u.tool != "":
				said, err := explainUnmade(cmd.Context(), g, &u, path, cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				return said.print(cmd.OutOrStdout(), l)
			case u.given(cmd):
				return errors.New("--agent, --role, --claims, --args, --result and --label are for a call that nobody made: say --tool")
			}
			return r.read(cmd.Context(), func(reader asker) error {
				said, err := explainBy(cmd.Context(), g, reader, args[0], path)
				if err != nil {
					return err
				}
				return said.print(cmd.OutOrStdout(), l)
			})
		},
	}
	cmd.Flags().StringVar(&path, "policy", "", "explain by this policy instead of the one that decided")
	r.flag(cmd)
	u.flags(cmd)
	l.textFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("policy", "url")
	cmd.MarkFlagsMutuallyExclusive("tool", "url")
	cmd.MarkFlagsMutuallyExclusive("tool", "db")
	return cmd
}

// print tells it in words, or writes all of it as JSON.
func (e *explained) print(w io.Writer, l listing) error {
	if l.format == "json" {
		return printJSON(w, e)
	}
	e.words(w)
	return nil
}

// explainBy asks the gateway, which has the files and the key, or explains here.
func explainBy(ctx context.Context, g *globals, reader asker, call, path string) (*explained, error) {
	switch reader := reader.(type) {
	case inFile:
		cfg, err := loadBeside(g)
		if err != nil {
			return nil, err
		}
		return explainCall(ctx, cfg, reader.Reader, call, path)
	case *remote:
		if path != "" {
			return nil, errors.New("--policy needs the record's file, which cannot be read here")
		}
		said := &explained{}
		return said, reader.get(ctx, "calls/"+segment(call)+"/explain", nil, said)
	}
	panic("an asker of another kind")
}

// explainCall explains a call by the policy that decided it, or by the one at path.
func explainCall(ctx context.Context, cfg *config.Config, reader *audit.Reader, id, path string) (*explained, error) {
	call, _, err := reader.Show(ctx, id)
	if err != nil {
		return nil, err
	}
	x := explainer{cfg: cfg, reader: reader, other: path}
	if x.files, x.broken = openPolicy(ctx, cfg, path); x.broken != nil && path != "" {
		return nil, x.broken
	}
	for replayed, err := range reader.Replay(ctx, audit.Filter{Call: call.ID}) {
		if err != nil {
			return nil, err
		}
		return x.explain(ctx, &call, replayed)
	}
	return nil, unexplained{fmt.Errorf("policy did not judge call %s: it was refused before (%s): %s", call.ID, call.Code, reasons(call))}
}

// explainer knows the policies that there are.
type explainer struct {
	cfg    *config.Config
	reader *audit.Reader
	other  string         // another policy to explain by; "" for the one that decided
	files  *policy.Engine // of the configuration as it is now, or of other; nil if they do not load
	broken error          // why they do not
}

// explain explains both stages, each by the revision that judged it.
func (x *explainer) explain(ctx context.Context, call *audit.Call, replayed audit.Replayed) (*explained, error) {
	c := replayed.Call
	e := &explained{Call: c.ID, Recorded: c.Decision, On: c.ResultDecision, Partial: replayed.Partial}
	engine, from, err := x.engine(ctx, c.Decision.Revision)
	if err != nil {
		return nil, err
	}
	e.By, e.From = engine.Revision(), from
	if e.Request, err = engine.Explain(ctx, c, gateway.StageRequest); err != nil {
		return nil, err
	}
	e.compare("request", c.Decision, e.Request, x.other)
	if c.Result != nil {
		judge := engine
		if revision := c.ResultDecision.Revision; revision != "" && revision != c.Decision.Revision {
			if judge, _, err = x.engine(ctx, revision); err != nil {
				return nil, err
			}
		}
		result, err := judge.Explain(ctx, c, gateway.StageResult)
		if err != nil {
			return nil, err
		}
		e.Result = &result
		if c.ResultDecision.Effect != "" { // some results look like their requests, and are not judged again
			e.compare("result", c.ResultDecision, result, x.other)
		}
	}
	if c.Decision.Shadow != "" && x.other == "" {
		e.Shadow = x.shadow(ctx, call.Seq, c)
	}
	e.Causes, err = x.reader.Causes(ctx, call, &c.Session, x.meters(ctx, engine, c))
	return e, err
}

// compare says where an explanation is not what is on record: values that the record
// does not have, or what rules read of the time.
func (e *explained) compare(stage string, was gateway.Decision, x policy.Explanation, other string) {
	if other != "" {
		return
	}
	if was.Effect != x.Decision.Effect {
		e.Differs = append(e.Differs, fmt.Sprintf("%s: the record has %s, this comes to %s", stage, was.Effect, x.Decision.Effect))
	}
	for _, rule := range was.Rules {
		if rule.File != "" && !slices.ContainsFunc(x.Fired, func(r policy.FiredRule) bool { return r.File == rule.File && r.Line == rule.Line }) {
			e.Differs = append(e.Differs, fmt.Sprintf("%s: by the record %s:%d held, and here it does not", stage, rule.File, rule.Line))
		}
	}
}

// engine is a revision: of the files if they are it, else as the record holds it.
func (x *explainer) engine(ctx context.Context, revision string) (e *policy.Engine, from string, err error) {
	if x.files != nil && (x.other != "" || x.files.Revision() == revision) {
		return x.files, "files", nil
	}
	text, err := x.reader.Policy(ctx, revision)
	if err != nil {
		return nil, "", err
	}
	e, err = x.recorded(ctx, text)
	if err != nil && x.broken != nil {
		err = fmt.Errorf("%w\n  the files as they are now do not load: %w", err, x.broken)
	}
	return e, "record", err
}

// recorded is a policy as the record holds it. It is an error if what is there is
// not all of it.
func (x *explainer) recorded(ctx context.Context, text audit.PolicyText) (*policy.Engine, error) {
	var files []policy.File
	if text.Files != nil {
		if err := json.Unmarshal(text.Files, &files); err != nil {
			return nil, fmt.Errorf("the text of revision %s in the record: %w", text.Revision, err)
		}
	}
	if files == nil {
		return nil, unexplained{fmt.Errorf("revision %s decided the call, which is neither what the files hold now nor in the record: it cannot be explained\n  by another policy: --policy PATH", text.Revision)}
	}
	opt := policyOptions(x.cfg, slog.New(slog.DiscardHandler), nil)
	opt.Files, opt.Shadow = files, ""
	engine, err := policy.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	if engine.Revision() != text.Revision {
		return nil, unexplained{fmt.Errorf("revision %s decided the call, and its text in the record comes to %s with this program's library: a credential was taken out of it, or another version of toolward decided\n  by another policy: --policy PATH", text.Revision, engine.Revision())}
	}
	return engine, nil
}

// shadow explains what the shadow policy of then made of a call.
func (x *explainer) shadow(ctx context.Context, seq int64, c *gateway.Call) *shadowed {
	text, err := x.reader.ShadowAt(ctx, seq)
	if err != nil {
		return &shadowed{Unknown: err.Error()}
	}
	engine, err := x.recorded(ctx, text)
	if err != nil {
		return &shadowed{By: text.Revision, Unknown: "the shadow policy of then is not in the record as it was"}
	}
	s := &shadowed{By: text.Revision}
	request, err := engine.Explain(ctx, c, gateway.StageRequest)
	if err == nil {
		s.Request = &request
		if c.Result != nil {
			result, failed := engine.Explain(ctx, c, gateway.StageResult)
			s.Result, err = &result, failed
		}
	}
	if err != nil {
		s.Unknown = err.Error()
	}
	return s
}

// meters says of the meters that policy looked at whose counters they are: as the
// policy says it once more, with keys as they stand in the record.
func (x *explainer) meters(ctx context.Context, engine *policy.Engine, c *gateway.Call) []gateway.Meter {
	if len(c.Session.Meters) == 0 {
		return nil
	}
	tally, err := engine.CountRequest(ctx, c)
	if err != nil {
		return nil // it was refused for that: nothing was counted
	}
	keys, err := audit.LoadKeys(x.cfg.Audit.Path + ".keys")
	var all []gateway.Meter
	for _, m := range tally.Meters {
		switch {
		case m.Key == "":
		case err != nil || strings.Contains(m.Key, "hmac:"): // a key that was itself taken out of the record
			m.Key = "?"
		default:
			m.Key = keys.Token(m.Key)
		}
		if m.Key == "" && m.Looks {
			m.Key = "?" // it looks at all keys together
		}
		all = append(all, m)
	}
	return all
}
