//go:build e2e

package lab

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Nobody waits for ever for a goroutine that Fatal ended (it does so by Goexit).
func TestBesideEndsWithItsGoroutine(t *testing.T) {
	for name, f := range map[string]func() int{"it returns": func() int { return 7 }, "Fatal ends it": func() int { runtime.Goexit(); return 7 }} {
		select {
		case v, open := <-Beside(f):
			if want := name == "it returns"; open != want || (v == 7) != want {
				t.Errorf("%s: got %d, %v", name, v, open)
			}
		case <-time.After(Patience):
			t.Errorf("%s: it is waited for still", name)
		}
	}
}

// What can call Fatal, which is whatever is given the test, does not run in a bare
// goroutine, but by Beside or a WaitGroup's Go, which say that it has ended however
// it does.
func TestNoBareGoroutineIsGivenTheTest(t *testing.T) {
	files, statements := 0, 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				statements++
				ast.Inspect(g.Call, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && (id.Name == "t" || id.Name == "tb") {
						t.Errorf("%s: it is given the test", fset.Position(id.Pos()))
					}
					return true
				})
			}
			return true
		})
		return nil
	})
	if err != nil || files < 100 || statements == 0 {
		t.Errorf("%v: looked at %d files and %d statements", err, files, statements)
	}
}
