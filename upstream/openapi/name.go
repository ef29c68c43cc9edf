package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
)

// cleaned keeps of a name the characters that model providers accept.
func cleaned(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, name), "_")
}

// byPlace is the name of an operation without an ID: its method and path.
//
//	GET /users/{id}/posts  ->  get_users_id_posts
func byPlace(method, path string) string {
	return cleaned(strings.ToLower(method) + strings.NewReplacer("{", "", "}", "").Replace(path))
}

// name is what an operation is called: its ID, or method and path. A name that
// another operation has gets method and path added, and where that is taken as
// well a hash of them, so that two never share one and each keeps its own.
func (a *API) name(id, method, path string) string {
	name := cleaned(id)
	if name == "" {
		name = byPlace(method, path)
	}
	if name != "" && !a.named[name] {
		return name
	}
	longer := strings.TrimPrefix(name+"_"+byPlace(method, path), "_")
	if id != "" && !a.named[longer] {
		return longer
	}
	sum := sha256.Sum256([]byte(method + " " + path))
	return name + "_" + hex.EncodeToString(sum[:5])
}

// Choice says which operations become tools. An element is an operation ID or
// the tool's name, "tag:NAME", or "METHOD PATH" (METHOD may be *); each may
// have * for any characters, in a path but for slashes, and ** for those too.
type Choice struct {
	Include []string // none means all
	Exclude []string // wins
}

// chooser remembers which elements were of use: one that never was is most
// likely misspelt.
type chooser struct {
	Choice
	used map[string]bool
}

func (c *chooser) takes(name, method, path string, op map[string]any) bool {
	fits := func(list []string) bool {
		found := false
		for _, element := range list {
			if matches(element, name, method, path, op) {
				c.used[element], found = true, true
			}
		}
		return found
	}
	excluded := fits(c.Exclude)
	return (len(c.Include) == 0 || fits(c.Include)) && !excluded
}

func (c *chooser) unused() []string {
	var all []string
	for _, element := range append(append([]string(nil), c.Include...), c.Exclude...) {
		if !c.used[element] {
			all = append(all, element)
		}
	}
	return all
}

func matches(element, name, method, at string, op map[string]any) bool {
	if tag, ok := strings.CutPrefix(element, "tag:"); ok {
		tags, _ := op["tags"].([]any)
		for _, t := range tags {
			if glob(tag, textOf(t)) {
				return true
			}
		}
		return false
	}
	if m, p, ok := strings.Cut(element, " "); ok && (strings.HasPrefix(p, "/") || strings.HasPrefix(p, "*")) {
		return (m == "*" || strings.EqualFold(m, method)) && glob(p, at)
	}
	return glob(element, name) || glob(element, textOf(op["operationId"]))
}

// glob matches * within a segment and ** across segments; all else is literal.
func glob(pattern, s string) bool {
	before, after, wide := strings.Cut(pattern, "**")
	if !wide {
		ok, err := path.Match(literal.Replace(pattern), s)
		return err == nil && ok
	}
	for i := range len(s) + 1 {
		if ok, err := path.Match(literal.Replace(before), s[:i]); err == nil && ok {
			for j := i; j <= len(s); j++ {
				if glob(after, s[j:]) {
					return true
				}
			}
		}
	}
	return false
}

var literal = strings.NewReplacer(`\`, `\\`, "[", `\[`, "?", `\?`)
