package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/tools/txtar"

	"toolward/gateway"
)

// shapes are the policies of testdata/shapes/shapes.txtar by name.
func shapes(t testing.TB) (names []string, policies map[string]string) {
	archive, err := txtar.ParseFile("testdata/shapes/shapes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	policies = map[string]string{}
	for _, f := range archive.Files {
		name := strings.TrimSuffix(f.Name, ".rego")
		text := string(f.Data)
		if strings.Contains(text, "path.") && strings.Contains(name, "path") {
			text = "import data.toolward.lib.path\n\n" + text
		}
		if !strings.Contains(text, "allow if") {
			text += "\nallow := true\n"
		}
		names = append(names, name)
		policies[name] = "package tools.files.read_file\n\n" + text
	}
	return names, policies
}

const shapesData = "closed: [/closed, /etc]\nroot: /srv\nlimits: {r: 5000000, w: 10}\ngrants: {reader: [r], staff: [r, w]}\n"

// shapeCalls are calls no two of which are alike.
func shapeCalls(t testing.TB, n int) []*gateway.Call {
	calls := make([]*gateway.Call, n)
	for i := range calls {
		s := callSpec{Args: json.RawMessage(fmt.Sprintf(`{"path":"/srv/docs/a/b%[1]d.txt","mode":"r","n":%[1]d,"text":"%[2]s %[1]d","tags":["t%[1]d","t2","t3"],"headers":{"X-Id":"%[1]d","X-Of":"a"},
			"recipients":[{"mail":"a%[1]d@example.com","groups":["staff"]},{"mail":"b@example.com","groups":["staff","all%[1]d"]}],"mail":"c%[1]d@example.com","items":[{"price":%[1]d},{"price":2.5}],
			"host":"192.0.2.%[3]d","json":"{\"role\":\"reader%[1]d\"}","token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.%[4]s","encoded":"bG9yZW0gaXBzdW0=","files":["/srv/a%[1]d","/srv/b"],"options":{"depth":%[3]d}}`,
			i, strings.Repeat("lorem ipsum ", 80), i%7, strings.Repeat("a", 4*(i%5))))}
		s.Agent.ID, s.Agent.Roles = "alice", []string{"reader", "staff"}
		s.Tool.Server, s.Tool.Name = "files", "read_file"
		s.Session.History = []gateway.Memory{{Name: "read", Value: json.RawMessage(fmt.Sprintf(`"/srv/%d"`, i)), Tool: "files__list", Time: callTime}}
		s.Guard.Findings = []gateway.Finding{{Kind: gateway.FindingSecret, Stage: gateway.StageRequest, Where: "/path"}}
		calls[i] = s.call(t)
		calls[i].Tool, calls[i].Agent = calls[0].Tool, calls[0].Agent
		calls[i].Args.Value()
	}
	return calls
}

// TestShapes asks about calls all of which differ, and then takes OPA away: what people
// write is answered without it, and as it says.
func TestShapes(t *testing.T) {
	names, policies := shapes(t)
	if len(names) < 60 {
		t.Errorf("%d shapes, want 60", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"t.rego": policies[name], "data.yaml": shapesData})
			e, err := Open(t.Context(), Options{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			calls, plain := shapeCalls(t, 24), plainDecider(t, dir)
			for _, c := range calls[:12] {
				got, gotErr := judged(t.Context(), e, c)
				want, wantErr := plain(c)
				if diff := cmp.Diff(want, got); diff != "" || gotErr != nil || wantErr != nil || got.Effect != gateway.EffectAllow && !strings.HasPrefix(name, "said ") {
					t.Fatalf("(-as written +engine):\n%s%v %v", diff, wantErr, gotErr)
				}
			}
			r := e.current.Load()
			for entry := range r.queries {
				r.queries[entry] = query{body: ast.MustParseBody("false")}
			}
			if r.quick != nil {
				r.quick.query = query{body: ast.MustParseBody("false")}
			}
			answered := r.quick != nil
			for _, c := range calls[12:] {
				if _, err := judged(t.Context(), e, c); err != nil {
					answered = false
				}
			}
			if left := strings.HasPrefix(name, "opa "); answered == left {
				t.Errorf("answered without OPA: %v", answered)
			}
		})
	}
}

// BenchmarkShapes is what a decision costs by what a policy is made of: by the engine,
// and by OPA alone.
func BenchmarkShapes(b *testing.B) {
	names, policies := shapes(b)
	policies["nothing"] = "package tools.files.read_file\n\nallow := true\n"
	calls := shapeCalls(b, 2*maxOutcomes)
	for _, name := range append([]string{"nothing"}, names...) {
		for _, exact := range []bool{false, true} {
			b.Run(name+map[bool]string{false: "/engine", true: "/OPA"}[exact], func(b *testing.B) {
				e, err := Open(b.Context(), Options{Path: writeFiles(b, map[string]string{"t.rego": policies[name], "data.yaml": shapesData}), Exact: exact})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				before := processorTime()
				for i := 0; b.Loop(); i++ {
					if d, err := judged(b.Context(), e, calls[i%len(calls)]); err != nil || d.Effect == "" {
						b.Fatal(d, err)
					}
				}
				b.ReportMetric(float64(processorTime()-before)/1000/float64(b.N), "cpu-µs/op")
			})
		}
	}
}
