// Dress dresses orders to a model up in every way that guard/guardtest knows,
// puts them where text reaches a model, and counts which are blocked or
// quarantined under the default configuration:
//
//	make dress
//
// It prints a row for each dressing and each place with less than all found.
// It fails if fewer than 99 of 100 are found whose words stand in the text.
//
//	make techniques
//
// prints what each way of decoding earns: see earned.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/guardtest"
)

func main() {
	log.SetFlags(0)
	only := flag.String("dressing", "", "only dressings whose name holds this")
	every := flag.Int("every", 1, "only one of so many cases")
	missed := flag.Int("missed", 0, "also print so many of the missed cases of each dressing")
	techniques := flag.Bool("techniques", false, "print instead what each way of decoding finds that nothing else finds, here and in -data")
	data := flag.String("data", "", "with -techniques: labelled texts (guard/eval)")
	flag.Parse()
	s, err := guard.New(guard.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if *techniques {
		if err := earned(os.Stdout, s, *data, *every); err != nil {
			log.Fatal(err)
		}
		return
	}
	r := run(s, *only, *every, *missed)
	r.print(os.Stdout)
	if plain := r.readers[guardtest.Plain]; plain.found*100 < plain.total*99 {
		log.Fatal("fewer than 99 of 100 orders that stand in the text are found")
	}
}

// tally counts cases.
type tally struct{ found, total int }

func (t *tally) add(found bool) {
	t.total++
	if found {
		t.found++
	}
}

// results are the tallies of a run.
type results struct {
	dressings, places map[string]*tally
	readers           [2]tally
	missed            []string
}

// run scans every order in every dress at every place. Dresses that are long
// themselves, and those of parts, are put at few places and in few dresses.
func run(s *guard.Scanner, only string, every, missed int) *results {
	r := &results{dressings: map[string]*tally{}, places: map[string]*tally{}}
	for _, d := range guardtest.Dressings() {
		if !strings.Contains(d.Name, only) {
			continue
		}
		shown, n := 0, 0
		for _, p := range guardtest.PlacesOf(d) {
			for _, o := range guardtest.Orders() {
				if d.Latin && !o.Latin() {
					continue
				}
				if n++; n%every != 0 {
					continue
				}
				found := blocked(s, p, d.Apply(o.Text))
				at(r.dressings, d.Name).add(found)
				at(r.places, p.Name).add(found)
				r.readers[d.Reads].add(found)
				if !found && shown < missed {
					shown++
					r.missed = append(r.missed, fmt.Sprintf("%s, %s: %.160q", d.Name, p.Name, o.Text))
				}
			}
		}
	}
	return r
}

func at(m map[string]*tally, name string) *tally {
	if m[name] == nil {
		m[name] = new(tally)
	}
	return m[name]
}

// blocked reports whether guard keeps the text from its reader.
func blocked(s *guard.Scanner, p guardtest.Place, text string) bool {
	found, ok := scan(s, p, text)
	return !ok || slices.ContainsFunc(found, stops)
}

// stops reports whether a finding of an order keeps the text from its reader.
func stops(f gateway.Finding) bool {
	return (f.Kind == gateway.FindingInjection || f.Kind == gateway.FindingPoisoning) && (f.Action == gateway.ActionBlock || f.Action == gateway.ActionQuarantine)
}

// scan returns the findings in a text at a place. It is not ok if the text does not
// get past guard for another reason.
func scan(s *guard.Scanner, p guardtest.Place, text string) (found []gateway.Finding, ok bool) {
	raw := json.RawMessage(p.Fill(text))
	call := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	call.Agent = &gateway.Agent{ID: "dress", Issuer: "https://id.example"}
	call.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "add", Wire: "demo__add", Definition: raw}
	args := []byte("{}")
	if p.Side == guardtest.Sent {
		args = raw
	}
	var err error
	if call.Args, err = gateway.ParseArgs(args); err != nil {
		return nil, false // it does not get as far as guard
	}
	call.Result = &gateway.Result{Raw: raw}
	var report gateway.Report
	switch p.Side {
	case guardtest.Sent:
		report, err = s.Request(context.Background(), call)
	case guardtest.Returned:
		report, err = s.Result(context.Background(), call)
	default:
		report.Findings, err = s.Definition(context.Background(), call.Tool)
	}
	return report.Findings, err == nil
}

// print writes the tables, the worst first.
func (r *results) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	for _, table := range []map[string]*tally{r.dressings, r.places} {
		var names []string
		whole := 0
		for name, t := range table {
			if t.found < t.total {
				names = append(names, name)
			} else {
				whole++
			}
		}
		slices.SortFunc(names, func(a, b string) int {
			x, y := table[a], table[b]
			return cmp.Or(cmp.Compare(x.found*y.total, y.found*x.total), cmp.Compare(a, b))
		})
		for _, name := range names {
			fmt.Fprintf(w, "%s\t%d/%d\n", name, table[name].found, table[name].total)
		}
		fmt.Fprintf(w, "%d others\tall\n\t\n", whole)
	}
	for i, name := range []string{"the words stand in the text", "a model has to decode them"} {
		t := r.readers[i]
		fmt.Fprintf(w, "%s\t%d/%d\t%.2f %%\n", name, t.found, t.total, 100*float64(t.found)/float64(max(t.total, 1)))
	}
	for _, m := range r.missed {
		fmt.Fprintf(w, "missed\t%s\n", m)
	}
}
