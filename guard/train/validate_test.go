package main

import (
	"slices"
	"strings"
	"testing"

	"toolward/guard/eval"
)

// No model that judges attacks of a source has seen attacks of it, nor is one model
// without the attacks of two.
func TestFoldsPartSourcesWithAttacks(t *testing.T) {
	var rows []eval.Row
	for _, source := range strings.Fields("asb bipia deepset garak injecagent obfuscated agentdirected") {
		rows = append(rows, eval.Row{Source: source, Label: eval.Injection}, eval.Row{Source: source, Label: eval.Benign})
	}
	for _, source := range strings.Fields("bfcl logs mail notes tools") {
		rows = append(rows, eval.Row{Source: source, Label: eval.Benign})
	}
	c := &corpus{sources: append(byAttacks(rows), "ordinary/readme")}
	of := map[int]string{}
	for i := range rows {
		if rows[i].Label != eval.Injection {
			continue
		}
		f := c.fold(rows[i].Source)
		if other, ok := of[f]; ok && other != rows[i].Source {
			t.Errorf("%s and %s are left out together", other, rows[i].Source)
		}
		of[f] = rows[i].Source
	}
	seen := map[int]bool{}
	for _, group := range strings.Fields("npm/a npm/b npm/c deb/d deb/e go/f go/g go/h go/i go/j go/k go/l") {
		f := packageFold(group)
		if f < 0 || f >= folds {
			t.Fatalf("%s is in fold %d", group, f)
		}
		seen[f] = true
	}
	if len(seen) < 3 {
		t.Errorf("packages are in %d folds", len(seen))
	}
}

// Limits rise, and leave as many ordinary files over them as they may: so many by the
// scores of published attacks, and no more besides by those of written orders.
func TestCalibrateSetsLimitsOnFiles(t *testing.T) {
	score := func(source string, label eval.Label, z float64) eval.Judged {
		return eval.Judged{Row: &eval.Row{Source: source, Label: label, Surface: "tool_result"}, Scores: eval.Scores{eval.Injection: {Value: sigmoid(z)}}}
	}
	judged := func(stretch float64) *validation {
		v := &validation{}
		for i := range 400 {
			v.rows = append(v.rows, score("api", eval.Benign, -6+float64(i)/100), score("asb", eval.Injection, -4+float64(i)/40))
		}
		for i := range 10000 {
			v.kinds = append(v.kinds, score("ordinary/readme", eval.Benign, stretch*(-8+float64(i)/1000)))
			v.packages = append(v.packages, score("ordinary/readme", eval.Benign, stretch*(-9+float64(i)/1000)))
		}
		return v
	}
	published, written, v := judged(1), judged(0.5), &validation{}
	v.calibrate(published, written)
	over := func(judged *validation, s scale, limit float64) (n int) {
		for _, j := range slices.Concat(judged.kinds, judged.packages) {
			if sigmoid(s.slope*logit(&j)+s.offset) > limit+1e-12 {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		name   string
		judged *validation
		scale  scale
		limit  float64
		share  float64
	}{
		{"found", published, v.published, v.limits.Found, mayFind.files},
		{"suspected", published, v.published, v.limits.Suspect, maySuspect.files},
		{"certain", published, v.published, v.limits.Certain, mayBlock.files},
		{"found by the others", written, v.written, v.limits.Found, moreFound.files},
		{"suspected by the others", written, v.written, v.limits.Suspect, moreSuspected.files},
	} {
		if got, want := over(tt.judged, tt.scale, tt.limit), int(tt.share*20000); got > want || got < want-1 {
			t.Errorf("%s from %.4f: %d of 20000 files, want %d", tt.name, tt.limit, got, want)
		}
	}
	if !(v.limits.Found < v.limits.Suspect && v.limits.Suspect < v.limits.Certain) {
		t.Errorf("limits %+v", v.limits)
	}
}
