package exfil

import (
	"slices"
	"strings"
)

// command is one command of a shell, as far as it matters here: no expansion is done.
//
//	FOO=1 sudo cat "a b" <in | nc host 9 >out
//
// is [cat, a b] and [nc, host, 9], which is fed by the other.
type command struct {
	words []string
	subs  []string // what stands in $(…), `…` and <(…) among them
	in    []string // redirected into it: "<file", "<<<text"
	out   []string // files that it is redirected to
	both  bool     // one of out is opened to read and write: "3<>/dev/tcp/…"
	fed   bool     // by the command before it
	given weight   // of what variables put into its words

	weighed bool   // that the following are set, once: a command may be as long as the text
	takesIt bool   // it reads what nobody sends by the way
	printed weight // by its substitutions
	flow    weight // what it gets and passes on to the next one
	hi      int    // where it ends
}

// longestQuote bounds what stands between quotes or in a substitution, so that a
// quote that is none does not take the rest of a text.
const longestQuote = 4 << 10

// shell reads commands. It goes once over a text; what cannot be right is read as
// plain characters.
type shell struct {
	text string
	at   int
	cmd  command
}

// pipeline appends the commands of the next pipeline to dst. There is none at the
// end of the text.
func (p *shell) pipeline(dst []command) []command {
	p.cmd = command{}
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\r', '(', ')', '{', '}':
			if p.at++; (c == '(' || c == '{') && len(p.cmd.words) > 0 {
				dst = p.end(dst)
			}
		case '\n', ';':
			if p.at++; c == '\n' && p.cmd.fed && len(p.cmd.words) == 0 {
				continue // "cat x |" goes on in the next line
			}
			if out := p.end(dst); len(out) > 0 {
				return out
			}
		case '#':
			if len(p.cmd.words) == 0 || blank(p.text[p.at-1]) {
				p.skip(strings.IndexByte(p.text[p.at:], '\n'))
				continue
			}
			p.word()
		case '&':
			if p.at++; p.at < len(p.text) && p.text[p.at] == '>' {
				continue // "&>file"
			}
			if out := p.end(dst); len(out) > 0 {
				return out
			}
		case '|':
			p.at++
			if p.at < len(p.text) && p.text[p.at] == '|' {
				p.at++
				if out := p.end(dst); len(out) > 0 {
					return out
				}
				continue
			}
			if p.at < len(p.text) && p.text[p.at] == '&' {
				p.at++
			}
			dst = p.end(dst)
			p.cmd.fed = len(dst) > 0
		case '<', '>':
			p.redirect()
		case '`':
			if strings.HasPrefix(p.text[p.at:], "```") { // the fence of a document
				p.skip(strings.IndexByte(p.text[p.at:], '\n'))
				continue
			}
			p.word()
		default:
			p.word()
		}
	}
	return p.end(dst)
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skip goes on by n, to the end if n is negative.
func (p *shell) skip(n int) {
	if n < 0 {
		n = len(p.text) - p.at
	}
	p.at += n
}

// end appends the command that was read, if it is one.
func (p *shell) end(dst []command) []command {
	if len(p.cmd.words)+len(p.cmd.in)+len(p.cmd.out)+len(p.cmd.subs) > 0 {
		p.cmd.hi = p.at
		dst = append(dst, p.cmd)
	}
	p.cmd = command{}
	return dst
}

// redirect reads "<file", ">>file", "2>&1", "3<>file", "<<<text", "<(commands)".
func (p *shell) redirect() {
	from := p.at
	for p.at < len(p.text) && strings.IndexByte("<>&|", p.text[p.at]) >= 0 && p.at-from < 3 {
		p.at++
	}
	sign := p.text[from:p.at]
	if sign == "<" && p.at < len(p.text) && p.text[p.at] == '(' {
		p.cmd.subs = append(p.cmd.subs, p.parenthesis())
		return
	}
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
	before := len(p.cmd.words)
	p.word()
	if len(p.cmd.words) == before {
		return
	}
	target := p.cmd.words[before]
	p.cmd.words = p.cmd.words[:before]
	switch {
	case sign == "<>":
		p.cmd.out, p.cmd.both = append(p.cmd.out, target), true
	case sign == "<<": // a text follows, of which nothing is known to be data
	case sign[0] == '<':
		p.cmd.in = append(p.cmd.in, sign+target)
	default:
		p.cmd.out = append(p.cmd.out, target)
	}
}

// word reads a word, without its quotes.
func (p *shell) word() {
	var b strings.Builder
	from, start, copied := p.at, p.at, false
	flush := func() {
		b.WriteString(p.text[start:p.at])
		copied = true
	}
	for p.at < len(p.text) {
		c := p.text[p.at]
		if blank(c) || strings.IndexByte(";&|<>()", c) >= 0 {
			break
		}
		switch {
		case c == '\\' && p.at+1 < len(p.text) && (alnum(p.text[p.at+1]) || p.text[p.at+1] == '.'): // of a path of Windows
			p.at += 2
		case c == '\\' && p.at+1 < len(p.text):
			flush()
			p.at++
			if start = p.at; p.text[p.at] == '\n' {
				start++
			}
			p.at++
		case c == '$' && strings.HasPrefix(p.text[p.at:], "$("):
			p.at++
			p.cmd.subs = append(p.cmd.subs, p.parenthesis())
		case c == '`':
			if n := strings.IndexAny(p.text[p.at+1:min(len(p.text), p.at+longestQuote)], "`\n"); n > 0 && p.text[p.at+1+n] == '`' {
				p.cmd.subs = append(p.cmd.subs, p.text[p.at+1:p.at+1+n])
				p.at += n + 2
			} else {
				p.at++
			}
		case c == '\'' && (p.at == from || !alnum(p.text[p.at-1])), c == '"':
			n := p.quoted(c)
			if n < 0 {
				p.at++
				continue
			}
			flush()
			if c == '"' {
				p.within(p.text[p.at+1 : p.at+n])
			}
			b.WriteString(p.text[p.at+1 : p.at+n])
			p.at += n + 1
			start = p.at
		default:
			p.at++
		}
	}
	if p.at == from { // a sign that ends words stands where one was expected
		return
	}
	if !copied {
		p.cmd.words = append(p.cmd.words, p.text[from:p.at])
		return
	}
	b.WriteString(p.text[min(start, p.at):p.at])
	p.cmd.words = append(p.cmd.words, b.String())
}

// quoted returns how far on the quote ends that starts here, -1 if it does not.
func (p *shell) quoted(quote byte) int {
	end := min(len(p.text), p.at+longestQuote)
	for i := p.at + 1; i < end; i++ {
		switch p.text[i] {
		case quote:
			return i - p.at
		case '\\':
			if quote == '"' {
				i++
			}
		}
	}
	return -1
}

// within notes the substitutions in a quoted text.
func (p *shell) within(text string) {
	for at := 0; at < len(text); {
		i := strings.IndexAny(text[at:], "$`")
		if i < 0 {
			return
		}
		at += i
		switch {
		case strings.HasPrefix(text[at:], "$("):
			inner := shell{text: text, at: at + 1}
			p.cmd.subs = append(p.cmd.subs, inner.parenthesis())
			at = inner.at
		case text[at] == '`':
			n := strings.IndexByte(text[at+1:], '`')
			if n < 0 {
				return
			}
			p.cmd.subs = append(p.cmd.subs, text[at+1:at+1+n])
			at += n + 2
		default:
			at++
		}
	}
}

// parenthesis reads to the end of the parenthesis that starts here, and returns
// what stands in it.
func (p *shell) parenthesis() string {
	depth, from := 0, p.at+1
	for end := min(len(p.text), p.at+longestQuote); p.at < end; p.at++ {
		switch p.text[p.at] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.at++
				return p.text[from : p.at-1]
			}
		}
	}
	return p.text[min(from, p.at):p.at]
}

// wrappers run the command that follows them, or stand before one in a document, a
// Makefile or a pipeline's file.
var wrappers = set("sudo", "doas", "env", "nohup", "time", "timeout", "nice", "ionice", "command", "builtin", "exec", "if", "then", "else", "elif", "do", "while", "until", "!", "xargs",
	"busybox", "stdbuf", "strace", "proxychains", "torsocks", "setsid", "run", "RUN", "CMD", "&", "-", "*", ">", "$", "%", "@", "PS>", "C:\\>", "start", "call", "eval", "trap", "npx", "uvx")

// name is the command's name, without its folder, and where its arguments start.
// "" if there is none.
func (c *command) name() (string, []string) {
	wrapped := false
	for i, w := range c.words {
		switch {
		case wrappers[w] || len(w) > 2 && w[len(w)-1] == ':' && letter(w[0]): // a key of YAML, a label
			wrapped = true
		case assignment(w), wrapped && (w[0:min(1, len(w))] == "-" || number(w)):
		default:
			base := strings.TrimSuffix(strings.TrimPrefix(w[strings.LastIndexAny(w, `/\`)+1:], "@"), ".exe")
			if strings.IndexAny(w, `\'`) > 0 { // "cu\rl" and "cu''rl" are curl to a shell
				if plain := withoutSigns(w[strings.LastIndexByte(w, '/')+1:]); known(plain) {
					base = plain
				}
			}
			return base, c.words[i+1:]
		}
	}
	return "", nil
}

// words0 is the command's first word, "" if it has none.
func (c *command) words0() string {
	if len(c.words) == 0 {
		return ""
	}
	return c.words[0]
}

// assignment reports whether a word sets a variable.
func assignment(w string) bool {
	i := strings.IndexByte(w, '=')
	if i < 1 {
		return false
	}
	return !strings.ContainsFunc(w[:i], func(r rune) bool { return r != '_' && (r >= 0x80 || !alnum(byte(r))) })
}

// number reports whether a word is a number or a duration: "5", "10s".
func number(w string) bool { return w != "" && w[0] >= '0' && w[0] <= '9' && len(w) < 8 }

// has reports whether one of the options is among the words.
func has(words []string, options ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(options, w) })
}
