package policy

import (
	"encoding/json"
	"regexp"
	"strings"
)

// The functions of rego/lib/url.rego, mail.rego, shell.rego and sql.rego, as they
// are there, with the same patterns.

func lastSegment(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

var (
	plainURL   = regexp.MustCompile(`^(?i:https)://([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+)(?:[/?#][!-\[\]-~]*)?$`)
	numberHost = regexp.MustCompile(`\.(0[xX][0-9a-fA-F]*|[0-9]+)$`)
	plainMail  = regexp.MustCompile(`^[A-Za-z0-9._+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})$`)
)

func urlHost(v, _ any) (any, state) {
	s, ok := v.(string)
	if !ok {
		return nil, absent
	}
	m := plainURL.FindStringSubmatch(s)
	if m == nil || numberHost.MatchString(m[1]) {
		return nil, absent
	}
	return strings.ToLower(m[1]), given
}

func urlOnAny(v, hosts any) (any, state) {
	host, s := urlHost(v, nil)
	name, _ := host.(string)
	on, ok := false, true
	elements(hosts, func(e any) bool {
		var suffix string
		suffix, ok = e.(string)
		on = on || s == given && (suffix == name || strings.HasPrefix(suffix, ".") && strings.HasSuffix(name, strings.ToLower(suffix)))
		return ok
	})
	if !ok {
		return nil, doubt
	}
	return holds(on)
}

func mailDomain(v, _ any) (any, state) {
	s, ok := v.(string)
	if !ok {
		return nil, absent
	}
	m := plainMail.FindStringSubmatch(s)
	if m == nil {
		return nil, absent
	}
	return strings.ToLower(m[1]), given
}

func mailAllWithin(addresses, domains any) (any, state) {
	all, sure := true, true
	check := func(address any) bool {
		domain, s := mailDomain(address, nil)
		yes, ok := false, true
		if s == given {
			yes, ok = isIn(domain, domains)
		}
		all, sure = all && yes, sure && ok
		return all && sure
	}
	switch v := addresses.(type) {
	case string:
		check(v)
	case []any, []string:
		n, _ := length(v)
		all = n > 0
		elements(v, check)
	default:
		all = false
	}
	if !sure {
		return nil, doubt
	}
	return holds(all)
}

// plainCommand is `^[A-Za-z0-9_./][A-Za-z0-9_./:=,@+% -]*$` that does not begin
// with `[A-Za-z_][A-Za-z0-9_]*=`.
func plainCommand(s string) bool {
	name := s != "" && !isDigit(s[0]) // what was read can be a variable's name
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isLetter(c) || isDigit(c) || c == '_':
		case c == '.' || c == '/':
			name = false
		case i == 0 || strings.IndexByte(":=,@+% -", c) < 0:
			return false
		case c == '=' && name:
			return false
		default:
			name = false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func shellWords(v, _ any) (any, state) {
	words, ok := commandWords(v)
	if !ok {
		return nil, absent
	}
	return words, given
}

func commandWords(v any) ([]string, bool) {
	s, ok := v.(string)
	if !ok || !plainCommand(s) {
		return nil, false
	}
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), true
}

func shellProgram(v, _ any) (any, state) {
	words, ok := commandWords(v)
	if !ok {
		return nil, absent
	}
	return words[0], given
}

func shellRuns(v, programs any) (any, state) {
	words, ok := commandWords(v)
	if !ok {
		return nil, absent
	}
	runs, ok := isIn(words[0], programs)
	if !ok {
		return nil, doubt
	}
	return holds(runs)
}

// shellOptions of what is no plain command are none: a set of what nothing holds
// for is empty, not undefined.
func shellOptions(v, _ any) (any, state) {
	words, _ := commandWords(v)
	options := []any{}
	for _, w := range words[min(1, len(words)):] {
		if name, _, _ := strings.Cut(w, "="); strings.HasPrefix(w, "-") {
			options = append(options, name)
		}
	}
	set, ok := newSet(options)
	return set, sureIf(ok)
}

func shellOperands(v, _ any) (any, state) {
	words, _ := commandWords(v)
	operands := []string{}
	for _, w := range words[min(1, len(words)):] {
		if !strings.HasPrefix(w, "-") {
			operands = append(operands, w)
		}
	}
	return operands, given
}

var (
	readDifferently = regexp.MustCompile(`--|/\*|#|\\|\$[A-Za-z_]*\$|\x00`)
	quotedQuote     = regexp.MustCompile("'[^'\"`]*[\"`][^']*'")
	literal         = regexp.MustCompile(`'[^']*'`)
	secondStatement = regexp.MustCompile(`;\s*\S`)
	reading         = regexp.MustCompile(`(?i)^\s*(select|with|values|explain|show|describe|desc)\b`)
	writing         = regexp.MustCompile(`(?i)\b(insert|update|delete|merge|upsert|replace\s+into|drop|alter|create|truncate|rename|grant|revoke|call|exec|execute|do|set|reset|lock|unlock|copy|load|import|into|attach|detach|pragma|vacuum|reindex|analyze|refresh|begin|commit|rollback|savepoint|prepare|deallocate|declare|listen|notify|unlisten|cluster|handler|install|kill|shutdown|use)\b`)
	reaching        = regexp.MustCompile(strings.Join([]string{
		`(?i)\b(pg_[a-z_]+|lo_[a-z]+|dblink[a-z_]*|xp_[a-z]+|sp_[a-z]+|utl_[a-z]+|dbms_[a-z]+|openrowset|opendatasource|openquery|waitfor|outfile|dumpfile|current_setting|set_config)\b`,
		"(?i)\\b(load_file|load_extension|readfile|writefile|edit|fts3_tokenizer|sleep|benchmark|nextval|setval|[a-z]+_to_xml|sys_[a-z]+|read_[a-z_]+|glob|url|file|s3|http[a-z_]*)[\"`\\]]?\\s*\\(",
		`(?i)\bfor\s+(no\s+key\s+)?(update|share|key)\b`,
	}, "|"))
	limit = regexp.MustCompile(`(?i)\blimit\s+([0-9]{1,9})(?:\s+offset\s+[0-9]{1,9})?\s*;?\s*$`)
)

// bareQuery is the query with the text of its literals taken out:
//
//	select a from t where b = 'drop'  →  select a from t where b = ''
func bareQuery(v any) (text string, ok bool) {
	query, ok := v.(string)
	if !ok || readDifferently.MatchString(query) || quotedQuote.MatchString(query) {
		return "", false
	}
	text = literal.ReplaceAllString(query, "''")
	if strings.Contains(strings.ReplaceAll(text, "''", ""), "'") || secondStatement.MatchString(text) {
		return "", false
	}
	return text, strings.Count(text, `"`)%2 == 0 && strings.Count(text, "`")%2 == 0
}

func readOnly(v any) (text string, ok bool) {
	text, ok = bareQuery(v)
	return text, ok && reading.MatchString(text) && !writing.MatchString(text) && !reaching.MatchString(text)
}

func sqlBare(v, _ any) (any, state) {
	text, ok := bareQuery(v)
	if !ok {
		return nil, absent
	}
	return text, given
}

func sqlReadOnly(v, _ any) (any, state) {
	_, ok := readOnly(v)
	return holds(ok)
}

func sqlLimited(v, most any) (any, state) {
	text, ok := readOnly(v)
	if !ok {
		return nil, absent
	}
	m := limit.FindStringSubmatch(text)
	if m == nil {
		return nil, absent
	}
	n := strings.TrimLeft(m[1], "0")
	if n == "" {
		n = "0"
	}
	c, ok := order(json.Number(n), most)
	if !ok {
		return nil, doubt
	}
	return holds(c <= 0)
}
