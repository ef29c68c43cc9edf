package clients

import (
	"regexp"
	"slices"
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
// name to different values get two variables, and so does a value whose name
// stands for what the environment has.
func (b *builder) stand(value, name string) string {
	name = variableName(name)
	for n := 1; ; n++ {
		other, taken := b.bound[name]
		if taken && other == value || !taken && !slices.Contains(b.out.Variables, name) {
			break
		}
		if n == 1 {
			name = variableName(b.s.name + "_" + name)
			continue
		}
		name = strings.TrimSuffix(name, "_"+strconv.Itoa(n-1)) + "_" + strconv.Itoa(n)
	}
	b.bound[name] = value
	if reference.MatchString(value) {
		b.warn("%s is made of a secret and of other variables; set it by hand", name)
	}
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

// value copies an environment variable's value, unless it is a secret.
func (b *builder) value(value, name string) string {
	if b.isSecret(value, name) {
		return b.secret(value, name)
	}
	return b.reference(value)
}

func isPath(s string) bool {
	return (strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")) && !strings.ContainsAny(s, " =")
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
