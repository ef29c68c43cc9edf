package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"toolward/audit/journal"
	"toolward/gateway"
)

// shown returns the view's row of a call.
func shown(t testing.TB, s *Store, id string) Call {
	t.Helper()
	c, _, err := s.Show(t.Context(), id)
	must(t, err)
	return c
}

func TestCallIsOneRow(t *testing.T) {
	s := openStore(t)
	c := record(t, s, `{"path": "/srv/a.md"}`, `{"content":[{"type":"text","text":"hello"}]}`)
	got := shown(t, s, c.ID)
	want := Call{
		Seq: 3, EndedSeq: 4, ID: c.ID, Time: c.Time.UTC().Format("2006-01-02T15:04:05.000Z"), TimeUnixMs: c.Time.UnixMilli(), Finished: got.Finished,
		Surface: "mcp", Protocol: "2025-11-25", Peer: "192.0.2.7", Agent: "ann", Issuer: "https://id.test", Session: "5e55",
		Roles: `["dev"]`, Scopes: `["tools"]`, SessionName: "s-1", ResultEffect: "allow", SessionLabels: `["untrusted"]`, ToolLabels: `["private"]`, Annotations: `{"readOnlyHint":true}`, Shown: "all",
		Server: "files", Tool: "files__read_file", Kind: "tool", Method: "tools/call", Effect: "allow", Outcome: "ok",
		Rules:    `[{"package":"tools.files.read_file","name":"allow","file":"files.rego","line":4}]`,
		Revision: "r1", Fingerprint: "3b1f", Args: `{"path":"/srv/a.md"}`, ArgsBytes: 21,
		Result: `{"content":[{"type":"text","text":"hello"}]}`, ResultBytes: 44, Labels: `["private"]`,
		Ms: got.Ms, UpstreamMs: 12, GuardMs: 1.5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if got.Finished < got.Time || got.Ms <= 0 {
		t.Errorf("finished %q, ms %v", got.Finished, got.Ms)
	}
}

func TestOutcomes(t *testing.T) {
	s := openStore(t)
	for want, change := range map[string]func(*gateway.Call){
		"ok":        func(c *gateway.Call) { respond(c, `{}`) },
		"error":     func(c *gateway.Call) { respond(c, `{"isError":true}`); c.Result.IsError = true },
		"withheld":  func(c *gateway.Call) { respond(c, `{}`); c.Refusal = &gateway.Refusal{Code: gateway.Withheld} },
		"timeout":   func(c *gateway.Call) { c.Refusal = gateway.Refuse("upstream", gateway.UpstreamTimeout, "slow") },
		"cancelled": func(c *gateway.Call) { c.Refusal = gateway.Refuse("upstream", gateway.Cancelled, "gone") },
		"failed":    func(c *gateway.Call) { c.Refusal = gateway.Refuse("upstream", gateway.UpstreamDown, "down") },
	} {
		c := newCall(t, `{}`)
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
		if got := shown(t, s, c.ID).Outcome; got != "running" {
			t.Errorf("before the outcome: %q, want running", got)
		}
		change(c)
		must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
		if got := shown(t, s, c.ID); got.Outcome != want || c.Refusal != nil && got.Code != string(c.Refusal.Code) {
			t.Errorf("got %s, %s; want %s", got.Outcome, got.Code, want)
		}
	}
}

func TestRefusalSaysWhy(t *testing.T) {
	s := openStore(t)
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindLifecycle, "authenticate")
	c.Peer = "192.0.2.9"
	c.Refusal = gateway.Refuse("auth", gateway.Unauthenticated, "the token has expired").Because(errors.New("exp was an hour ago"))
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
	got := shown(t, s, c.ID)
	if got.Outcome != "refused" || got.Code != "unauthenticated" || got.Reasons != `["the token has expired"]` || got.Cause != "exp was an hour ago" || got.Agent != "" || got.Effect != "" {
		t.Errorf("got %+v", got)
	}
}

// secretValue is synthetic, and in pieces so that no scanner takes this file
// for a leak.
const secretValue = "ghp" + "_" + "SYNTHETIC0000000000000000000000000000"

func secretCall(t testing.TB) *gateway.Call {
	c := newCall(t, `{"body":"use `+secretValue+` please","list":["a","`+secretValue+`"],"`+secretValue+`":1,"pin":"1234"}`)
	find := func(where string, key bool, from, to int) gateway.Finding {
		return gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.github-pat", Stage: gateway.StageRequest, Where: where, Key: key, Span: [2]int{from, to}, Action: gateway.ActionObserve}
	}
	c.Findings = []gateway.Finding{
		find("/body", false, 4, 4+len(secretValue)), find("/list/1", false, 0, 0), find("/"+secretValue, true, 0, 0),
		{Kind: gateway.FindingPII, Rule: "pii.email", Stage: gateway.StageRequest, Where: "/list/0", Action: gateway.ActionObserve},
	}
	c.Decision.Redact = []string{"/pin"}
	c.Decision.Reasons = []string{"contains " + secretValue}
	return c
}

// What guard has not read is not shown, whichever phase comes to record it.
func TestWhatNobodyReadIsNotShown(t *testing.T) {
	s := openStore(t)
	for name, change := range map[string]func(*gateway.Call) gateway.Phase{
		"refusal": func(c *gateway.Call) gateway.Phase { c.Scanned = ""; return gateway.PhaseRefusal },
		"attempt": func(c *gateway.Call) gateway.Phase { c.Scanned = ""; return gateway.PhaseAttempt },
		"result": func(c *gateway.Call) gateway.Phase {
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			respond(c, `{"content":"unread"}`)
			c.Scanned = gateway.StageRequest
			return gateway.PhaseOutcome
		},
	} {
		c := newCall(t, `{"a":"unread"}`)
		c.Extra = []gateway.Member{{Name: "_meta", Value: json.RawMessage(`{"b":"unread"}`)}}
		phase := change(c)
		must(t, s.Record(t.Context(), phase, c))
		_, events, err := s.Show(t.Context(), c.ID)
		must(t, err)
		last := string(events[len(events)-1].Body)
		if strings.Contains(last, `"unread"`) || !strings.Contains(last, "guard has not read it") {
			t.Errorf("%s: %s", name, last)
		}
	}
}

func TestSecretsAreReplacedByTheirHash(t *testing.T) {
	s := openStore(t)
	c := secretCall(t)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	token := "[secret.github-pat " + s.Hash(secretValue) + "]"
	want := `{"body":"use ` + token + ` please","list":["a","` + token + `"],"` + token + `":1,"pin":"[redacted ` + s.Hash("1234") + `]"}`
	if got := shown(t, s, c.ID); string(got.Args) != want {
		t.Errorf("args are %s\nwant %s", got.Args, want)
	}
}

// Whatever member of a call quotes a secret, and however guard acts on it, the
// file must not hold it.
func TestAttackSecretReachesTheFile(t *testing.T) {
	for name, change := range map[string]func(*gateway.Call){
		"observed": func(c *gateway.Call) {},
		"name of the target": func(c *gateway.Call) {
			c.Tool, c.Name = nil, "https://x.test/?key="+secretValue
		},
		"cause": func(c *gateway.Call) {
			c.Refusal = gateway.Refuse("guard", gateway.GuardBlocked, "found at /"+secretValue).Because(errors.New("bad " + secretValue))
		},
		"result": func(c *gateway.Call) {
			respond(c, `{"content":[{"type":"text","text":"echo `+secretValue+`"}]}`)
			c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.github-pat", Stage: gateway.StageResult, Where: "/content/0/text", Span: [2]int{5, 5 + len(secretValue)}})
		},
		"result that was redacted for the agent": func(c *gateway.Call) {
			respond(c, `{"text":"[redacted secret.github-pat] and more"}`)
			c.Result.Original = json.RawMessage(`{"text":"` + secretValue + ` and more"}`)
			c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.github-pat", Stage: gateway.StageResult, Where: "/text", Span: [2]int{0, len(secretValue)}, Action: gateway.ActionRedact})
		},
		"finding that points nowhere": func(c *gateway.Call) {
			c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.x", Stage: gateway.StageRequest, Where: "/nowhere"})
		},
		"body over the limit": func(c *gateway.Call) {
			respond(c, `{"a":"`+strings.Repeat("x", 40<<10)+secretValue+strings.Repeat("y", 80<<10)+`"}`)
			c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingHoneytoken, Rule: "honeytoken", Stage: gateway.StageResult, Where: "/a", Span: [2]int{40 << 10, 40<<10 + len(secretValue)}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			c := secretCall(t)
			change(c)
			for _, phase := range []gateway.Phase{gateway.PhaseAttempt, gateway.PhaseOutcome, gateway.PhaseRefusal} {
				must(t, s.Record(t.Context(), phase, c))
			}
			settled(t, s)
			for _, file := range []string{s.opts.Path, s.opts.Path + "-wal", journal.Names(s.opts.journal())[0]} {
				b, err := os.ReadFile(file)
				must(t, err)
				if i := bytes.Index(b, []byte(secretValue)); i >= 0 {
					t.Errorf("%s holds the secret: …%q…", file, b[max(0, i-80):min(len(b), i+60)])
				}
			}
		})
	}
}

func TestBodies(t *testing.T) {
	long := `{"a":"` + strings.Repeat("é", 100<<10) + `"}`
	for name, test := range map[string]struct {
		bodies Bodies
		args   string
		want   func(Call) bool
	}{
		"redacted": {BodiesRedacted, `{"a": 1}`, func(c Call) bool { return c.Args == `{"a":1}` && c.ArgsBytes == 8 && c.ArgsDigest == "" }},
		"digest": {BodiesDigest, `{"a": 1}`, func(c Call) bool {
			return c.Args == "" && c.ArgsBytes == 8 && strings.HasPrefix(c.ArgsDigest, "hmac-sha256:")
		}},
		"none": {BodiesNone, `{"a": 1}`, func(c Call) bool { return c.Args == "" && c.ArgsBytes == 8 && c.ArgsDigest == "" }},
		"truncated": {BodiesRedacted, long, func(c Call) bool {
			return len(c.Args) < 64<<10 && c.ArgsBytes == int64(len(long)) && c.ArgsDigest != "" && strings.Contains(string(c.Args), `"toolward/truncated":true`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, func(o *Options) { o.Bodies = test.bodies })
			c := record(t, s, test.args, `{}`)
			if got := shown(t, s, c.ID); !test.want(got) {
				t.Errorf("args %.80s, %d bytes, digest %s", got.Args, got.ArgsBytes, got.ArgsDigest)
			}
		})
	}
}

// forgery is what breaks lines, moves cursors and reorders text.
const forgery = "x\r\n{\"fake\":1}\u2028\u2029\u0085\x1b[2J\u202e\u2066\x00\x7f\ufeff"

func TestAttackLogForging(t *testing.T) {
	s := openStore(t)
	const name = "\u202e\u2066\ufeff\u2028" // names hold no control characters
	quoted, err := json.Marshal(map[string]string{name: forgery})
	must(t, err)
	raw := "{\n\"k\" :\t[ ] , " + string(quoted[1:])
	c := newCall(t, raw)
	c.Agent = &gateway.Agent{ID: forgery, Issuer: forgery, Claims: map[string]any{"a": forgery}}
	c.Tool, c.Name, c.Server, c.Peer = nil, forgery, forgery, forgery
	c.Refusal = gateway.Refuse("x", gateway.UnknownTool, forgery).Because(errors.New(forgery))
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
	must(t, s.Note(t.Context(), TypeHangup, map[string]string{forgery: forgery}))

	for _, line := range column1(t, s, "SELECT concat_ws('|', type, call, agent, server, tool, kind, code, body) FROM events UNION ALL SELECT text FROM bodies UNION ALL SELECT text FROM interned") {
		if i := strings.IndexFunc(line, unsafeRune); i >= 0 {
			t.Errorf("a line holds %q: %q", line[i:min(len(line), i+8)], line)
		}
	}
	got := shown(t, s, c.ID)
	var args map[string]any
	must(t, json.Unmarshal([]byte(got.Args), &args))
	if args[name] != forgery {
		t.Errorf("the arguments did not survive: %q", args)
	}
}

// A call cannot blow up its record by what it is called, nor by how much is
// found in it.
func TestAttackBloatedRecord(t *testing.T) {
	s := openStore(t)
	c := newCall(t, `{"a":["`+strings.Repeat(secretValue+`","`, 3000)+`"]}`)
	c.Tool, c.Name, c.Method, c.Server = nil, strings.Repeat("x", 1<<20), strings.Repeat("m", 1<<20), strings.Repeat("s", 1<<20)
	c.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, strings.Repeat("r", 1<<20)).Because(errors.New(strings.Repeat("c", 1<<20)))
	for i := range 3000 {
		c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.x", Stage: gateway.StageRequest, Where: "/a/" + strconv.Itoa(i)})
	}
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
	_, events, err := s.Show(t.Context(), c.ID)
	must(t, err)
	if n := len(events[0].Body); n > 150<<10 {
		t.Errorf("the event has %d bytes", n)
	}
	var b struct {
		Findings []any
		Cut      int `json:"findings_cut"`
	}
	must(t, json.Unmarshal([]byte(events[0].Body), &b))
	if len(b.Findings) != maxFindings || b.Cut != 3000 {
		t.Errorf("%d findings, cut %d", len(b.Findings), b.Cut)
	}
}

// TestLinesKeepTheirValue states what the two writers of JSON promise.
func TestLinesKeepTheirValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text") + rapid.SampledFrom([]string{"", forgery, "\"\\", "\u2028"}).Draw(t, "end")
		var back string
		quoted := appendString(nil, s)
		if err := json.Unmarshal(quoted, &back); err != nil || back != s {
			t.Fatalf("appendString: %q became %q (%v)", s, back, err)
		}
		indented, err := json.MarshalIndent(map[string]any{s: []any{s, 1.5, nil, true, map[string]any{}}}, " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		line := appendLine(nil, indented)
		var want, got any
		if err := errors.Join(json.Unmarshal(indented, &want), json.Unmarshal(line, &got)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("appendLine changed the value:\n%s", diff)
		}
		for _, out := range []string{string(quoted), string(line), column(s)} {
			if strings.ContainsFunc(out, unsafeRune) {
				t.Fatalf("unsafe: %q", out)
			}
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{ "a" : [1, "\u2028 x\"y\\", {"b":null}] }`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if gateway.CheckJSON(raw) != nil {
			return
		}
		line := appendLine(nil, raw)
		if err := gateway.CheckJSON(line); err != nil {
			t.Fatalf("%q became %q: %v", raw, line, err)
		}
		if diff := cmp.Diff(gateway.Decode(raw), gateway.Decode(line)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestClosedRecordRefuses(t *testing.T) {
	s := openStore(t)
	must(t, s.Close())
	if err := s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want %v", err, errClosed)
	}
}

// TestEightPlain holds eight bytes at a time against one at a time.
func TestEightPlain(t *testing.T) {
	for at := range 8 {
		for c := range 256 {
			for _, beside := range []byte{0x20, '!', '#', 'a', '~'} {
				b := bytes.Repeat([]byte{beside}, 8)
				b[at] = byte(c)
				if got := eightPlain(binary.LittleEndian.Uint64(b)); got != plain[c] {
					t.Fatalf("%q: %v, want %v", b, got, plain[c])
				}
			}
		}
	}
}
