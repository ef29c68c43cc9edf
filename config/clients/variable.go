package clients

import (
	"regexp"
	"strconv"
	"strings"
)

// reference is how clients refer to variables: ${VAR} and ${VAR:-default}
// (Claude, Gemini), ${env:VAR} and ${input:id} (VS Code, Cursor), $VAR
// (Gemini), {env:VAR} (opencode).
var reference = regexp.MustCompile(`\$\{(?:(env|input):)?([A-Za-z_][A-Za-z0-9_-]*)(:-[^}]*)?\}|\{(env):([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)\b`)

// reference rewrites references to variables as ${VAR} and leaves the rest as
// it is, but for a ${ that would be taken for one.
func (b *builder) reference(s string) string {
	var out strings.Builder
	last := 0
	for _, m := range reference.FindAllStringSubmatchIndex(s, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return s[m[2*i]:m[2*i+1]]
		}
		out.WriteString(escape(s[last:m[0]]))
		last = m[1]
		switch {
		case group(1) == "input":
			b.warn("the input %s becomes the variable %s", group(2), variableName(group(2)))
			out.WriteString(b.refer(group(2)))
		case group(2) == "workspaceFolder" || group(2) == "userHome":
			b.warn("${%s} means nothing here; write the path", group(2))
			out.WriteString("$" + s[m[0]:m[1]])
		default:
			if group(3) != "" {
				b.warn("the default of %s is not carried over", group(2))
			}
			out.WriteString(b.refer(group(2) + group(5) + group(6)))
		}
	}
	out.WriteString(escape(s[last:]))
	return out.String()
}

func escape(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// refer notes that a variable has to be set, and refers to it.
func (b *builder) refer(name string) string {
	name = variableName(name)
	b.out.Variables = append(b.out.Variables, name)
	return "${" + name + "}"
}

// stand makes a variable stand for a value. Two servers that give the same
// name to different values get two variables.
func (b *builder) stand(value, name string) string {
	name = variableName(name)
	if other, taken := b.bound[name]; taken && other != value {
		name = variableName(b.s.name + "_" + name)
	}
	b.bound[name] = value
	return b.refer(name)
}

// secret replaces a value by a variable, unless it is nothing but a reference
// to one already.
func (b *builder) secret(value, name string) string {
	if reference.MatchString(value) && strings.TrimSpace(reference.ReplaceAllString(value, "")) == "" {
		return b.reference(value)
	}
	return b.stand(value, name)
}

// value is secret for an environment variable's value, but lets through what
// cannot be one: switches, numbers and paths.
func (b *builder) value(value, name string) string {
	_, notNumber := strconv.Atoi(value)
	plain := value == "" || value == "true" || value == "false" || notNumber == nil && len(value) < 6 || isPath(value)
	if plain && !soundsSecret(name) {
		return escape(value)
	}
	return b.secret(value, name)
}

func isPath(s string) bool {
	return (strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")) && !strings.ContainsAny(s, " =")
}

// argument looks for secrets among a program's arguments: --token x, --key=x,
// --header "Authorization: Bearer x", and URLs with a password.
func (b *builder) argument(a string, i int) string {
	if reference.MatchString(a) {
		return b.reference(a)
	}
	before := ""
	if i > 0 {
		before = b.u.Args[i-1]
	}
	flag, value, inline := strings.Cut(a, "=")
	header, field, isHeader := strings.Cut(a, ":")
	switch {
	case inline && soundsSecret(flag):
		return flag + "=" + b.stand(value, b.s.name+"_"+strings.Trim(flag, "-"))
	case isHeader && (before == "--header" || before == "-H"):
		return header + ":" + b.stand(field, b.s.name+"_"+header)
	case strings.HasPrefix(before, "-") && !strings.Contains(before, "=") && soundsSecret(before) && !strings.HasPrefix(a, "-"):
		return b.stand(a, b.s.name+"_"+strings.Trim(before, "-"))
	case credentialURL.MatchString(a):
		return b.stand(a, b.s.name+"_arg_"+strconv.Itoa(i+1))
	}
	return escape(a)
}

// credentialURL is a URL with a user and password, as databases have.
var credentialURL = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]+@`)

func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, w := range []string{"token", "secret", "passw", "key", "auth", "credential", "pat"} {
		if strings.Contains(name, w) && !strings.Contains(name, "path") {
			return true
		}
	}
	return false
}

// variableName makes a name as the environment has them.
func variableName(s string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
			return r
		}
		return '_'
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}
