package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"
)

// text reads a string. A number or a date is taken as it is written, since
// YAML's guess at a type is not what the user meant.
func (d *decoder) text(to *string) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(textSchema()) {
			return
		}
		s, _, ok := d.scalar(n, path, "text")
		switch {
		case !ok:
		case n.Tag == "!!bool":
			d.fail(n, path, "expected text, got true or false; write it in quotes if it is meant")
		case s == "":
			d.fail(n, path, "is empty")
		default:
			*to = s
		}
	}
}

// path reads a file's name, relative to the configuration's directory.
func (d *decoder) path(to *string) reader {
	return func(n *yaml.Node, path string) {
		var s string
		d.text(&s)(n, path)
		if s != "" {
			*to = d.resolvePath(s)
		}
	}
}

// paths is texts for files.
func (d *decoder) paths(to *[]string) reader {
	return func(n *yaml.Node, path string) {
		d.texts(to)(n, path)
		for i, s := range *to {
			if s != "" {
				(*to)[i] = d.resolvePath(s)
			}
		}
	}
}

// program reads what is started: a name is looked for in PATH, and a path is
// relative to the configuration's directory, as all others.
func (d *decoder) program(to *string) reader {
	return func(n *yaml.Node, path string) {
		d.text(to)(n, path)
		if filepath.Base(*to) != *to {
			*to = d.resolvePath(*to)
		}
	}
}

func (d *decoder) resolvePath(s string) string {
	if filepath.IsAbs(s) || d.dir == "" || d.dir == "." {
		return s
	}
	return filepath.Join(d.dir, s)
}

// secret reads a string that is not shown, but for the name of the variable it
// came from: unless something longer than "Bearer " stands beside that.
func (d *decoder) secret(to *Secret) reader {
	return func(n *yaml.Node, path string) {
		d.masked(to)(n, path)
		d.hide(path, string(*to))
	}
}

// masked is secret for what may be none: it is not printed, and may be logged
// where nothing of it came from a variable.
func (d *decoder) masked(to *Secret) reader {
	return func(n *yaml.Node, path string) {
		d.text((*string)(to))(n, path)
		d.hide(path)
		if written, ok := d.shown[path]; ok && len(variables.ReplaceAllString(written, "")) > len("Bearer ") {
			d.shown[path] = mask
		}
	}
}

var variables = regexp.MustCompile(`\$\{(?:[A-Za-z0-9_]+|file:[^}]*)\}`)

// texts reads a list of strings; a single string is a list of one.
func (d *decoder) texts(to *[]string) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(orOne(textSchema())) {
			return
		}
		if n.Kind == yaml.ScalarNode {
			var s string
			d.text(&s)(n, path)
			if s != "" {
				*to = []string{s}
			}
			return
		}
		list := []string{}
		d.each(func(n *yaml.Node, path string) {
			var s string
			d.text(&s)(n, path)
			list = append(list, s)
		})(n, path)
		*to = list
	}
}

// words is texts, each of them one of a few.
func (d *decoder) words(to *[]string, valid ...string) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(orOne(wordSchema(valid))) {
			return
		}
		d.texts(to)(n, path)
		for i, w := range *to {
			if w != "" && !slices.Contains(valid, w) {
				at, m := path, d.marks[path]
				if n.Kind == yaml.SequenceNode {
					at = element(path, i)
					m = d.marks[at]
				}
				d.errorAt(m, at, fmt.Sprintf("unknown value %q", w), nearest(w, valid))
			}
		}
	}
}

// secrets reads names and secret values: headers, and an environment, of which
// only some names sound like secrets.
func (d *decoder) secrets(to *map[string]Secret, check func(string) error, secret func(name string) bool) reader {
	return func(n *yaml.Node, path string) {
		*to = map[string]Secret{}
		d.named(check, func(name string, n *yaml.Node, path string) {
			if d.describes(Schema{Type: []string{"string", "number"}}) {
				return
			}
			if n.Kind == yaml.ScalarNode && n.Value == "" && n.Tag == "!!str" {
				(*to)[name] = "" // an empty variable is something else than none
				return
			}
			var s Secret
			if secret(name) {
				d.secret(&s)(n, path)
			} else {
				d.masked(&s)(n, path)
			}
			(*to)[name] = s
		})(n, path)
	}
}

// args reads a command's arguments. What follows a flag that sounds like a
// secret is not printed.
func (d *decoder) args(to *[]string) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(Schema{Type: "array", Items: &Schema{Type: []string{"string", "number", "boolean"}}}) {
			return
		}
		*to = nil
		d.each(func(n *yaml.Node, path string) {
			s, variable, ok := d.scalar(n, path, "text")
			if !ok {
				return
			}
			*to = append(*to, s)
			if variable {
				d.hide(path)
				return
			}
			name, _, inline := strings.Cut(s, "=")
			switch before := len(*to) - 2; {
			case inline && soundsSecret(name):
				d.shown[path] = name + "=" + mask
				d.hide(path, strings.TrimPrefix(s, name+"="))
			case before >= 0 && soundsSecret((*to)[before]) && strings.HasPrefix((*to)[before], "-") && !strings.Contains((*to)[before], "="):
				d.shown[path] = mask
				d.hide(path, s)
			}
		})(n, path)
	}
}

func anyName(string) bool { return true }

func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, w := range []string{"token", "secret", "password", "passwd", "key", "auth", "header"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// choice reads one of a few words.
func (d *decoder) choice(to *string, valid ...string) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(wordSchema(valid)) {
			return
		}
		s, _, ok := d.scalar(n, path, "one of "+strings.Join(valid, ", "))
		switch {
		case !ok:
		case slices.Contains(valid, s):
			*to = s
		default:
			d.errorAt(mark{n.Line, n.Column}, path, fmt.Sprintf("unknown value %q", clip(n.Value)), nearest(s, valid))
		}
	}
}

func (d *decoder) flag(to *bool) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(flagSchema()) {
			return
		}
		s, expanded, ok := d.scalar(n, path, "true or false")
		if !ok {
			return
		}
		if n.Tag != "!!bool" && !expanded || s != "true" && s != "false" {
			d.fail(n, path, "expected true or false, got %s", kindOf(n))
			return
		}
		*to = s == "true"
	}
}

func (d *decoder) number(to *int, least, most int) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(numberSchema("integer", float64(least), float64(most))) {
			return
		}
		s, expanded, ok := d.scalar(n, path, "a whole number")
		if !ok {
			return
		}
		v, err := strconv.Atoi(s)
		switch {
		case err != nil, n.Tag != "!!int" && !expanded:
			d.fail(n, path, "expected a whole number, got %s", kindOf(n))
		case v < least || v > most:
			d.fail(n, path, "%d is not between %d and %d", v, least, most)
		default:
			*to = v
		}
	}
}

// fraction reads a number from 0 to 1.
func (d *decoder) fraction(to *float64) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(numberSchema("number", 0, 1)) {
			return
		}
		s, expanded, ok := d.scalar(n, path, "a number")
		if !ok {
			return
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0 && v <= 1) || n.Tag == "!!str" && !expanded {
			d.fail(n, path, "expected a number from 0 to 1")
			return
		}
		*to = v
	}
}

// parsed reads a value that has a syntax of its own.
func parsed[T any](d *decoder, to *T, want string, looks Schema, parse func(string) (T, error), check func(T) error) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(looks) {
			return
		}
		s, _, ok := d.scalar(n, path, want)
		if !ok {
			return
		}
		v, err := parse(s)
		if err == nil && check != nil {
			err = check(v)
		}
		if err != nil {
			d.fail(n, path, "%v", err)
			return
		}
		*to = v
	}
}

func (d *decoder) duration(to *time.Duration, least, most time.Duration) reader {
	return parsed(d, to, "a duration", durationSchema(least, most), ParseDuration, func(v time.Duration) error {
		if v < least || v > most {
			return fmt.Errorf("%s is not between %s and %s", showDuration(v), showDuration(least), showDuration(most))
		}
		return nil
	})
}

func (d *decoder) size(to *Size, least, most Size) reader {
	looks := written("^[0-9]+ *([KMG]i)?B$", fmt.Sprintf("such as 4MiB; from %s to %s", least, most))
	return parsed(d, to, "a size", looks, ParseSize, func(v Size) error {
		if v < least || v > most {
			return fmt.Errorf("%s is not between %s and %s", v, least, most)
		}
		return nil
	})
}

func (d *decoder) rate(to *Rate) reader {
	return parsed(d, to, "a rate", written("^ *0*[1-9][0-9]* */ *(s|min|h|d) *$", "such as 10/s or 600/min"), ParseRate, nil)
}

// url reads an absolute http(s) URL. Credentials in it would be shown wherever
// the URL is; a query may hold some, so it is not printed.
func (d *decoder) url(to *string) reader {
	return func(n *yaml.Node, path string) {
		if d.describes(written("^[Hh][Tt][Tt][Pp][Ss]?://", "an absolute http or https URL")) {
			return
		}
		var s string
		d.text(&s)(n, path)
		if s == "" {
			return
		}
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			d.fail(n, path, "expected an absolute http or https URL")
		case u.User != nil:
			d.errorAt(mark{n.Line, n.Column}, path, "a URL must not hold a user or password", "put credentials into headers, or into a file")
		case u.Fragment != "":
			d.fail(n, path, "a URL here has no fragment (#)")
		default:
			*to = s
			d.hide(path)
			for _, values := range u.Query() {
				d.hide(path, values...)
			}
			if _, variable := d.shown[path]; u.RawQuery != "" && !variable {
				u.RawQuery = ""
				d.shown[path] = u.String() + "?" + mask
			}
		}
	}
}

// address reads host:port of a listener. The host may be missing.
func (d *decoder) address(to *string) reader {
	return parsed(d, to, "an address", written(":[0-9]+$", "such as 127.0.0.1:8080"), func(s string) (string, error) {
		return s, checkAddress(s)
	}, nil)
}

func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > math.MaxUint16 {
		return fmt.Errorf("%q is not an address: write host:port, such as 127.0.0.1:8080", clip(s))
	}
	return nil
}

// showDuration writes a duration the way a person would.
func showDuration(v time.Duration) string {
	if day := 24 * time.Hour; v >= day && v%day == 0 {
		return strconv.Itoa(int(v/day)) + "d"
	}
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
