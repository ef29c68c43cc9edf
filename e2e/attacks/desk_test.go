//go:build e2e

package attacks

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// desk are the faults that a reviewer, an incident responder and an operator found in
// the record (A), and in what verify finds (B): each is a test against the running
// program. A test is named by its folder, and by a text in it where a row of a table
// is meant.
var desk = []struct {
	fault, what string
	tests       []deskTest
}{
	{"A1", "a forged prune erases the record, and verify says it holds", []deskTest{
		{"e2e/attacks", "TestTamperMatrix", "16 a forged prune"}, {"audit", "TestAttackPruneByAnotherNote", ""}, {"audit", "TestVerifyFindsPruneThatNobodyOutsideKnows", ""}}},
	{"A2", "what people do is not in the chain, and tables decide", []deskTest{
		{"e2e/field", "TestEveryTypeOfEvent", ""}, {"e2e/attacks", "TestWhoDecidedIsOnRecord", ""}, {"e2e/attacks", "TestWhatIsInForceIsOnRecord", ""},
		{"e2e/attacks", "TestTriggerInTheRecord", ""}, {"e2e/attacks", "TestTamperMatrix", "20 a decision made up"}}},
	{"A3", "secrets of early refusals are written in clear", []deskTest{
		{"e2e/attacks", "TestSecretsOfCallsThatAreRefusedEarly", ""}, {"e2e/attacks", "TestSecretsStayOut", ""}}},
	{"A4", "a reviewer or approver has to be the gateway", []deskTest{
		{"e2e/field", "TestReviewerWithNothingButAToken", ""}, {"e2e/field", "TestUnixUserWithNothingButAToken", ""},
		{"e2e/attacks", "TestCommandsNeedNoSecretsOfUpstreams", ""}, {"e2e/attacks", "TestWhoMustNotDecide", ""}, {"e2e/attacks", "TestApproversThatPolicyRefuses", ""}}},
	{"A5", "a sound backup fails the documented check, and an unsound one passes", []deskTest{{"e2e/attacks", "TestBackupsAndFilesOfCheckpoints", ""}}},
	{"A6", "explain answers wrongly who let it", []deskTest{
		{"e2e/field", "TestExplainTellsTheTruth", ""}, {"e2e/field", "TestExplainSaysWhatItCannot", ""}, {"e2e/attacks", "TestExplainByTheRevisionThatDecided", ""}}},
	{"A7", "a foreign row stops all calls while readiness says ok", []deskTest{{"e2e/attacks", "TestForeignRowWhileItRuns", ""}, {"e2e/attacks", "TestStateGoesOn", "new segment behind a foreign row"}}},
	{"A8", "retention stops silently at an event from the future", []deskTest{{"e2e/attacks", "TestEventOf2030", ""}, {"audit", "TestPruneWithWrongClocks", ""}}},
	{"A9", "failed authentications are neither recorded nor counted", []deskTest{{"e2e/attacks", "TestThousandFailuresAddUp", ""}, {"e2e/attacks", "TestFailedAuthenticationsAreSeen", ""}}},
	{"A10", "metrics cannot alert on what people are paged for", []deskTest{
		{"e2e/attacks", "TestWhatPeopleArePagedFor", ""}, {"e2e/attacks", "TestMetricsThatAreNamedExist", ""}, {"e2e/attacks", "TestMetricsBehindAProxy", ""}, {"e2e/attacks", "TestPeersBehindProxies", ""}}},
	{"A11", "a typo in a policy takes the gateway out of rotation", []deskTest{{"e2e/attacks", "TestBrokenPolicyOnDisk", ""}}},
	{"A12", "container and unit as shipped do not work", []deskTest{
		{"e2e/attacks", "TestHealthcheckOfTheImage", ""}, {"e2e/attacks", "TestUnitAsShipped", ""}, {"e2e/attacks", "TestBrokenPolicyOnDisk", "gateway.hangup"},
		{"e2e/attacks", "TestTermWithCallsInFlight", ""}, {"e2e/attacks", "TestAnnouncedAsJSON", "draining"}}},
	{"B16", "a forged prune", []deskTest{{"e2e/attacks", "TestTamperMatrix", "16 a forged prune"}}},
	{"B17", "rows after the last checkpoint rewritten, cut or appended", []deskTest{
		{"e2e/attacks", "TestTamperMatrix", "17 a row after the last checkpoint rewritten, and rebuilt"}, {"e2e/attacks", "TestTamperMatrix", "17 a row appended"},
		{"e2e/attacks", "TestTamperMatrix", "17 the end after the last checkpoint cut"}}},
	{"B18", "an index that hides an agent", []deskTest{{"e2e/attacks", "TestTamperMatrix", "18 an index without a row"}}},
	{"B19", "a trigger that decides", []deskTest{{"e2e/attacks", "TestTamperMatrix", "19 a trigger that decides"}}},
	{"B20", "what people decided edited or made up", []deskTest{
		{"e2e/attacks", "TestTamperMatrix", "20 a decision made up"}, {"e2e/attacks", "TestTamperMatrix", "20 what was accepted edited"}}},
}

type deskTest struct{ dir, name, row string }

// TestDesk: the tests that the table names are there, with their rows, and run with
// all others.
func TestDesk(t *testing.T) {
	folders := map[string]folder{}
	for i, d := range desk {
		want := "A" + strconv.Itoa(i+1)
		if i >= 12 {
			want = "B" + strconv.Itoa(i+4)
		}
		if d.fault != want || len(d.tests) == 0 {
			t.Errorf("%s has %d tests, want those of %s", d.fault, len(d.tests), want)
		}
		for _, test := range d.tests {
			f, ok := folders[test.dir]
			if !ok {
				f = readTests(t, filepath.Join("../..", test.dir))
				folders[test.dir] = f
			}
			file, ok := f.tests[test.name]
			if !ok {
				t.Errorf("%s: there is no %s in %s", d.fault, test.name, test.dir)
			}
			if test.row != "" && !slices.ContainsFunc(f.texts[file], func(text string) bool { return strings.Contains(text, test.row) }) {
				t.Errorf("%s: %s has no row %q", d.fault, test.name, test.row)
			}
		}
	}
}

// folder is the tests of a package by the file that has them, and the texts that
// stand in its files.
type folder struct {
	tests map[string]string
	texts map[string][]string
}

func readTests(t *testing.T, dir string) folder {
	t.Helper()
	f := folder{map[string]string{}, map[string][]string{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	must(t, err)
	for _, path := range paths {
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
		must(t, err)
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && len(fn.Type.Params.List) == 1 && fn.Body != nil && len(fn.Body.List) > 0 && !skips(fn) {
				f.tests[fn.Name.Name] = path
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == gotoken.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					f.texts[path] = append(f.texts[path], text)
				}
			}
			return true
		})
	}
	return f
}

// skips reports whether a test begins with skipping itself, which is no test.
func skips(fn *ast.FuncDecl) bool {
	call, ok := fn.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	called, ok := call.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := called.Fun.(*ast.SelectorExpr)
	return ok && strings.HasPrefix(selector.Sel.Name, "Skip")
}
