package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The functions of rego/lib/path.rego, as they are there: what a text means, and
// why, is said beside the rules.

// plainPath reports whether a path can mean one place only.
func plainPath(s string) bool {
	plain, _ := readPath(s)
	return plain
}

// readPath says also whether a plain path is without doubled slashes, segments of
// "." and a slash at the end.
func readPath(s string) (plain, tidy bool) {
	if s != "" && s[0] == '~' || len(s) > 1 && s[1] == ':' && isLetter(s[0]) {
		return false, false
	}
	tidy = true
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || strings.ContainsRune(foldsToPath, r) {
				return false, false
			}
			i += size
			continue
		case c == '/':
			tidy = tidy && i+1 < len(s) && s[i+1] != '/'
		case c == '.' && (i == 0 || s[i-1] == '/'):
			if dotted(s[i+1:]) {
				return false, false
			}
			tidy = tidy && i+1 < len(s) && s[i+1] != '/'
		case c < 0x20 || c == 0x7f || c == '\\' || c == '%':
			return false, false
		}
		i++
	}
	return true, tidy
}

// What NFKC or a careless reader folds to a dot or a slash.
const foldsToPath = "\u2024\u2025\u2026\uFE52\uFF0E\uFF61\u3002\u2044\u2215\u29F8\uFF0F\uFF3C\uFE68\u2216\u29F5\u1735"

// dotted reports whether what follows the dot that begins a segment is dots and
// blanks, one at least, to its end.
func dotted(rest string) bool {
	n := 0
	for n < len(rest) && (rest[n] == '.' || rest[n] == ' ') {
		n++
	}
	return n > 0 && (n == len(rest) || rest[n] == '/')
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// cleanPath is path.clean: ok is false for what is not a plain absolute path.
func cleanPath(v any) (path string, ok bool) {
	s, isText := v.(string)
	if !isText || s == "" || s[0] != '/' {
		return "", false
	}
	plain, tidy := readPath(s)
	if !plain || tidy {
		return s, plain
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(s, "/") {
		if segment != "" && segment != "." {
			b.WriteByte('/')
			b.WriteString(segment)
		}
	}
	if b.Len() == 0 {
		return "/", true
	}
	return b.String(), true
}

func pathClean(v, _ any) (any, state) {
	path, ok := cleanPath(v)
	if !ok {
		return nil, absent
	}
	return path, given
}

func pathUnder(v, root any) bool {
	path, ok := cleanPath(v)
	return ok && within(path, root)
}

func within(path string, root any) bool {
	above, ok := cleanPath(root)
	return ok && below(path, above, root == "/")
}

// below reports whether a clean path is a clean root or below it. That of a root
// that is "/" as it is written is every path, and of "//" it is "/" alone: a slash
// is put behind both, and what is compared is then "//".
func below(path, root string, all bool) bool {
	return all || strings.HasPrefix(path, root) && (len(path) == len(root) || path[len(root)] == '/')
}

// pathUnderThis is path.under with a root that is known.
func pathUnderThis(root any) func(v, _ any) (any, state) {
	above, ok := cleanPath(root)
	all := root == "/"
	return func(v, _ any) (any, state) {
		path, plain := cleanPath(v)
		return holds(ok && plain && below(path, above, all))
	}
}

func pathUnderAny(v, roots any) (any, state) {
	path, ok := cleanPath(v)
	under := false
	elements(roots, func(root any) bool {
		under = ok && within(path, root)
		return !under
	})
	return holds(under)
}

func pathAllUnder(paths, root any) (any, state) {
	n, ok := length(paths)
	if !ok {
		return nil, doubt
	}
	all := n > 0 && rank(paths) != rankText
	elements(paths, func(path any) bool {
		all = all && pathUnder(path, root)
		return all
	})
	return holds(all)
}

func pathRelative(v, _ any) (any, state) {
	s, ok := v.(string)
	return holds(ok && s != "" && s[0] != '/' && plainPath(s))
}

func pathExtension(v, _ any) (any, state) {
	s, ok := v.(string)
	if !ok || !plainPath(s) {
		return nil, absent
	}
	name := lastSegment(s)
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return nil, absent
	}
	return strings.ToLower(name[dot+1:]), given
}

func pathHidden(v, _ any) (any, state) {
	s, ok := v.(string)
	if !ok {
		return nil, doubt
	}
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '.' && s[i+1] != '/' && (i == 0 || s[i-1] == '/') {
			return true, given
		}
	}
	return nil, absent
}
