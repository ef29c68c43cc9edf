//go:build e2e

package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"toolward/e2e/lab"
)

// listTypes are the types that the newest SDKs give to a list of tools.
var listTypes = map[string]string{
	"openai":              "OpenAI.Chat.ChatCompletionFunctionTool[]",
	"openai-responses":    "OpenAI.Responses.FunctionTool[]",
	"anthropic":           "Anthropic.Tool[]",
	"gemini":              "FunctionDeclaration[]",
	"gemini-interactions": "Interactions.Function[]",
}

const sdkImports = "import type OpenAI from 'openai';\nimport type Anthropic from '@anthropic-ai/sdk';\nimport type { FunctionDeclaration, Interactions } from '@google/genai';\n"

// A list is what the provider's SDK takes as it is, a literal, so that a member
// too many is an error too.
func TestListsHaveTheTypesOfTheSDKs(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"3d": lab.NewScripted(t, hardTools).Config()}}})
	compileLists(t, g, len(hard))
	for _, wrong := range []string{
		`export const x: OpenAI.Chat.ChatCompletionFunctionTool[] = [{"type":"function","name":"a"}];`,
		`export const x: OpenAI.Responses.FunctionTool[] = [{"type":"function","name":"a","parameters":{}}];`,
		`export const x: Anthropic.Tool[] = [{"name":"a","input_schema":{"type":"array"}}];`,
		`export const x: FunctionDeclaration[] = [{"name":"a","parametersJSONSchema":{}}];`,
		`export const x: Interactions.Function[] = [{"type":"function","name":5}];`,
	} {
		if out, err := compiler(t, []byte(sdkImports+wrong)).CombinedOutput(); err == nil {
			t.Errorf("the compiler takes %s\n%s", wrong, out)
		}
	}
}

// compileLists compiles what a gateway lists in every format, which must be so
// many tools.
func compileLists(t *testing.T, g *lab.Gateway, want int) {
	t.Helper()
	var program bytes.Buffer
	program.WriteString(sdkImports)
	for i, p := range subsets {
		l := toolsIn(t, g, p.format)
		if len(l.Tools) != want || len(l.LeftOut) != 0 {
			t.Errorf("%s: %d tools, left out %v; want %d", p.format, len(l.Tools), l.LeftOut, want)
		}
		for j, tool := range l.Tools { // one a line, for the compiler's complaint
			raw, err := json.Marshal(tool)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&program, "export const x%d_%d: %s = [%s];\n", i, j, listTypes[p.format], raw)
		}
	}
	compile(t, program.Bytes())
}

// installed are MCP servers from npm that list their tools without credentials:
// the file to start in e2e/node_modules, arguments, and how many tools it has at
// least.
var installed = map[string]struct {
	file  string
	args  []string
	tools int
}{
	"everything": {"@modelcontextprotocol/server-everything/dist/index.js", []string{"stdio"}, 8},
	"files":      {"@modelcontextprotocol/server-filesystem/dist/index.js", []string{"."}, 10},
	"memory":     {"@modelcontextprotocol/server-memory/dist/index.js", nil, 8},
	"thinking":   {"@modelcontextprotocol/server-sequential-thinking/dist/index.js", nil, 1},
	"browser":    {"@playwright/mcp/cli.js", []string{"--headless", "--isolated"}, 20},
	"notion":     {"@notionhq/notion-mcp-server/bin/cli.mjs", nil, 15},
	"context7":   {"@upstash/context7-mcp/dist/index.js", nil, 2},
}

// The tools of real servers, in what every provider accepts and its SDK takes.
func TestRealServersAreWhatProvidersAccept(t *testing.T) {
	for name, server := range installed {
		t.Run(name, func(t *testing.T) {
			file, err := filepath.Abs("../node_modules/" + server.file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(file); err != nil {
				t.Fatalf("%v: `npm ci` in e2e installs it", err)
			}
			g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{name: map[string]any{"command": "node", "args": append([]string{file}, server.args...)}}}})
			own := toolsIn(t, g, "mcp").Tools
			if len(own) < server.tools {
				t.Fatalf("%d tools, want %d at least", len(own), server.tools)
			}
			for _, p := range subsets {
				for _, e := range toolsIn(t, g, p.format).Tools {
					tool, description, schema := p.entry(e)
					if n := len([]rune(description)); !p.name.MatchString(tool) || n > p.most {
						t.Errorf("%s %s: a description of %d characters", p.format, tool, n)
					}
					p.check(t, p.format+" "+tool, schema, 1)
				}
			}
			compileLists(t, g, len(own))
			t.Logf("%d tools", len(own))
		})
	}
}
