package upstream

import (
	"fmt"
	"regexp"
	"strings"

	"toolward/gateway"
)

// template recognises the URIs that a resource template (RFC 6570) can make.
type template struct {
	tool *gateway.Tool
	re   *regexp.Regexp
}

func (t template) matches(uri string) bool { return t.re.MatchString(uri) }

// compileTemplate turns a URI template into a pattern. It answers which entry
// of the catalog a URI belongs to, not what the variables are: an expression
// matches whatever its operator may expand to.
func compileTemplate(t *gateway.Tool) (template, error) {
	var b strings.Builder
	b.WriteString(`^`)
	rest := t.Name
	for {
		literal, after, found := strings.Cut(rest, "{")
		b.WriteString(regexp.QuoteMeta(literal))
		if !found {
			break
		}
		expression, tail, closed := strings.Cut(after, "}")
		if !closed || expression == "" {
			return template{}, fmt.Errorf("template %q: an expression is not closed or empty", clip(t.Name, 80))
		}
		switch expression[0] {
		case '+', '#':
			b.WriteString(`.*`) // reserved expansion: slashes too
		case '/':
			b.WriteString(`(?:/[^?#]*)?`)
		case '.':
			b.WriteString(`(?:\.[^/?#]*)?`)
		case ';':
			b.WriteString(`(?:;[^/?#]*)?`)
		case '?':
			b.WriteString(`(?:\?[^#]*)?`)
		case '&':
			b.WriteString(`(?:&[^#]*)?`)
		default:
			b.WriteString(`[^/?#]*`)
		}
		rest = tail
	}
	b.WriteString(`$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return template{}, fmt.Errorf("template %q: %w", clip(t.Name, 80), err)
	}
	return template{tool: t, re: re}, nil
}
