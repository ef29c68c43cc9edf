package eval

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Write prints the report as a table: one block a label, one line a source.
func (r *Report) Write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, label := range Labels {
		all := r.All.Of(label)
		if all == nil || all.Positives == 0 && label != Injection {
			continue
		}
		fmt.Fprintf(tw, "%s\tn\tpositive\tAUC\trecall@1%%\trecall@0.1%%\trecall\tprecision\tFPR\tlabelled\tblocked\tof benign: found\tlabelled\tblocked\tns/KiB\t\n", label)
		line(tw, "all tool surfaces", all)
		if label == Injection && r.Prompts != nil {
			line(tw, "user prompts", r.Prompts)
		}
		for i := range r.Sources {
			if f := r.Sources[i].Of(label); f != nil {
				line(tw, r.Sources[i].Source, f)
			}
		}
		fmt.Fprintln(tw, strings.Repeat("\t", 15))
	}
	return tw.Flush()
}

func line(w io.Writer, name string, f *Figures) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%.0f\t\n", name, f.N, f.Positives,
		digits(f.AUC, 3), digits(f.Recall01, 3), digits(f.Recall001, 3), digits(f.Recall, 3), digits(f.Precision, 3), digits(f.FPR, 4), f.Actions.Labelled, f.Actions.Blocked, f.Alarms.Found, f.Alarms.Labelled, f.Alarms.Blocked, f.NsPerKiB)
}

func digits(x *float64, n int) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.*f", n, *x)
}
