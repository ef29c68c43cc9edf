package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"

	"toolward/rego"
)

// MaxFile is the largest policy or data file that is read, in bytes.
const MaxFile = 8 << 20

// file is one file of a revision. Library files have names that start with
// "toolward/", others are named as the user would.
type file struct {
	name    string
	content []byte
	library bool
}

// File is a file of a policy or of its data.
type File struct {
	Name string `json:"name"` // as problems and rules name it
	Text string `json:"text"`
}

// sources is everything a revision is made of.
type sources struct {
	modules []file // .rego, without tests
	tests   []file // _test.rego, and what the library has for them
	data    map[string]any
	files   []File // of the operator's: all but the library, in the order of the digest
	digest  string
	demo    bool // the embedded policy of a gateway without configuration
	own     bool // the library is the operator's
	exact   bool // OPA is asked about every call
}

// read reads library, policy and data. All problems are returned at once.
func read(o Options) (*sources, []Problem) {
	s := &sources{data: map[string]any{}, own: o.Library != "", exact: o.Exact}
	var ps []Problem
	library, err := readLibrary(o.Library)
	if err != nil {
		return nil, []Problem{{File: o.Library, Code: "library_unreadable", Severity: Error, Message: err.Error()}}
	}
	hash := sha256.New()
	add := func(f file) {
		fmt.Fprintf(hash, "%d %s %d\n", len(f.name), f.name, len(f.content))
		hash.Write(f.content)
		if !f.library {
			s.files = append(s.files, File{f.name, string(f.content)})
		}
		switch {
		case isTest(f.name), f.name == testHelper:
			s.tests = append(s.tests, f)
		case strings.HasSuffix(f.name, ".rego"):
			s.modules = append(s.modules, f)
		default:
			ps = append(ps, s.addData(f)...)
		}
	}
	for _, f := range library {
		add(f)
	}
	switch {
	case o.Files != nil:
		for _, f := range o.Files {
			add(file{name: f.Name, content: []byte(f.Text)})
		}
	case o.Path == "" && !o.Demo:
	case o.Path == "":
		s.demo = true
		add(file{name: "toolward/dev/dev.rego", content: rego.Dev})
	default:
		files, more := readTree(o.Path)
		ps = append(ps, more...)
		for _, f := range files {
			add(f)
		}
	}
	if o.Data != "" && o.Files == nil {
		content, p := readFile(o.Data)
		if p != nil {
			ps = append(ps, *p)
		} else {
			add(file{name: o.Data, content: content})
		}
	}
	s.digest = hex.EncodeToString(hash.Sum(nil))[:16]
	return s, ps
}

func readLibrary(dir string) ([]file, error) {
	var tree fs.FS = rego.Library
	if dir != "" {
		tree = os.DirFS(dir)
	}
	var files []file
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".rego") {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		files = append(files, file{name: "toolward/" + name, content: content, library: true})
		return err
	})
	return files, err
}

// readTree reads the .rego and data files of a directory (or one .rego file)
// in the order of their names. Directories behind symbolic links are not
// entered, so a loop ends, and are an error, so that no rule is left out in
// silence; files behind them are read, because that is how
// Kubernetes mounts a ConfigMap. Names that start with a dot are left out.
func readTree(root string) (files []file, ps []Problem) {
	problem := func(name string, err error) {
		ps = append(ps, Problem{File: name, Code: "policy_unreadable", Severity: Error, Message: reason(err)})
	}
	start, err := filepath.EvalSymlinks(root)
	if err != nil {
		problem(root, err)
		return nil, ps
	}
	err = filepath.WalkDir(start, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Join(root, strings.TrimPrefix(path, start))
		switch {
		case err != nil:
			problem(name, err)
			return nil
		case path != start && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.Type()&fs.ModeSymlink != 0 && leadsToFolder(path):
			problem(name, errors.New("a link to a directory, which is not followed: move the directory here"))
			return nil
		case d.IsDir() || !(strings.HasSuffix(name, ".rego") || isData(d.Name())):
			if strings.EqualFold(filepath.Ext(name), ".rego") && !d.IsDir() {
				problem(name, errors.New("only files that end with .rego, in small letters, are read"))
			}
			return nil
		}
		content, p := readFile(path)
		if p != nil {
			p.File = name
			ps = append(ps, *p)
			return nil
		}
		files = append(files, file{name: name, content: content})
		return nil
	})
	if err != nil {
		problem(root, err)
	}
	if len(files) == 0 && len(ps) == 0 {
		problem(root, errors.New("there is no .rego file here"))
	}
	return files, ps
}

func leadsToFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func libraryFile(name string) bool { return strings.HasPrefix(name, "toolward/") }

// testHelper is a library file that tests alone are given: it asks for decisions, so
// that with it every decision would depend on all of input.
const testHelper = "toolward/lib/test.rego"

func isTest(name string) bool { return strings.HasSuffix(name, "_test.rego") }

func isData(base string) bool {
	return base == "data.json" || base == "data.yaml" || base == "data.yml"
}

func readFile(name string) ([]byte, *Problem) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("not a regular file")
	case info.Size() > MaxFile:
		err = fmt.Errorf("larger than %d bytes", MaxFile)
	default:
		var content []byte
		if content, err = os.ReadFile(name); err == nil {
			return content, nil
		}
	}
	return nil, &Problem{File: name, Code: "policy_unreadable", Severity: Error, Message: reason(err)}
}

// reason is the error without the path, which the problem names itself.
func reason(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// reserved are the roots under data that policies and the library own. Data
// there could allow a call without any rule.
var reserved = []string{"toolward", "tools", "prompts", "resources", "servers", "gateway", "reverse"}

// addData merges a data file into the root of the data document. Files that
// name the same key at the top contradict each other.
func (s *sources) addData(f file) []Problem {
	problem := func(format string, args ...any) []Problem {
		return []Problem{{File: f.name, Code: "data_invalid", Severity: Error, Message: fmt.Sprintf(format, args...)}}
	}
	var doc any
	if err := util.Unmarshal(f.content, &doc); err != nil {
		return problem("%v", err)
	}
	object, ok := doc.(map[string]any)
	if !ok {
		return problem("the document must be an object")
	}
	var ps []Problem
	for key, value := range object {
		switch _, twice := s.data[key]; {
		case slices.Contains(reserved, key):
			ps = append(ps, problem("data.%s is for policies; data cannot define it", key)...)
		case twice:
			ps = append(ps, problem("data.%s is also defined by another file", key)...)
		default:
			s.data[key] = value
		}
	}
	return ps
}
