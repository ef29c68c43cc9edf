package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// mutant is one change.
type mutant struct {
	id       int
	place    string // file:line:column
	function string
	what     string // "< is <="
}

func load(pattern string) ([]*packages.Package, error) {
	mode := packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps
	found, err := packages.Load(&packages.Config{Mode: mode}, pattern)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		for _, e := range p.Errors {
			return nil, e
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no such package")
	}
	return found, nil
}

// edit puts a text in the place of the bytes from at to end.
type edit struct {
	at, end int
	text    string
	nth     int // among edits at one place: after what closes inner nodes comes what opens outer ones
}

// seeder puts the changes of one file behind switches.
type seeder struct {
	p        *packages.Package
	file     *token.File
	edits    []edit
	mutants  []*mutant
	next     int // ID of the next mutant
	function string
}

// seed returns a file's text with its changes.
//
//	if a < b {     ->  if mutant_less(7, a, b) {
//	if ok {        ->  if (mutant(9) != (ok)) {
//	n = count(x)   ->  if !mutant(10) { n = count(x) }
func seed(p *packages.Package, f *ast.File, next int) (path, text string, mutants []*mutant, err error) {
	s := &seeder{p: p, file: p.Fset.File(f.Pos()), next: next}
	path = s.file.Name()
	source, err := os.ReadFile(path)
	if err != nil {
		return "", "", nil, err
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		s.function = fn.Name.Name
		ast.Inspect(fn.Body, s.visit)
	}
	slices.SortStableFunc(s.edits, func(a, b edit) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.nth, b.nth)) })
	var out strings.Builder
	at := 0
	for _, e := range s.edits {
		out.Write(source[at:e.at])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(source[at:])
	return path, out.String(), s.mutants, nil
}

func (s *seeder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		s.binary(n)
	case *ast.IfStmt:
		s.condition(n.Cond)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			s.condition(n.X)
		}
	case *ast.BlockStmt:
		s.statements(n.List)
	case *ast.CaseClause:
		s.statements(n.Body)
	case *ast.CommClause:
		s.statements(n.Body)
	}
	return true
}

// binary changes an operator.
func (s *seeder) binary(n *ast.BinaryExpr) {
	if s.p.TypesInfo.Types[n].Value != nil {
		return // a constant
	}
	switch n.Op {
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		other := map[token.Token][2]string{token.LSS: {"<=", ">="}, token.LEQ: {"<", ">"}, token.GTR: {">=", "<="}, token.GEQ: {">", "<"}}[n.Op]
		id := s.add(n.OpPos, n.Op.String()+" is "+other[0])
		s.add(n.OpPos, n.Op.String()+" is "+other[1])
		s.call(n, map[token.Token]string{token.LSS: "less", token.LEQ: "most", token.GTR: "more", token.GEQ: "least"}[n.Op], id)
	case token.EQL, token.NEQ:
		s.negate(n, n.OpPos, n.Op.String()+" is "+map[token.Token]string{token.EQL: "!=", token.NEQ: "=="}[n.Op])
	case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
		if !numeric(s.p.TypesInfo.TypeOf(n)) {
			return
		}
		other := map[token.Token]string{token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*", token.REM: "*"}[n.Op]
		if n.Op == token.REM || n.Op == token.MUL {
			if !integer(s.p.TypesInfo.TypeOf(n)) {
				return
			}
		}
		s.call(n, map[token.Token]string{token.ADD: "add", token.SUB: "sub", token.MUL: "mul", token.QUO: "quo", token.REM: "rem"}[n.Op], s.add(n.OpPos, n.Op.String()+" is "+other))
	case token.LAND, token.LOR:
		s.condition(n.X)
		s.condition(n.Y)
	}
}

// condition negates a condition that is no comparison, whose operator changes.
func (s *seeder) condition(e ast.Expr) {
	switch inner := ast.Unparen(e).(type) {
	case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr:
		if s.p.TypesInfo.Types[e].Value == nil {
			s.negate(e, inner.Pos(), "the condition is its opposite")
		}
	}
}

// statements leaves out one that other code is not in need of to compile.
func (s *seeder) statements(list []ast.Stmt) {
	for _, n := range list {
		switch n := n.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt:
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE || s.onlyUse(n) {
				continue
			}
		default:
			continue
		}
		if call, ok := n.(*ast.ExprStmt); ok && ends(call) {
			continue
		}
		id := s.add(n.Pos(), "the statement is left out")
		s.around(n, fmt.Sprintf("if !mutant(%d) { ", id), " }")
	}
}

// onlyUse reports whether a statement writes to "_", which is for the compiler.
func (s *seeder) onlyUse(n *ast.AssignStmt) bool {
	for _, left := range n.Lhs {
		if name, ok := left.(*ast.Ident); !ok || name.Name != "_" {
			return false
		}
	}
	return true
}

// ends reports whether a call is panic: what follows may need it to compile.
func ends(n *ast.ExprStmt) bool {
	call, ok := n.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}

func (s *seeder) add(at token.Pos, what string) int {
	where := s.p.Fset.Position(at)
	m := &mutant{id: s.next, place: fmt.Sprintf("%s:%d:%d", filepath.Base(where.Filename), where.Line, where.Column), function: s.function, what: what}
	s.next++
	s.mutants = append(s.mutants, m)
	return m.id
}

func (s *seeder) negate(e ast.Expr, at token.Pos, what string) {
	s.around(e, fmt.Sprintf("(mutant(%d) != (", s.add(at, what)), "))")
}

// call makes an operator a function that knows its changes.
func (s *seeder) call(n *ast.BinaryExpr, function string, id int) {
	s.around(n, fmt.Sprintf("mutant_%s(%d, ", function, id), ")")
	at := s.file.Offset(n.OpPos)
	s.edits = append(s.edits, edit{at, at + len(n.Op.String()), ",", 0})
}

// around puts texts before and behind a node. What is visited later is within.
func (s *seeder) around(n ast.Node, before, behind string) {
	order := len(s.edits) + 1
	at, end := s.file.Offset(n.Pos()), s.file.Offset(n.End())
	s.edits = append(s.edits, edit{at, at, before, order}, edit{end, end, behind, -order})
}

func numeric(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsNumeric != 0 && b.Info()&types.IsComplex == 0
}

func integer(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}
