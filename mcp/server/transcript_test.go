package server

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"toolward/gateway"
	"toolward/mcp"
)

var update = flag.Bool("update", false, "write what was answered into testdata")

// Each file of testdata is a conversation. Its sections are acts, and after each
// of them what came of it, to the byte. Acts are
//
//	NAME header    what the head of each request has from now on, unless it names the field
//	NAME request   a request of HTTP as it is on the wire, on a connection of its own
//	NAME drop      the agent closes that connection
//	NAME line      a message on standard input
//	NAME eof       its end
//	NAME event     a notification of the upstream's that no call caused
//	NAME go        a call that waits goes on
//	NAME pass      time passes, so much
//
// and what comes of them, in this order,
//
//	upstream       what it was sent, or told
//	NAME answer    an answer, which is complete
//	NAME stream    what has come of one that goes on
//	NAME end       the rest of it
//
// where NAME is that of the request, or "output". Time is synctest's: nothing
// more would come. What differs from run to run stands as ${session}, ${call} and
// ${state}; in requests it is the last that was answered, and ${event} the ID of
// the last event.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { replay(t, file) })
		})
	}
}

// Every revision speaks on every transport, and each conversation has what can
// happen there.
func TestTranscriptsHaveEveryRevisionOnEveryTransport(t *testing.T) {
	everywhere := []string{"opening", "unknown revision", "list", "call", "error", "broken", "refused", "unknown method",
		"progress", "log", "changed", "updated", "slow", "cancel", "question", "answer", "not declared", "batch", "garbage"}
	besides := map[string][]string{
		"mcp": {"wrong version"}, "server": {"wrong version"}, "sse": {"sse", "after"}, "stdio": {"input"},
	}
	sessions := []string{"another's session", "resume", "gone", "end", "after"}
	stateless := []string{"wrong name", "listen", "another's answer", "get", "delete"}
	for transport, own := range besides {
		for _, revision := range mcp.Revisions() {
			want := slices.Concat(everywhere, own)
			if transport == "mcp" || transport == "server" {
				if mcp.Modern(revision) {
					want = append(want, stateless...)
				} else {
					want = append(want, sessions...)
				}
			}
			file := filepath.Join("testdata", transport+"-"+revision+".txtar")
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Error(err)
				continue
			}
			acts := map[string]bool{}
			for _, section := range archive.Files {
				acts[section.Name[:max(strings.LastIndexByte(section.Name, ' '), 0)]] = true
			}
			for _, name := range want {
				if !acts[name] {
					t.Errorf("%s has no act %q", file, name)
				}
			}
		}
	}
}

func replay(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := newConversation(t)
	said := &txtar.Archive{Comment: archive.Comment}
	for _, section := range archive.Files {
		if !c.act(section.Name, string(section.Data)) {
			continue
		}
		said.Files = append(said.Files, section)
		<-time.After(100 * time.Millisecond) // questions are gathered for a moment
		synctest.Wait()
		said.Files = append(said.Files, c.outcome()...)
	}
	c.end()
	want, got := txtar.Format(archive), txtar.Format(said)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// conversation is one as it runs: an agent or more, the gateway, and an upstream
// that does what arguments say.
type conversation struct {
	*stub
	vary   varying
	net    *pipes
	header string         // of every request
	free   chan struct{}  // has calls that wait go on
	input  *standardInput // nil before the first line
	talks  []*talk        // in the order in which they began

	mu   sync.Mutex
	sent strings.Builder // what the upstream was sent since the last act
}

func newConversation(t *testing.T) *conversation {
	c := &conversation{free: make(chan struct{})}
	c.stub = newBareStub(t, nil, c.do)
	c.decide = func(call *gateway.Call) (gateway.Decision, error) {
		if strings.Contains(string(call.Args.Raw()), "/etc/") {
			return gateway.Decision{Effect: gateway.EffectDeny, Reasons: []string{"only /srv may be read"}}, nil
		}
		return gateway.Decision{Effect: gateway.EffectAllow}, nil
	}
	c.net = serveOnPipes(c.srv)
	return c
}

// act does what a section says; false if it is no act.
func (c *conversation) act(section, data string) bool {
	i := strings.LastIndexByte(section, ' ')
	name, verb := section[:max(i, 0)], section[i+1:]
	if verb != "header" {
		data = c.vary.fill(data)
	}
	switch verb {
	case "header":
		c.header = data
	case "request":
		c.talks = append(c.talks, c.net.request(name, data, c.vary.fill(c.header)))
	case "drop":
		for _, k := range c.talks {
			if k.name == name {
				k.drop()
			}
		}
	case "line":
		if c.input == nil {
			c.input = c.openInput()
			c.talks = append(c.talks, c.input.output)
		}
		c.input.write(data)
	case "eof":
		c.input.Close()
	case "event":
		e := gateway.Event{Server: "files"}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			c.t.Fatal(section, err)
		}
		c.srv.Event(e)
	case "go":
		c.free <- struct{}{}
	case "pass":
		d, err := time.ParseDuration(strings.TrimSpace(data))
		if err != nil {
			c.t.Fatal(section, err)
		}
		<-time.After(d)
	case "upstream", "answer", "stream", "end":
		return false
	default:
		c.t.Fatalf("%s: what is %q?", section, verb)
	}
	return true
}

// outcome is what came since the last act.
func (c *conversation) outcome() (sections []txtar.File) {
	c.mu.Lock()
	sent := c.sent.String()
	c.sent.Reset()
	c.mu.Unlock()
	c.stub.mu.Lock()
	for _, id := range c.forgot {
		sent += "forget session " + id + "\n"
	}
	for _, note := range c.noted {
		sent += "in session " + note + "\n"
	}
	c.forgot, c.noted = nil, nil
	c.stub.mu.Unlock()
	if sent != "" {
		sections = append(sections, txtar.File{Name: "upstream", Data: []byte(c.vary.hide(sent))})
	}
	for _, k := range c.talks {
		if verb, data := k.since(); verb != "" {
			sections = append(sections, txtar.File{Name: k.name + " " + verb, Data: []byte(c.vary.hide(data))})
		}
	}
	return sections
}

func (c *conversation) end() {
	for _, k := range c.talks {
		k.drop()
	}
	if c.input != nil {
		c.input.Close()
	}
	c.srv.Close()
	c.net.close()
}

// varying is what differs from run to run.
type varying struct{ session, state, event string }

var (
	sessionID   = regexp.MustCompile(`(?:Mcp-Session-Id: |sessionId=|session )([A-Z2-7]{26})`)
	stateMember = regexp.MustCompile(`"requestState":"(tw1\.[^"]+)"`)
	lastID      = regexp.MustCompile(`(?m)^id: (\S+)$`)
	callID      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

func (v *varying) fill(request string) string {
	return strings.NewReplacer("${session}", v.session, "${state}", v.state, "${event}", v.event).Replace(request)
}

func (v *varying) hide(answer string) string {
	if m := sessionID.FindStringSubmatch(answer); m != nil {
		v.session = m[1]
	}
	if m := stateMember.FindStringSubmatch(answer); m != nil {
		v.state = m[1]
		answer = strings.ReplaceAll(answer, v.state, "${state}")
	}
	if all := lastID.FindAllStringSubmatch(answer, -1); all != nil {
		v.event = all[len(all)-1][1]
	}
	if v.session != "" {
		answer = strings.ReplaceAll(answer, v.session, "${session}")
	}
	return callID.ReplaceAllLiteralString(answer, "${call}")
}
