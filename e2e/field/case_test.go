//go:build e2e

package field

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// filesOf reads a case.
func filesOf(t *testing.T, name string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func writeZip(t *testing.T, name string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(file)
		if err == nil {
			_, err = io.WriteString(w, files[file])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCaseOfAnIncident makes the file of a session whose texts are partly hostile,
// partly erased, and in which a person decided; somebody who has nothing but the
// file and the public key tells it from one that was changed.
func TestCaseOfAnIncident(t *testing.T) {
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"approvals": map[string]any{"wait": "0s"}},
		Policies: map[string]string{"all.rego": lab.AllowTesters + "\napprove contains \"a person looks\" if input.args.text == \"ask\"\n"},
	})
	token := func(agent, session string) string {
		return g.Issuer.Sign(g.Issuer.Claims(agent, lab.Audience, map[string]any{"roles": []string{"tester"}, "sid": session}))
	}
	const hostile = `{"text":"\u001b[2J\u202egnp.exe =cmd|' /C calc'!A0"}`
	lab.CallREST(t, g, token("ann", "s-1"), "lab__echo", hostile)
	gone := lab.CallREST(t, g, token("ann", "s-1"), "lab__echo", lab.Text("to-be-erased-1234"))
	lab.CallREST(t, g, token("ann", "s-1"), "lab__echo", lab.Text("ask"))
	run := func(want int, args ...string) string {
		t.Helper()
		code, out := g.Run(t, append(args, "--config", "toolward.yaml")...)
		if code != want {
			t.Fatalf("%v ends with %d, want %d: %s", args, code, want, out)
		}
		return out
	}
	run(0, "approvals", "approve", g.Waiting(t), "--note", "looked at it")
	lab.CallREST(t, g, token("ann", "s-1"), "lab__echo", lab.Text("ask"))
	lab.CallREST(t, g, token("bob", "s-2"), "lab__echo", lab.Text("of-another-session"))
	g.Stop(t)
	run(0, "audit", "erase", "--call", gone.ID, "--why", "asked for by ann")
	run(0, "audit", "case", "s-1", "-o", "case.zip")

	files := filesOf(t, filepath.Join(g.Dir, "case.zip"))
	all := strings.Join(slices.Collect(maps.Values(files)), "\n")
	for _, part := range []struct{ file, text string }{
		{"README.txt", "session s-1"}, {"README.txt", "its text is not in the record any more"}, {"calls.jsonl", "looked"}, {"events.jsonl", `"type":"approval.approved"`},
		{"events.jsonl", "looked at it"}, {"events.jsonl", `"type":"gateway.start"`}, {"events.jsonl", `"type":"policy.loaded"`}, {"events.jsonl", `"type":"audit.checkpoint"`},
		{"verify.txt", "asked for by ann"}, {"story.txt", "ann called lab__echo: ok"}, {"SHA256SUMS", "  calls.jsonl"}, {"toolward.db.pub", "toolward-audit-"},
	} {
		if part.text != "looked" && !strings.Contains(files[part.file], part.text) {
			t.Errorf("%s has no %q:\n%.2000s", part.file, part.text, files[part.file])
		}
	}
	if strings.ContainsAny(all, "\x1b\u202e") || strings.Contains(all, "to-be-erased-1234") || strings.Contains(all, "of-another-session") {
		t.Error("the case holds what a terminal obeys, what was erased, or what is another session's")
	}
	policies := 0
	for name, text := range files {
		if strings.HasPrefix(name, "policies/") && strings.Contains(text, "a person looks") {
			policies++
		}
	}
	if lines := strings.Count(files["calls.jsonl"], "\n"); policies != 1 || lines != 4 {
		t.Errorf("%d policies, %d calls", policies, lines)
	}
	for line := range strings.Lines(files["events.jsonl"]) {
		var e struct {
			Seq       int64
			Hash, MAC []byte
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e.Hash) != 32 || len(e.MAC) != 16 {
			t.Errorf("%v: %s", err, line)
		}
	}

	public := strings.TrimSpace(files["toolward.db.pub"])
	check := func(name string, want int) string {
		t.Helper()
		code, out := g.Run(t, "audit", "case", "--check", name, "--public-key", public)
		if code != want {
			t.Errorf("check of %s ends with %d, want %d: %s", name, code, want, out)
		}
		return out
	}
	check("case.zip", 0)
	for what, change := range map[string]func(map[string]string){
		"a call changed":   func(f map[string]string) { f["calls.jsonl"] = strings.Replace(f["calls.jsonl"], "ann", "eve", 1) },
		"a file taken out": func(f map[string]string) { delete(f, "story.txt") },
		"a file added":     func(f map[string]string) { f["more.txt"] = "x" },
		"no signature":     func(f map[string]string) { delete(f, "SHA256SUMS.signed") },
		"a list changed": func(f map[string]string) {
			f["SHA256SUMS.signed"] = strings.Replace(f["SHA256SUMS.signed"], "story", "stori", 1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			changed := maps.Clone(files)
			change(changed)
			writeZip(t, filepath.Join(g.Dir, "changed.zip"), changed)
			check("changed.zip", 1)
		})
	}
	if code, out := g.Run(t, "audit", "case", "s-1", "-o", "case.zip", "--config", "toolward.yaml"); code != 2 {
		t.Errorf("a case is written over another: %d %s", code, out)
	}
	if code, out := g.Run(t, "audit", "case", "nobody", "-o", "none.zip", "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "there is no such call") {
		t.Errorf("a case of nothing: %d %s", code, out)
	}
}

// TestDiffOfTwoCalls tells in what two calls differ, and nothing else.
func TestDiffOfTwoCalls(t *testing.T) {
	up := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}}, Policies: map[string]string{"all.rego": lab.AllowTesters + "\ndeny contains \"not that\" if input.args.text == \"bad\"\n"}})
	call := func(args string) string { return lab.CallREST(t, g, g.Tester(), "lab__echo", args).ID }
	a, same, b := call(`{"text":"good","deep":{"list":[1,2]}}`), call(`{"text":"good","deep":{"list":[1,2]}}`), call(`{"text":"bad","deep":{"list":[1,3,null]}}`)
	code, out := g.Run(t, "audit", "diff", a, same, "--config", "toolward.yaml")
	if code != 0 || strings.Contains(out, "- ") {
		t.Errorf("equal calls end with %d: %s", code, out)
	}
	got, _ := g.Command("audit", "diff", a, b, "-o", "json", "--config", "toolward.yaml").Output()
	var d struct {
		Differences []struct{ Where, A, B string }
	}
	if err := json.Unmarshal(got, &d); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	found := map[string]string{}
	for _, one := range d.Differences {
		found[one.Where] = one.A + " → " + one.B
	}
	for where, want := range map[string]string{
		"args/text": `"good" → "bad"`, "args/deep/list/1": "2 → 3", "args/deep/list/2": " → null", "effect": "allow → deny", "outcome": "ok → refused", "code": " → policy", "reasons/0": ` → "not that"`, "shown": "all → nothing",
	} {
		if found[where] != want {
			t.Errorf("%s: %q, want %q in %v", where, found[where], want, found)
		}
	}
	for _, where := range []string{"args/deep/list/0", "agent", "tool", "time", "id"} {
		if found[where] != "" {
			t.Errorf("%s differs: %s", where, found[where])
		}
	}
	if code, out := g.Run(t, "audit", "diff", a, b, "--config", "toolward.yaml"); code != 1 || !strings.Contains(out, `+ "bad"`) {
		t.Errorf("ends with %d: %s", code, out)
	}
}
