package upstream

import (
	"errors"
	"regexp"
	"strings"
)

// template recognises the URIs that a resource template (RFC 6570) can make.
type template struct{ re *regexp.Regexp }

func (t *template) matches(uri string) bool { return t.re.MatchString(uri) }

// compileTemplate turns a URI template into a pattern. It answers which entry
// of the catalog a URI belongs to, not what the variables are: an expression
// matches whatever its operator may expand to.
func compileTemplate(text string) (*template, error) {
	var b strings.Builder
	b.WriteString(`^`)
	rest := text
	for {
		literal, after, found := strings.Cut(rest, "{")
		b.WriteString(regexp.QuoteMeta(literal))
		if !found {
			break
		}
		expression, tail, closed := strings.Cut(after, "}")
		if !closed || expression == "" {
			return nil, errors.New("an expression is empty or not closed")
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
		return nil, err
	}
	return &template{re}, nil
}
