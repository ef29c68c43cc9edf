package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"toolward/guard/eval"
)

// write prints the figures.
func (v *validation) write(w io.Writer, errors bool) error {
	rows := slices.DeleteFunc(slices.Clone(v.rows), func(j eval.Judged) bool {
		return j.Row.Label != eval.Injection && j.Row.Label != eval.Benign
	})
	r := eval.Measure(rows)
	if err := r.Write(w); err != nil {
		return err
	}
	quoting := eval.Measure(slices.DeleteFunc(rows, func(j eval.Judged) bool { return j.Row.Variant == "quotes_attack" }))
	for _, s := range []scale{v.published, v.written} {
		fmt.Fprintf(w, "probability = 1/(1+exp(-(%.3f*score%+.3f)))\n", s.slope, s.offset)
	}
	fmt.Fprintf(w, "found from %.3f, suspected from %.3f, certain from %.3f\n", v.limits.Found, v.limits.Suspect, v.limits.Certain)
	fmt.Fprintf(w, "without documents that quote an attack: recall %.3f at 1 %%, %.3f at 0.1 %%\n", *quoting.All.Injection.Recall01, *quoting.All.Injection.Recall001)
	fmt.Fprintf(w, "hidden text, no hidden attack in training: recall %.3f at 1 %%, %.3f at 0.1 %%\n", *v.unseen.Recall01, *v.unseen.Recall001)
	if err := v.writeTexts(w); err != nil {
		return err
	}
	if err := v.writeFiles(w); err != nil || !errors {
		return err
	}
	for _, m := range r.Mistakes {
		if m.Label == eval.Injection {
			fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%s\n", m.Row.Label, m.Row.Source, m.Row.ID, m.Score.Value, m.Score.Note)
		}
	}
	for _, m := range eval.Measure(v.kinds).Mistakes {
		if m.Label == eval.Injection {
			fmt.Fprintf(w, "file\t%s\t%.2f\t%s\n", m.Row.ID, m.Score.Value, m.Score.Note)
		}
	}
	return nil
}

// writeTexts prints what is made of texts of writers whom no model has seen: of their
// orders, and of the harmless texts beside them.
func (v *validation) writeTexts(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "unseen writer\torders\tfound\tlabelled\tblocked\tharmless\tfound\tlabelled\tblocked\t")
	line := func(name string, f *eval.Figures) {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, f.Positives, f.Actions.Found, f.Actions.Labelled, f.Actions.Blocked, f.N-f.Positives, f.Alarms.Found, f.Alarms.Labelled, f.Alarms.Blocked)
	}
	r := eval.Measure(v.texts)
	line("all", r.All.Injection)
	for i := range r.Sources {
		line(r.Sources[i].Source, r.Sources[i].Injection)
	}
	return tw.Flush()
}

// writeFiles prints what is made of ordinary files and of benign rows, by kind.
func (v *validation) writeFiles(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "ordinary files\tn\tunseen kind: found\tlabelled\tblocked\tunseen package: found\tlabelled\tblocked\t")
	kinds, packages := eval.Measure(v.kinds), eval.Measure(v.packages)
	line := func(name string, k, p *eval.Figures) {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, k.N, k.Alarms.Found, k.Alarms.Labelled, k.Alarms.Blocked, p.Alarms.Found, p.Alarms.Labelled, p.Alarms.Blocked)
	}
	if kinds.All.Injection != nil {
		line("all", kinds.All.Injection, packages.All.Injection)
	}
	for i := range kinds.Sources {
		line(strings.TrimPrefix(kinds.Sources[i].Source, "ordinary/"), kinds.Sources[i].Injection, packages.Sources[i].Injection)
	}
	return tw.Flush()
}
