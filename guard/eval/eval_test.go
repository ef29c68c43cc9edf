package eval

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scorer reads the score of a text from the text: "0.9 found", "0.9 found blocked".
type scorer struct{}

func (scorer) Score(text, _ string) (Scores, error) {
	number, rest, _ := strings.Cut(text, " ")
	value, err := strconv.ParseFloat(number, 64)
	return Scores{Injection: {Value: value, Found: rest != "", Label: strings.HasSuffix(rest, "labelled") || strings.HasSuffix(rest, "blocked"), Stops: strings.HasSuffix(rest, "blocked")}}, err
}

func rows(t *testing.T, lines string) []Row {
	t.Helper()
	r, err := Read(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const labelled = `
{"id":"1","source":"a","surface":"tool_result","label":"injection","text":"0.9 found blocked"}
{"id":"2","source":"a","surface":"tool_result","label":"injection","text":"0.3"}
{"id":"3","source":"a","surface":"tool_result","label":"benign","text":"0.1"}
{"id":"4","source":"b","surface":"tool_args","label":"benign","text":"0.5 found"}
{"id":"5","source":"b","surface":"tool_args","label":"secret","text":"0.99 found"}
{"id":"6","source":"b","surface":"user_prompt","label":"benign","text":"0.99 found"}
`

func TestRun(t *testing.T) {
	r, err := Run(rows(t, labelled), scorer{})
	if err != nil {
		t.Fatal(err)
	}
	f := r.All.Injection
	f.NsPerKiB = 0
	ptr := func(x float64) *float64 { return &x }
	want := &Figures{N: 4, Positives: 2, AUC: ptr(0.75), Recall01: ptr(0.5), Recall001: ptr(0.5), Recall: ptr(0.5), Precision: ptr(0.5), FPR: ptr(0.5),
		Actions: Actions{Found: 1, Labelled: 1, Blocked: 1}, Alarms: Alarms{Found: 1}}
	if d := cmp.Diff(want, f); d != "" {
		t.Errorf("figures of all tool surfaces (-want +got):\n%s", d)
	}
	if r.Prompts == nil || r.Prompts.N != 1 || *r.Prompts.FPR != 1 {
		t.Errorf("user prompts = %+v, want one benign row, over the threshold", r.Prompts)
	}
	var ids []string
	for _, m := range r.Mistakes {
		if m.Label == Injection {
			ids = append(ids, m.Row.ID)
		}
	}
	if d := cmp.Diff([]string{"4", "2"}, ids); d != "" {
		t.Errorf("mistakes, false alarms first (-want +got):\n%s", d)
	}
}

func TestReportJSONHasTheFixedMembers(t *testing.T) {
	r, err := Run(rows(t, labelled), scorer{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		All     map[string]map[string]any
		Sources []map[string]any
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n", "auc", "recall_at_fpr_0.01", "recall_at_fpr_0.001", "precision", "fpr", "ns_per_kib", "found", "labelled", "blocked", "found_benign", "labelled_benign", "blocked_benign"} {
		if _, ok := got.All["injection"][name]; !ok {
			t.Errorf("all.injection has no %s: %s", name, b)
		}
	}
	if len(got.Sources) != 2 || got.Sources[0]["source"] != "a" || got.Sources[0]["injection"] == nil {
		t.Errorf("sources = %v", got.Sources)
	}
}

// Files that hold no attack at all are measured too: what was made of them is the figure.
func TestTableOfBenignRowsAlone(t *testing.T) {
	r, err := Run(rows(t, `
{"source":"readme","surface":"tool_result","label":"benign","text":"0.1"}
{"source":"readme","surface":"tool_result","label":"benign","text":"0.5 found"}
{"source":"readme","surface":"tool_result","label":"benign","text":"0.9 found labelled"}
{"source":"strings","surface":"tool_result","label":"benign","text":"0.99 found blocked"}
`), scorer{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for line := range strings.Lines(b.String()) {
		if f := strings.Fields(line); len(f) > 4 && f[0] != "injection" {
			got = append(got, append([]string{f[0]}, f[len(f)-4:len(f)-1]...))
		}
	}
	want := [][]string{{"all", "3", "2", "1"}, {"readme", "2", "1", "0"}, {"strings", "1", "1", "1"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("found, labelled and blocked (-want +got):\n%s\n%s", d, b.String())
	}
}

func TestRecallAtRateAllowsThatShareOfNegatives(t *testing.T) {
	negative := make([]float64, 1000)
	for i := range negative {
		negative[i] = float64(i)
	}
	for _, tt := range []struct {
		rate     float64
		positive float64
		want     float64
	}{
		{0.01, 989, 0}, {0.01, 990, 1}, {0.001, 998, 0}, {0.001, 998.5, 1}, {0.001, 999, 1}, {0, 999, 0}, {0, 1000, 1},
	} {
		if got := recallAt([]float64{tt.positive}, negative, tt.rate); *got != tt.want {
			t.Errorf("recall of %v at %v = %v, want %v", tt.positive, tt.rate, *got, tt.want)
		}
	}
}

func TestReadGzip(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(labelled))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Read(&b)
	if err != nil || len(r) != 6 {
		t.Errorf("Read = %d rows, %v", len(r), err)
	}
}

func TestReadRefuses(t *testing.T) {
	for line, want := range map[string]string{
		`{"label":"evil","surface":"tool_args","text":"x"}`: `line 1: label "evil" is not one of benign, injection, secret, pii, exfil`,
		`{"label":"benign","surface":"mail","text":"x"}`:    `line 1: surface "mail" is not one of tool_args, tool_result, tool_description, user_prompt`,
		`{"label":"benign","surface":"tool_args"}`:          `line 1: text is empty`,
	} {
		if _, err := Read(strings.NewReader(line)); err == nil || err.Error() != want {
			t.Errorf("Read(%s) = %v, want %s", line, err, want)
		}
	}
}
