package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// unguarded are the functions that start goroutines without gateway.Survive or
// gateway.Contain, and why a panic there is nobody's to cause, or is meant to
// end the process. Any other start must be guarded: a panic on a goroutine ends
// the gateway with all of its calls, and one number has done that.
var unguarded = map[string]string{
	"audit/fold.go foldIfDue":            "folds the gateway's own database",
	"audit/writer.go newWriter":          "the one writer: without it nothing may go on",
	"auth/keyring.go start":              "waits and calls renew",
	"auth/keyring.go renew":              "loadOnce guards what the issuer's server answered",
	"cmd/toolward/admin.go":              "net/http guards its handlers",
	"cmd/toolward/profile.go":            "serves profiles to the operator",
	"cmd/toolward/serve.go":              "waits for a signal of the operator",
	"mcp/client/oauth/login.go":          "net/http guards its handlers; a command of the operator",
	"mcp/client/process.go startProcess": "standard error is cut into lines, and a process is waited for",
	"mcp/server/line.go ServeStdio":      "writes messages that are encoded already",
	"mcp/server/line.go readLines":       "cuts standard input into lines",
	"mcp/server/park.go":                 "exchange.guarded answers",
	"mcp/server/server.go New":           "ends sessions by the clock",
	"policy/policy.go New":               "reads the operator's own files",
	"upstream/change.go end":             "waits for calls to be over",
	"upstream/change.go start":           "supervise guards each connection",
	"upstream/sessions.go remove":        "closes a connection",
	"upstream/upstream.go New":           "followPins reads the gateway's own pins",
	"web/rest/toolcalls.go":              "Handler.do guards itself",
	"web/web.go Serve":                   "net/http guards its handlers",
}

func TestGoroutinesAreGuarded(t *testing.T) {
	root := filepath.Join("..", "..")
	used := map[string]bool{}
	for _, dir := range []string{"audit", "auth", "cmd/toolward", "config", "gateway", "guard", "mcp", "policy", "upstream", "web"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			rel, _ := filepath.Rel(root, path)
			offline := strings.HasPrefix(rel, "guard/train") || strings.HasPrefix(filepath.Base(filepath.Dir(rel)), "upstreamtest")
			if err != nil || d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || offline {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				for _, start := range starts(f) {
					key := rel + " " + f.Name.Name
					switch {
					case guarded(start):
					case unguarded[key] != "":
						used[key] = true
					case unguarded[rel] != "":
						used[rel] = true
					default:
						t.Errorf("%s:%d: %s starts a goroutine that nobody guards: see gateway.Contain and gateway.Survive", rel, files.Position(start.Pos()).Line, f.Name.Name)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range unguarded {
		if !used[key] {
			t.Errorf("%s starts no unguarded goroutine any more", key)
		}
	}
}

// starts are the go statements and calls of a Go method in a function.
func starts(f *ast.FuncDecl) (all []ast.Node) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			all = append(all, n)
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" {
				all = append(all, n)
			}
		}
		return true
	})
	return all
}

// guarded reports whether gateway.Contain or gateway.Survive stands in it.
func guarded(start ast.Node) bool {
	found := false
	ast.Inspect(start, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			x, _ := sel.X.(*ast.Ident)
			found = found || x != nil && x.Name == "gateway" && (sel.Sel.Name == "Contain" || sel.Sel.Name == "Survive")
		}
		return !found
	})
	return found
}
