package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestResult is the outcome of one test rule.
type TestResult struct {
	Package string        `json:"package"`
	Name    string        `json:"name"`
	File    string        `json:"file"`
	Line    int           `json:"line"`
	Passed  bool          `json:"passed"`
	Skipped bool          `json:"skipped,omitempty"`
	Error   string        `json:"error,omitempty"`
	Output  string        `json:"output,omitempty"` // what the test printed
	Failure *Failure      `json:"failure,omitempty"`
	Took    time.Duration `json:"ns"`
}

// TestReport is the outcome of all tests of a policy.
type TestReport struct {
	Results  []TestResult `json:"results"`
	Coverage float64      `json:"coverage"` // percent of the policy's lines that tests evaluated, library and tests aside
}

// Failed is the number of tests that did not pass.
func (r *TestReport) Failed() int {
	n := 0
	for _, t := range r.Results {
		if !t.Passed && !t.Skipped {
			n++
		}
	}
	return n
}

// Test runs the tests of a policy, rules named test_… in files …_test.rego,
// with OPA's tester. Tests of the library are left out.
func Test(ctx context.Context, o Options) (*TestReport, error) {
	s, ps := read(o)
	if err := failing(ps); err != nil {
		return nil, err
	}
	files := append([]file(nil), s.modules...)
	for _, t := range s.tests {
		if !t.library || t.name == testHelper {
			files = append(files, t)
		}
	}
	modules, ps := parse(files)
	ps = append(ps, checkForms(modules)...)
	if err := failing(ps); err != nil {
		return nil, err
	}
	store := inmem.NewFromObjectWithOpts(s.data, inmem.OptReturnASTValuesOnRead(true))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	coverage, compiler := cover.New(), newTestCompiler()
	results, err := tester.NewRunner().
		SetCompiler(compiler).
		SetStore(store).
		SetModules(modules).
		SetTimeout(testTimeout).
		CapturePrintOutput(true).
		SetCoverageQueryTracer(coverage).
		RunTests(ctx, txn)
	if err != nil {
		var all ast.Errors
		if errors.As(err, &all) {
			return nil, Problems(sorted(fromOPA(err)))
		}
		return nil, fmt.Errorf("run tests: %w", err)
	}
	report := &TestReport{}
	for t := range results {
		report.Results = append(report.Results, testResult(t))
	}
	for i := range report.Results {
		r := &report.Results[i]
		if rule := testRule(compiler, r); rule != nil && !r.Passed && !r.Skipped {
			if r.Failure, err = witnessed(ctx, compiler, store, txn, rule); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(report.Results, func(a, b TestResult) int { // they come as they end
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	report.Coverage = operatorCoverage(coverage.Report(modules))
	return report, nil
}

// testRule is the rule of a test as it was compiled.
func testRule(c *ast.Compiler, t *TestResult) *ast.Rule {
	if m := c.Modules[t.File]; m != nil {
		for _, rule := range m.Rules {
			if rule.Location.Row == t.Line {
				return rule
			}
		}
	}
	return nil
}

// newTestCompiler is less strict than a policy's: tests replace input with
// what a schema does not know, and call helpers they do not use.
func newTestCompiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(capabilities()).WithEnablePrintStatements(true)
}

func testResult(t *tester.Result) TestResult {
	r := TestResult{Package: strings.TrimPrefix(t.Package, "data."), Name: t.Name, Passed: t.Pass(), Skipped: t.Skip, Output: string(t.Output), Took: t.Duration}
	if t.Location != nil {
		r.File, r.Line = t.Location.File, t.Location.Row
	}
	if t.Error != nil {
		r.Error = t.Error.Error()
	}
	return r
}

// operatorCoverage is the share of lines that were evaluated, over the files
// that are the operator's and no tests.
func operatorCoverage(r cover.Report) float64 {
	covered, all := 0, 0
	for name, f := range r.Files {
		if libraryFile(name) || isTest(name) {
			continue
		}
		covered += f.CoveredLines
		all += f.CoveredLines + f.NotCoveredLines
	}
	if all == 0 {
		return 0
	}
	return 100 * float64(covered) / float64(all)
}
