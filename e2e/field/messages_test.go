//go:build e2e

package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// providers are the formats of function calling: a turn with one call of the
// tool "one__t" in each, with KIND for its argument, and the type that the
// provider's SDK gives to what is appended.
var providers = []struct{ format, call, sdk string }{
	{"openai", `{"tool_calls":[{"id":"c1","type":"function","function":{"name":"one__t","arguments":"{\"kind\":\"KIND\"}"}}]}`,
		"OpenAI.Chat.ChatCompletionMessageParam[]"},
	{"openai", `{"tool_calls":[{"id":"c1","type":"custom","custom":{"name":"one__t","input":"{\"kind\":\"KIND\"}"}}]}`,
		"OpenAI.Chat.ChatCompletionMessageParam[]"},
	{"openai-responses", `{"output":[{"type":"function_call","call_id":"c1","name":"one__t","arguments":"{\"kind\":\"KIND\"}","caller":{"type":"program","caller_id":"p"}}]}`,
		"OpenAI.Responses.ResponseInput"},
	{"openai-responses", `{"output":[{"type":"custom_tool_call","call_id":"c1","name":"one__t","input":"{\"kind\":\"KIND\"}"}]}`,
		"OpenAI.Responses.ResponseInput"},
	{"anthropic", `{"content":[{"type":"tool_use","id":"c1","name":"one__t","input":{"kind":"KIND"}}]}`, "Anthropic.MessageParam[]"},
	{"gemini", `{"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"one__t","args":{"kind":"KIND"}}}]}}]}`, "Content[]"},
	{"gemini-interactions", `{"steps":[{"type":"function_call","id":"c1","name":"one__t","arguments":{"kind":"KIND"}}]}`, "Interactions.Step[]"},
}

// startResults starts a gateway whose tool "one__t" returns the results of
// web/rest/testdata/results.json, by their name.
func startResults(t *testing.T) (g *lab.Gateway, names []string) {
	b, err := os.ReadFile("../../web/rest/testdata/results.json")
	if err != nil {
		t.Fatal(err)
	}
	var results map[string]json.RawMessage
	if err := json.Unmarshal(b, &results); err != nil {
		t.Fatal(err)
	}
	up := lab.NewScripted(t, func(r lab.Request) string {
		var p struct{ Arguments struct{ Kind string } }
		if r.Method != "tools/call" || json.Unmarshal(r.Params, &p) != nil {
			return oneTool(r)
		}
		return `"result":` + string(results[p.Arguments.Kind])
	})
	return lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"one": up.Config()}}}), slices.Sorted(maps.Keys(results))
}

// messages sends a turn and returns what is to be appended.
func messages(t *testing.T, g *lab.Gateway, turn string) json.RawMessage {
	t.Helper()
	a := lab.Do(t, lab.NewRequest(t, g.URL+"/v1/tool_calls", g.Tester(), strings.NewReader(turn)))
	var answer struct{ Messages json.RawMessage }
	if err := json.Unmarshal([]byte(a.Text), &answer); err != nil || a.Status != 200 {
		t.Fatalf("%s: %d %s", turn, a.Status, a.Text)
	}
	return answer.Messages
}

// Each kind of result in each format is what the newest official SDK of its
// provider takes: the compiler checks the answers as literals, so that a member
// too many is an error too.
func TestMessagesHaveTheTypesOfTheSDKs(t *testing.T) {
	g, names := startResults(t)
	var program bytes.Buffer
	program.WriteString("import type OpenAI from 'openai';\nimport type Anthropic from '@anthropic-ai/sdk';\nimport type { Content, Interactions } from '@google/genai';\n")
	n := 0
	for _, p := range providers {
		for _, name := range names {
			n++
			fmt.Fprintf(&program, "export const x%d: %s = %s; // %s, %s\n", n, p.sdk, messages(t, g, strings.ReplaceAll(p.call, "KIND", name)), p.format, name)
		}
		n++
		refused := strings.ReplaceAll(strings.ReplaceAll(p.call, "KIND", "x"), "one__t", "no_such_tool")
		fmt.Fprintf(&program, "export const x%d: %s = %s; // %s, refused\n", n, p.sdk, messages(t, g, refused), p.format)
	}
	compile(t, program.Bytes())
	t.Logf("%d answers: %d kinds of results in %d formats, and a refusal in each", n, len(names), len(providers))

	for _, wrong := range []string{
		`export const x: Anthropic.MessageParam[] = [{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"image","source":{"type":"base64","media_type":"image/tiff","data":""}}]}]}];`,
		`export const x: OpenAI.Responses.ResponseInput = [{"type":"function_call_output","call_id":"a","output":{"a":1}}];`,
		`export const x: Content[] = [{"role":"user","parts":[{"functionResponse":{"name":"a","response":"text"}}]}];`,
	} {
		head, _, _ := bytes.Cut(program.Bytes(), []byte("export"))
		if out, err := compiler(t, append(bytes.Clone(head), wrong...)).CombinedOutput(); err == nil {
			t.Errorf("the compiler takes %s\n%s", wrong, out)
		}
	}
}

// compiler is TypeScript on a program, with the SDKs of e2e/providers.
func compiler(t *testing.T, program []byte) *exec.Cmd {
	t.Helper()
	modules, err := filepath.Abs("../providers/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "answers.mts"), program, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(modules, ".bin", "tsc"), "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "--types", "", "answers.mts")
	cmd.Dir = dir
	return cmd
}

func compile(t *testing.T, program []byte) {
	t.Helper()
	out, err := compiler(t, program).CombinedOutput()
	if err == nil {
		return
	}
	lines := bytes.Split(program, []byte("\n"))
	for _, problem := range strings.Split(string(out), "\n") {
		var line int
		if _, err := fmt.Sscanf(problem, "answers.mts(%d,", &line); err == nil && line <= len(lines) {
			problem += "\n    " + string(lines[line-1][:min(400, len(lines[line-1]))])
		}
		t.Log(problem)
	}
	t.Fatal("the SDKs do not take these answers:", err)
}
