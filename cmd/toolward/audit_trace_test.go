package main

import (
	"bytes"
	"strings"
	"testing"

	"toolward/audit"
)

// Each rule of provenance has words of its own, in a story and in a trace: of a piece
// neither says that the whole was there.
func TestCopiesAreToldByTheirRule(t *testing.T) {
	for rule, want := range map[string][2]string{
		"provenance.copy":   {"passes on at /to what call c1 brought", "/to copies what call c1 brought"},
		"provenance.entity": {"passes on at /to a name or number of what call c1 brought", "/to repeats a name or number of what call c1 brought"},
		"provenance.pieces": {"in pieces of which one is at /to and which together are a copy, what call c1 brought", "/to has a piece of a copy of what call c1 brought"},
	} {
		t.Run(rule, func(t *testing.T) {
			var story, trace bytes.Buffer
			c := audit.Call{Findings: audit.Raw(`[{"rule":"` + rule + `","where":"/to","from":"c1"}]`)}
			tell(&story, c)
			printTrace(&trace, &audit.Trace{Call: c, Carries: []audit.Copy{{Rule: rule, Where: "/to", Source: "c1"}}}, "")
			if !strings.Contains(story.String(), want[0]) {
				t.Errorf("a story says %q, want %q", story.String(), want[0])
			}
			if !strings.Contains(trace.String(), want[1]) {
				t.Errorf("a trace says %q, want %q", trace.String(), want[1])
			}
		})
	}
}
