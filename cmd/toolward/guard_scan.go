package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/classify"
	"toolward/guard/eval"
)

// newScanner is a guard for commands that look at text without a gateway.
func newScanner(g *globals) (*guard.Scanner, error) {
	cfg, err := loadUnstarted(g)
	if err != nil {
		return nil, err
	}
	return scannerOf(cfg)
}

func scannerOf(cfg *config.Config) (*guard.Scanner, error) {
	opt, err := guardOptions(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return guard.New(opt)
}

func newGuardScan(g *globals) *cobra.Command {
	var surface string
	l := listing{format: "text"}
	cmd := &cobra.Command{
		Use:     "scan FILE|-",
		Short:   "Show what guard finds in a text, marked",
		Long:    "Scans a file, or standard input with -, as if it were met on a surface. Findings are marked\nin the text and listed after it. Exit code 1 if there are any.",
		Example: "  curl -s localhost:3000/page | toolward guard scan -\n  toolward guard scan --surface tool_description tool.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readText(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			if !slices.Contains(surfaces, surface) {
				return fmt.Errorf("--surface %s: use %s", surface, strings.Join(surfaces, ", "))
			}
			s, err := newScanner(g)
			if err != nil {
				return err
			}
			report, err := s.ScanText(cmd.Context(), text, classify.SurfaceOf(surface))
			if err != nil {
				return err
			}
			findings := report.Findings
			if l.format == "json" {
				if err := printJSON(cmd.OutOrStdout(), append([]gateway.Finding{}, findings...)); err != nil { // none is [], not null
					return err
				}
			} else {
				mark(cmd.OutOrStdout(), text, findings, isTerminal(cmd.OutOrStdout()))
			}
			if len(findings) > 0 {
				return foundError{}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&surface, "surface", "tool_result", strings.Join(surfaces, ", "))
	l.textFlag(cmd)
	return cmd
}

var surfaces = []string{"tool_result", "tool_args", "tool_description", "user_prompt"}

func readText(stdin io.Reader, name string) (string, error) {
	const most = 64 << 20
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && len(b) > most {
		err = errors.New("the text is over 64 MiB")
	}
	return string(b), err
}

// isTerminal reports whether colours make sense (https://no-color.org).
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// mark prints the text with each finding in red, or between brackets without
// colour, and then the findings. Escapes in the text are made visible first.
func mark(w io.Writer, text string, findings []gateway.Finding, colour bool) {
	before, after := "⟦", "⟧"
	if colour {
		before, after = "\x1b[1;31m", "\x1b[0m"
	}
	sorted := slices.Clone(findings)
	slices.SortFunc(sorted, func(a, b gateway.Finding) int { return a.Span[0] - b.Span[0] })
	at := 0
	for _, f := range sorted {
		from, to := max(f.Span[0], at), f.Span[1]
		if from >= to || to > len(text) {
			continue
		}
		fmt.Fprint(w, visible(text[at:from]), before, visible(text[from:to]), after)
		at = to
	}
	fmt.Fprintln(w, visible(text[at:]))
	for _, f := range sorted {
		score := ""
		if f.Score > 0 {
			score = fmt.Sprintf("  score %.3f", f.Score)
		}
		via := ""
		if f.Via != "" {
			via = "  via " + f.Via
		}
		fmt.Fprintf(w, "%d-%d  %s  %s  %s%s%s\n", f.Span[0], f.Span[1], f.Rule, f.Severity, f.Action, score, via)
	}
}

func newGuardEval(g *globals) *cobra.Command {
	var (
		output string
		errs   int
	)
	cmd := &cobra.Command{
		Use:   "eval FILE.jsonl",
		Short: "Measure the detectors on a labelled file",
		Long:  "Prints, per source and in all, AUC, recall at 1 % and 0.1 % false positives, precision and\nfalse positives at the thresholds in use, what was found, labelled (left to policy, which\nmakes a session untrusted) and blocked, and the time per KiB. A line of the file has\nsource, surface, label (benign, injection, secret, pii, exfil) and text; .gz is read too.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := eval.Open(args[0])
			if err != nil {
				return err
			}
			s, err := newScanner(g)
			if err != nil {
				return err
			}
			report, err := eval.Run(rows, s)
			if err != nil {
				return err
			}
			if output == "json" {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			} else {
				err = report.Write(cmd.OutOrStdout())
			}
			for _, m := range report.Mistakes[:min(errs, len(report.Mistakes))] {
				fmt.Fprintf(cmd.OutOrStdout(), "\n%s  %s/%s  measured for %s  score %.3f  %s\n  %s\n", m.Row.ID, m.Row.Source, m.Row.Label, m.Label, m.Score.Value, m.Score.Note, printable(short(m.Row.Text, 300)))
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	cmd.Flags().IntVar(&errs, "errors", 0, "also print the worst mistakes, so many or 20")
	cmd.Flags().Lookup("errors").NoOptDefVal = "20"
	return cmd
}
