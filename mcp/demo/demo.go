// Package demo is a small MCP server on standard input and output, inside the
// binary, so that `toolward serve` has something to offer before anything is
// configured. It is an ordinary upstream: the gateway starts it as a child
// process and trusts it no more than another.
//
// Its mailbox holds one harmless message, one that tries to give orders to the
// model and one with a (fake) credential, which shows the guard at work.
package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

//go:embed mailbox.json
var mailboxJSON []byte

// message is one entry of the mailbox.
type message struct {
	ID      int    `json:"id"`
	From    string `json:"from"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// notes are kept in memory; they go with the process.
type notes struct {
	mu  sync.Mutex
	all []string
}

// harmless takes back what mcp-go says of every tool: that it may destroy something.
var harmless = mcpgo.WithDestructiveHintAnnotation(false)

// Serve answers on in and out until in ends or ctx does.
func Serve(ctx context.Context, in io.Reader, out io.Writer, version string) error {
	var mail []message
	if err := json.Unmarshal(mailboxJSON, &mail); err != nil {
		return fmt.Errorf("mailbox: %w", err)
	}
	s := mcpserver.NewMCPServer("toolward-demo", version, mcpserver.WithToolCapabilities(false))
	var n notes
	s.AddTool(mcpgo.NewTool("echo",
		mcpgo.WithDescription("Returns the text it is given."),
		mcpgo.WithString("text", mcpgo.Required(), mcpgo.Description("What to return")),
		mcpgo.WithReadOnlyHintAnnotation(true), harmless), echo)
	s.AddTool(mcpgo.NewTool("now",
		mcpgo.WithDescription("The time in UTC, as RFC 3339."),
		mcpgo.WithReadOnlyHintAnnotation(true), harmless), now)
	s.AddTool(mcpgo.NewTool("add_note",
		mcpgo.WithDescription("Keeps a note until the gateway stops."),
		mcpgo.WithString("text", mcpgo.Required(), mcpgo.Description("The note"), mcpgo.MaxLength(2000)), harmless), n.add)
	s.AddTool(mcpgo.NewTool("list_notes",
		mcpgo.WithDescription("The notes kept so far."),
		mcpgo.WithReadOnlyHintAnnotation(true), harmless), n.list)
	s.AddTool(mcpgo.NewTool("read_mail",
		mcpgo.WithDescription("Reads one message of a made-up mailbox. 1 is harmless, 2 gives orders to whoever reads it, 3 holds a fake credential."),
		mcpgo.WithNumber("id", mcpgo.Required(), mcpgo.Description("1 to 3"), mcpgo.Min(1), mcpgo.Max(float64(len(mail)))),
		mcpgo.WithReadOnlyHintAnnotation(true), harmless), mailReader(mail))
	return mcpserver.NewStdioServer(s).Listen(ctx, in, out)
}

func echo(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
	text, err := r.RequireString("text")
	if err != nil {
		return mcpgo.NewToolResultError(err.Error()), nil
	}
	return mcpgo.NewToolResultText(text), nil
}

func now(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
	return mcpgo.NewToolResultText(time.Now().UTC().Format(time.RFC3339)), nil
}

func (n *notes) add(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
	text, err := r.RequireString("text")
	if err != nil {
		return mcpgo.NewToolResultError(err.Error()), nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all) == 100 {
		return mcpgo.NewToolResultError("there are 100 notes already"), nil
	}
	n.all = append(n.all, text)
	return mcpgo.NewToolResultText(fmt.Sprintf("kept as note %d", len(n.all))), nil
}

func (n *notes) list(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all) == 0 {
		return mcpgo.NewToolResultText("no notes yet"), nil
	}
	return mcpgo.NewToolResultText(strings.Join(n.all, "\n")), nil
}

func mailReader(mail []message) mcpserver.ToolHandlerFunc {
	return func(_ context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		id, err := r.RequireInt("id")
		if err != nil {
			return mcpgo.NewToolResultError(err.Error()), nil
		}
		for _, m := range mail {
			if m.ID == id {
				return mcpgo.NewToolResultText(fmt.Sprintf("From: %s\nSubject: %s\n\n%s", m.From, m.Subject, m.Body)), nil
			}
		}
		return mcpgo.NewToolResultError(fmt.Sprintf("there is no message %d", id)), nil
	}
}
