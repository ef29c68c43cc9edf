package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed packages.txt
var packagesText string

// pkg is a package that is there.
type pkg struct {
	name    string // "npm/yargs", "deb/git", "go/golang.org/x/text"
	version string
	licence string
	dir     string
}

// fetch gets every package that is not there yet, and lists all.
func fetch(out string) ([]pkg, error) {
	dir := filepath.Join(out, "packages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	packages, err := modules()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(packagesText) {
		from, names, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || from[0] == '#' {
			continue
		}
		for name := range strings.FieldsSeq(names) {
			p := pkg{name: from + "/" + name, dir: filepath.Join(dir, from+"+"+strings.ReplaceAll(name, "/", "+"))}
			if _, err := os.Stat(p.dir); errors.Is(err, os.ErrNotExist) {
				if err := get(from, name, dir, p.dir); err != nil {
					return nil, fmt.Errorf("%s: %w", p.name, err)
				}
			}
			if err := p.describe(from, name); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// modules are the Go modules that this one is built of, which go.sum holds fast.
func modules() ([]pkg, error) {
	list, err := exec.Command("go", "list", "-m", "-json", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []pkg
	for d := json.NewDecoder(bytes.NewReader(list)); ; {
		var m struct {
			Path, Version, Dir string
			Main               bool
		}
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if m.Main || m.Dir == "" {
			continue // not needed for the build, so not in the cache
		}
		packages = append(packages, pkg{"go/" + m.Path, m.Version, goLicence(m.Dir), m.Dir})
	}
}

// goLicence is the first line of a module's licence.
func goLicence(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "[Ll][Ii][Cc][Ee][Nn][SsCc]*")) // the pattern is well-formed
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil {
			for line := range strings.Lines(string(text)) {
				if line = strings.Trim(line, " #*\r\n\t"); line != "" {
					return line
				}
			}
		}
	}
	return "see the module"
}

// get downloads a package and unpacks it to a folder, all or nothing.
func get(from, name, dir, to string) error {
	tmp, err := os.MkdirTemp(dir, "part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	command := exec.Command("npm", "pack", "--silent", name)
	if from == "deb" {
		command = exec.Command("apt-get", "download", "-q", name)
	}
	command.Dir = tmp
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, text)
	}
	archives, _ := filepath.Glob(filepath.Join(tmp, "*.*"))
	if len(archives) != 1 {
		return fmt.Errorf("%s left %d files", command, len(archives))
	}
	files := filepath.Join(tmp, "files")
	if from == "deb" {
		if text, err := exec.Command("dpkg-deb", "-R", archives[0], files).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg-deb: %w: %s", err, text)
		}
	} else if err := untar(archives[0], files); err != nil {
		return err
	}
	return os.Rename(files, to)
}

// untar unpacks the regular files of a package of npm.
func untar(archive, to string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(to) // no name leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		_, name, _ := strings.Cut(h.Name, "/") // the folder is "package", or another name
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		w, err := root.Create(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, tr)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
}

// describe reads a package's version and licence.
func (p *pkg) describe(from, name string) error {
	if from == "npm" {
		var about struct {
			Version string
			License any
		}
		text, err := os.ReadFile(filepath.Join(p.dir, "package.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &about); err != nil {
			return err
		}
		p.version, p.licence = about.Version, fmt.Sprint(about.License)
		return nil
	}
	control, err := os.ReadFile(filepath.Join(p.dir, "DEBIAN/control"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(control)) {
		if version, ok := strings.CutPrefix(line, "Version: "); ok {
			p.version = strings.TrimSpace(version)
		}
	}
	return p.debLicence(name)
}

// debLicence lists the licences that a package's copyright file names (DEP 5).
func (p *pkg) debLicence(name string) error {
	text, err := os.ReadFile(filepath.Join(p.dir, "usr/share/doc", name, "copyright"))
	if errors.Is(err, os.ErrNotExist) {
		p.licence = "see the source package" // its folder is a link to that of another
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if l, ok := strings.CutPrefix(line, "License: "); ok {
			names = append(names, strings.TrimSpace(l))
		}
	}
	slices.Sort(names)
	if p.licence = strings.Join(slices.Compact(names), ", "); p.licence == "" {
		p.licence = "see its copyright file"
	}
	return err
}
