package server

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"toolward/gateway"
	"toolward/mcp"
)

var update = flag.Bool("update", false, "write what was answered into testdata")

// Each file of testdata is a conversation: requests as they are on the wire,
// and the answers to them. What differs from run to run stands as ${session},
// ${call} and ${state}; in requests it is the last that was answered.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newStub(t, nil, scripted)
	s.decide = func(c *gateway.Call) (gateway.Decision, error) {
		if strings.Contains(string(c.Args.Raw()), "/etc/") {
			return gateway.Decision{Effect: gateway.EffectDeny, Reasons: []string{"only /srv may be read"}}, nil
		}
		return gateway.Decision{Effect: gateway.EffectAllow}, nil
	}
	vary := &varying{}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		request, answer := &archive.Files[i], &archive.Files[i+1]
		got := vary.hide(s.exchange(vary.fill(string(request.Data))))
		if *update {
			answer.Data = []byte(got)
		} else if d := cmp.Diff(string(answer.Data), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", request.Name, d)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// scripted does what the argument "do" says before it answers.
func scripted(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	do, _ := c.Args.Value().(map[string]any)["do"].(string)
	switch do {
	case "progress":
		if err := c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(`{"progressToken":"t","progress":0.50,"total":1.0}`)); err != nil {
			return nil, err
		}
	case "elicit":
		r, err := c.Origin.Request(ctx, c, mcp.MethodElicitation, []byte(elicit))
		if err != nil {
			return nil, err
		}
		return &gateway.Result{Raw: json.RawMessage(`{"content":[],"structuredContent":` + string(r.Raw) + `}`)}, nil
	}
	return &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"done"}], "_meta":{"n":1e3}}`)}, nil
}

// exchange sends a request in the form of HTTP/1.1 without its version, and
// returns the answer likewise, with the header fields that matter.
func (s *stub) exchange(request string) string {
	s.t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	lines := bufio.NewScanner(strings.NewReader(head))
	lines.Scan()
	method, path, _ := strings.Cut(lines.Text(), " ")
	var header []string
	token := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		if name == "Authorization" {
			token = strings.TrimPrefix(value, "Bearer ")
			continue
		}
		header = append(header, name, value)
	}
	r := s.send(method, path, token, strings.TrimSuffix(body, "\n"), header...)
	var out strings.Builder
	fmt.Fprintf(&out, "%d %s\n", r.status, http.StatusText(r.status))
	var names []string
	for name := range r.header {
		if name != "Date" && name != "Content-Length" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(r.header[name], ", "))
	}
	out.WriteString("\n" + r.body)
	if r.body != "" && !strings.HasSuffix(r.body, "\n") {
		out.WriteString("\n")
	}
	return out.String()
}

// varying is what differs from run to run.
type varying struct{ session, state string }

var (
	sessionField = regexp.MustCompile(`Mcp-Session-Id: (\S+)`)
	stateMember  = regexp.MustCompile(`"requestState":"(tw1\.[^"]+)"`)
	callID       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

func (v *varying) fill(request string) string {
	return strings.NewReplacer("${session}", v.session, "${state}", v.state).Replace(request)
}

func (v *varying) hide(answer string) string {
	if m := sessionField.FindStringSubmatch(answer); m != nil {
		v.session = m[1]
		answer = strings.ReplaceAll(answer, v.session, "${session}")
	}
	if m := stateMember.FindStringSubmatch(answer); m != nil {
		v.state = m[1]
		answer = strings.ReplaceAll(answer, v.state, "${state}")
	}
	return callID.ReplaceAllLiteralString(answer, "${call}")
}
