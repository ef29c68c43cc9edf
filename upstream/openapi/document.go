package openapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// document is an OpenAPI document with the files beside it that it refers to,
// as maps, lists, texts, [json.Number], true, false and nil. Nothing changes
// them once they are read: parts are shared.
//
// It is read as a tree and not into types, so that each operation is judged
// alone: what is wrong, missing or new in one is no matter of the others.
type document struct {
	name   string // of the file
	root   map[string]any
	era    era
	note   string         // about the version, for the log; "" if there is nothing to say
	folder fs.FS          // what references may name; nil for nothing
	files  map[string]any // what was read, by path in the folder
	bytes  int            // of files
}

// era is the dialect of a document.
type era int

const (
	swagger2  era = iota // schemas as in 3.0, bodies and forms as parameters
	openapi30            // schemas that are nearly JSON Schema
	openapi31            // 3.1 and later: JSON Schema 2020-12
)

// What the files beside a document may come to.
const (
	maxFiles     = 1_000
	maxFileBytes = 64 << 20
)

func readDocument(raw []byte, name string, folder fs.FS) (*document, error) {
	tree, err := readTree(raw)
	if err != nil {
		return nil, fmt.Errorf("the OpenAPI document cannot be read: %w", err)
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("the OpenAPI document is not an object")
	}
	if name == "" {
		name = "the document"
	}
	d := &document{name: name, root: root, folder: folder, files: map[string]any{name: tree}}
	version := d.text("openapi")
	switch {
	case strings.HasPrefix(d.text("swagger"), "2"):
		d.era = swagger2
	case version == "3" || strings.HasPrefix(version, "3.0"):
		d.era = openapi30
	case strings.HasPrefix(version, "3.1"), strings.HasPrefix(version, "3.2"):
		d.era = openapi31
	case version != "" && version[0] >= '3' && version[0] <= '9':
		d.era, d.note = openapi31, "OpenAPI "+version+" is newer than 3.2 and is read as that"
	default:
		return nil, fmt.Errorf("it is no OpenAPI document of a version that is known: Swagger 2.0 and OpenAPI 3 are, it says %q", version)
	}
	return d, nil
}

// text is the text at a path of names; numbers are as they are written.
func (d *document) text(path ...string) string {
	at := any(d.root)
	for _, name := range path {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	return textOf(at)
}

func textOf(v any) string {
	if n, ok := v.(interface{ String() string }); ok {
		return n.String() // json.Number
	}
	s, _ := v.(string)
	return s
}

// place is a value of the document and the file that it stands in, which its
// references are relative to.
type place struct {
	file  string
	value any
}

func (d *document) at(v any) place { return place{d.name, v} }

// member is a member of an object, nil if it has none of that name.
func (p place) member(name string) place {
	m, _ := p.value.(map[string]any)
	return place{p.file, m[name]}
}

func (p place) list() []place {
	l, _ := p.value.([]any)
	all := make([]place, len(l))
	for i, v := range l {
		all[i] = place{p.file, v}
	}
	return all
}

func (p place) object() map[string]any {
	m, _ := p.value.(map[string]any)
	return m
}

// object follows references until there is an object that is none.
func (d *document) object(p place) (place, error) {
	const most = 16
	for range most {
		m, ok := p.value.(map[string]any)
		if !ok {
			return p, errors.New("expected an object")
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return p, nil
		}
		var err error
		if p, _, err = d.resolve(p.file, ref); err != nil {
			return p, err
		}
	}
	return p, errors.New("references go round in a circle")
}

// resolve is what a reference of a file leads to, and the one name of that
// place. Nothing outside of the document's folder is read, and nothing fetched.
//
//	#/components/schemas/Pet   #/paths/~1pets~1%7Bid%7D/get   ../models/pet.yaml#/Pet
func (d *document) resolve(from, ref string) (place, string, error) {
	lost := func(why string) (place, string, error) {
		return place{}, "", fmt.Errorf("reference %q %s", clip(ref, 200), why)
	}
	name, fragment, _ := strings.Cut(ref, "#")
	file := from
	if name != "" {
		u, err := url.Parse(name)
		if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/") {
			return lost("is not of a file beside the document: nothing is fetched")
		}
		if file = path.Join(path.Dir(from), u.Path); !fs.ValidPath(file) {
			return lost("leaves the folder of the document")
		}
	}
	at, err := d.file(file)
	if err != nil {
		return lost("cannot be followed: " + err.Error())
	}
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	p := place{file, at}
	if fragment != "" && fragment[0] != '/' {
		return lost("is no JSON pointer")
	}
	for _, token := range strings.Split(fragment, "/")[1:] {
		if p, err = d.step(p, unescapePointer.Replace(token)); err != nil {
			return lost("leads nowhere: " + err.Error())
		}
	}
	return p, p.file + "#" + fragment, nil
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// step goes to a member or element, and through a reference that is in the way.
func (d *document) step(p place, token string) (place, error) {
	switch v := p.value.(type) {
	case map[string]any:
		if sub, ok := v[token]; ok {
			return place{p.file, sub}, nil
		}
		if ref, ok := v["$ref"].(string); ok && !strings.HasSuffix(ref, token) {
			target, err := d.object(place{p.file, map[string]any{"$ref": ref}})
			if err != nil {
				return p, err
			}
			if sub, ok := target.object()[token]; ok {
				return place{target.file, sub}, nil
			}
		}
	case []any:
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v) {
			return place{p.file, v[i]}, nil
		}
	}
	return p, fmt.Errorf("there is no %q", clip(token, 100))
}

// file reads a file beside the document, once.
func (d *document) file(name string) (any, error) {
	if tree, ok := d.files[name]; ok {
		return tree, nil
	}
	if d.folder == nil || len(d.files) > maxFiles || d.bytes > maxFileBytes {
		return nil, errors.New("no more files are read")
	}
	raw, err := fs.ReadFile(d.folder, name)
	if err != nil {
		return nil, err
	}
	d.bytes += len(raw)
	tree, err := readTree(raw)
	if err != nil {
		return nil, err
	}
	d.files[name] = tree
	return tree, nil
}

// clip bounds a text for a message or a definition.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
