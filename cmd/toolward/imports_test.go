package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// imports is policy: which of our packages may import which others. A package
// that is not here may import nothing of ours. Change it in the commit that
// needs it, with the reason. cmd sees everything and is not listed.
var imports = map[string][]string{
	"gateway":          {},
	"state":            {"gateway", "state/limit"},
	"state/statetest":  {"gateway"},
	"state/limit":      {"gateway"},
	"state/approval":   {"gateway"},
	"gateway/dialect":  {"gateway"}, // what providers accept of a tool: for whatever shows tools to models
	"gateway/fair":     {},          // how much goes on at once: for whatever bounds it
	"gateway/watch":    {},          // files that change: for whatever reads some again
	"auth":             {"gateway"},
	"auth/server":      {"gateway", "auth"}, // the local issuer as an authorization server
	"auth/authtest":    {},
	"config":           {},
	"config/clients":   {},
	"guard":            {"gateway", "gateway/fair", "guard/*"},
	"guard/*":          {"gateway", "guard/*"},
	"guard/train":      {"gateway", "guard", "guard/*"}, // what it makes it judges as the gateway would
	"rego":             {},
	"policy":           {"gateway", "gateway/watch", "rego"},
	"upstream":         {"gateway", "gateway/fair", "upstream/shape"},
	"upstream/*":       {"gateway", "upstream", "upstream/plain"},
	"upstream/plain":   {}, // one exchange over HTTP: for whatever speaks to upstreams over it
	"audit":            {"gateway", "audit/schema", "audit/journal"},
	"audit/journal":    {},
	"audit/schema":     {},
	"audit/verify":     {"gateway", "audit/schema"}, // neither audit nor its journal: a mistake in what writes would verify itself
	"mcp":              {"gateway"},
	"mcp/client":       {"gateway", "mcp", "upstream/plain"},
	"mcp/client/oauth": {"gateway"},
	"mcp/server":       {"gateway", "mcp"},
	"mcp/bridge":       {"gateway", "mcp"}, // a client's lines to a gateway's Streamable HTTP: it has no room behind it
	"mcp/demo":         {},
	"web":              {"gateway", "web/problem"},
	"web/problem":      {"gateway"},
	"web/rest":         {"gateway", "gateway/dialect", "web/problem"},
	"web/admin":        {"gateway", "gateway/fair", "web/problem"},
	"web/proof":        {}, // both sides of one exchange, which cmd joins
	"web/telemetry":    {"gateway"},
}

// libraries are found in one place only, so that each can be replaced there.
var libraries = map[string][]string{
	"golang.org/x/time/rate":                  {"state/limit"},
	"github.com/golang-jwt/jwt/v5":            {"auth", "auth/authtest"},
	"github.com/open-policy-agent/opa":        {"policy"},
	"github.com/mattn/go-sqlite3":             {"audit", "audit/schema"},
	"github.com/mark3labs/mcp-go":             {"mcp", "mcp/client", "mcp/server", "mcp/demo"},
	"github.com/sony/gobreaker":               {"upstream"},
	"github.com/santhosh-tekuri/jsonschema":   {"upstream"},
	"github.com/spf13/cobra":                  {"cmd/toolward"},
	"go.yaml.in/yaml":                         {"config", "config/clients", "guard", "upstream/openapi"},
	"github.com/prometheus/client_golang":     {"web/telemetry"},
	"github.com/modelcontextprotocol/go-sdk":  {},
	"github.com/golang/protobuf":              {},
	"github.com/patrickmn/go-cache":           {},
	"github.com/fsnotify/fsnotify":            {"gateway/watch"},
	"github.com/rogpeppe/go-internal/diff":    {"policy"},
	"go.opentelemetry.io/otel/exporters/otlp": {"web/telemetry"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "toolward/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, "toolward/")
		all = append(all, p)
	}
}

// matches reports whether a name is the pattern or, for "x/*", below it.
func matches(pattern, name string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(name, dir+"/")
	}
	return pattern == name
}

func allowed(pkg string) []string {
	if l, ok := imports[pkg]; ok {
		return l
	}
	for pattern, l := range imports {
		if matches(pattern, pkg) {
			return l
		}
	}
	return nil
}

func TestRoomsImportOnlyTheHub(t *testing.T) {
	for _, p := range listPackages(t) {
		if strings.HasPrefix(p.ImportPath, "cmd/") || strings.HasPrefix(p.ImportPath, "examples") || strings.HasPrefix(p.ImportPath, "e2e") {
			continue
		}
		for _, imp := range p.Imports {
			own, ok := strings.CutPrefix(imp, "toolward/")
			if ok && !slices.ContainsFunc(allowed(p.ImportPath), func(pattern string) bool { return matches(pattern, own) }) {
				t.Errorf("%s imports %s", p.ImportPath, own)
			}
		}
	}
}

func TestLibrariesStayInTheirRoom(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, imp := range p.Imports {
			for lib, rooms := range libraries {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(rooms, p.ImportPath) {
					t.Errorf("%s imports %s, which belongs to %v", p.ImportPath, imp, rooms)
				}
			}
		}
	}
}
