package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
	"toolward/rego"
)

// removed are the built-in functions that a policy does not get, and why.
var removed = map[string]string{
	"http.send": outside, "net.lookup_ip_addr": outside, "opa.runtime": outside, "trace": outside, "rego.parse_module": outside,
	"providers.aws.sign_req": outside, "io.jwt.encode_sign": outside, "io.jwt.encode_sign_raw": outside,
	"rand.intn": outside, "uuid.rfc4122": outside,
	"bits.lsh":           "a shift by a large number cannot be interrupted",
	"json.match_schema":  files,
	"json.verify_schema": files,
}

// What reaches the network or the process would make a decision slow,
// unrepeatable, and a way out for data.
const (
	outside = "a decision depends on input and data alone"
	files   = "a $ref in a schema can read files of this machine; arguments were checked against the tool's own schema"
)

// capabilities are OPA's, without [removed], and without remote schemas.
func capabilities() *ast.Capabilities {
	caps := ast.CapabilitiesForThisVersion()
	caps.Builtins = slices.DeleteFunc(slices.Clone(caps.Builtins), func(b *ast.Builtin) bool {
		return removed[b.Name] != ""
	})
	caps.AllowNet = []string{}
	return caps
}

func removedHint(name string) string {
	if why := removed[name]; why != "" {
		return name + " is not available: " + why
	}
	var names []string
	for _, b := range capabilities().Builtins {
		names = append(names, b.Name)
	}
	if near := nearest(name, names); near != "" {
		return didYouMean(near)
	}
	return ""
}

func newCompiler() *ast.Compiler {
	var schema any
	if err := util.Unmarshal(rego.InputSchema, &schema); err != nil {
		panic("policy: the embedded input schema is not JSON: " + err.Error())
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, schema)
	return ast.NewCompiler().
		WithCapabilities(marking()).
		WithSchemas(set).
		WithStrict(true).
		SetErrorLimit(0)
}

// parse parses every file; the problems are those of all files.
func parse(files []file) (map[string]*ast.Module, []Problem) {
	modules := map[string]*ast.Module{}
	var ps []Problem
	options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	for _, f := range files {
		m, err := ast.ParseModuleWithOpts(f.name, string(f.content), options)
		switch {
		case err != nil:
			ps = append(ps, fromOPA(err)...)
		case m == nil:
			ps = append(ps, Problem{File: f.name, Code: "policy_empty", Severity: Error, Message: "the file is empty"})
		default:
			modules[f.name] = m
		}
	}
	return modules, ps
}

// The public rules: what a package says about a call. flow is the exception to
// the default rule on labels; see rego/flow.rego.
const (
	ruleAllow   = "allow"
	ruleDeny    = "deny"
	ruleApprove = "approve"
	ruleRedact  = "redact"
	ruleReveal  = "reveal"
	ruleLabel   = "label"
	ruleFlow    = "flow"

	ruleMeter    = "meter"
	ruleRemember = "remember"
)

var publicRules = []string{ruleAllow, ruleDeny, ruleApprove, ruleRedact, ruleReveal, ruleLabel, ruleFlow, ruleMeter, ruleRemember}

// Recording which rules took part without OPA's tracer, which costs more than
// the evaluation: to the body of each public rule a call of an own built-in
// function is appended, which runs if everything before it held.
const fireName = "toolward.fired"

var fireRef = ast.MustParseRef(fireName)

var fireDecl = &ast.Builtin{Name: fireName, Decl: types.NewFunction(types.Args(types.N), types.B)}

// marking are the capabilities of a compiler of marked modules.
func marking() *ast.Capabilities {
	caps := capabilities()
	caps.Builtins = append(caps.Builtins, fireDecl)
	return caps
}

// instrument marks the public rules of operators' packages and of the rule on
// labels, and returns them by number.
func instrument(modules map[string]*ast.Module) []gateway.Rule {
	var rules []gateway.Rule
	for _, name := range util.KeysSorted(modules) {
		m := modules[name]
		if !speaks(m.Package) && m.Package.Path.String() != "data.toolward.flow" {
			continue
		}
		for _, rule := range m.Rules {
			if !slices.Contains(publicRules, ruleName(rule)) || rule.Default {
				continue
			}
			for ; rule != nil; rule = rule.Else {
				rules = append(rules, ruleOf(m, rule))
				mark := ast.NewExpr([]*ast.Term{
					ast.NewTerm(fireRef.Copy()), ast.NewTerm(ast.InternedTerm(len(rules) - 1).Value),
				}).SetLocation(rule.Location)
				for _, t := range mark.Terms.([]*ast.Term) {
					t.Location = rule.Location
				}
				rule.Body = append(rule.Body, mark)
				mark.Index = len(rule.Body) - 1
			}
		}
	}
	return rules
}

func ruleOf(m *ast.Module, rule *ast.Rule) gateway.Rule {
	return gateway.Rule{
		Package: strings.TrimPrefix(m.Package.Path.String(), "data."),
		Name:    ruleName(rule),
		File:    rule.Location.File,
		Line:    rule.Location.Row,
	}
}

// ruleName is the first part of the rule's name, so that `deny["x"]` is deny.
func ruleName(rule *ast.Rule) string {
	if ref := rule.Head.Ref(); len(ref) > 0 {
		return strings.Trim(ref[0].String(), `"`)
	}
	return string(rule.Head.Name)
}

// marks collects the numbers of the rules that fired in one evaluation.
type marks struct {
	rules   int // how many there are; a policy that calls the function itself gives any number
	numbers []int
}

func (f *marks) builtins() map[string]*topdown.Builtin {
	return map[string]*topdown.Builtin{fireName: {Decl: fireDecl, Func: f.fire}}
}

func (f *marks) fire(_ topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	if n, ok := operands[0].Value.(ast.Number); ok {
		if i, ok := n.Int(); ok && i >= 0 && i < f.rules && !slices.Contains(f.numbers, i) {
			f.numbers = append(f.numbers, i)
		}
	}
	return iter(ast.InternedTerm(true))
}
