//go:build e2e

package field

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
)

// told are notifications in which every member that a client knows is there.
var told = map[string]string{
	"notifications/progress":             `{"progressToken":"p","progress":1,"total":9,"message":"m","_meta":{"a":1}}`,
	"notifications/message":              `{"level":"info","logger":"l","data":{"a":1},"_meta":{"a":1}}`,
	"notifications/resources/updated":    `{"uri":"test://r","_meta":{"a":1}}`,
	"notifications/cancelled":            `{"requestId":"q","reason":"r"}`,
	"notifications/elicitation/complete": `{"elicitationId":"e","_meta":{"a":1}}`,
	"notifications/tasks/status":         `{"taskId":"t","status":"working","ttl":1,"createdAt":"2026-01-12T15:00:58Z","lastUpdatedAt":"2026-01-12T15:00:58Z","pollInterval":1,"statusMessage":"s"}`,
	"notifications/x-later":              `{"a":{"b":1},"_meta":{"a":1}}`,
}

// hearing is the official Go client, and what it heard of log messages.
func hearing(t *testing.T, g *lab.Gateway, revision string) (*mcp.ClientSession, func() []string) {
	var mu sync.Mutex
	var heard []string
	client := mcp.NewClient(&mcp.Implementation{Name: "field", Version: "1"}, &mcp.ClientOptions{
		LoggingMessageHandler: func(_ context.Context, r *mcp.LoggingMessageRequest) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, fmt.Sprint(r.Params.Data))
		},
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) {},
	})
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.URL + "/mcp", HTTPClient: &http.Client{Transport: bearer(g.Tester())},
	}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), heard...)
	}
}

// The official Go client hears all that can be read of what an upstream tells
// during a call, and loses neither the call nor its session for the rest.
func TestGoClientHearsWhatItCanRead(t *testing.T) {
	all, n := map[string][]string{}, 0
	for method, params := range told {
		all[method] = mutants(t, params, "-")
		n += len(all[method])
	}
	t.Logf("%d mutants", n)
	odd := lab.NewScripted(t, func(r lab.Request) string {
		if r.Method == "tools/list" {
			return fmt.Sprintf(`"result":{"tools":[`+tool+`]}`, "tell")
		}
		return ""
	})
	odd.Flows = map[string]lab.Flow{"tools/call": func(r lab.Request, send func(string), _ <-chan struct{}) string {
		var p struct {
			Arguments struct{ Method string }
			Meta      struct {
				ProgressToken json.RawMessage `json:"progressToken"`
			} `json:"_meta"`
		}
		if err := json.Unmarshal(r.Params, &p); err != nil {
			return ""
		}
		for _, params := range all[p.Arguments.Method] {
			send(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, p.Arguments.Method, strings.Replace(params, `"progressToken":"p"`, `"progressToken":`+string(p.Meta.ProgressToken), 1)))
		}
		send(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"after ` + p.Arguments.Method + `"}}`)
		return `"result":{"content":[{"type":"text","text":"told"}]}`
	}}
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"odd": odd.Config()}, "guard": map[string]any{"injection": "observe"}}})
	for _, revision := range []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"} {
		s, heard := hearing(t, g, revision)
		params := &mcp.CallToolParams{Name: "odd__tell", Meta: mcp.Meta{}}
		if revision == "2026-07-28" {
			params.Meta["io.modelcontextprotocol/logLevel"] = "debug"
		}
		params.SetProgressToken("own")
		for method := range told {
			params.Arguments = map[string]any{"method": method}
			r, err := s.CallTool(t.Context(), params)
			if err != nil || len(r.Content) != 1 || r.Content[0].(*mcp.TextContent).Text != "told" {
				t.Fatalf("%s: %s: %v, %v", revision, method, r, err)
			}
			g.Until(t, revision+": what comes after "+method+" is not heard", func() bool {
				return strings.Contains(strings.Join(heard(), "\n"), "after "+method)
			})
		}
	}
	said := g.Rows(t, "", "SELECT sum(body ->> '$.said.withheld') AS withheld FROM events WHERE type = 'call.outcome'")[0]["withheld"]
	if withheld, _ := said.(float64); withheld < 200 {
		t.Errorf("%v notifications are on record as withheld", said)
	}
}
