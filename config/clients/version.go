package clients

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// launcher is a program that fetches what it starts: the newest, unless it is told a
// version.
type launcher struct {
	words  string                              // that its command line has, as "uv tool run"
	by     []string                            // flags whose value is what is fetched
	valued []string                            // flags that have another value
	moving func(string) (name string, ok bool) // what is fetched, without a version that is fixed
	fixed  string                              // behind the name, what fixes the version
	npm    bool                                // npx keeps what it has fetched where it can be found
}

var launchers = []launcher{
	{words: "npx", by: []string{"-p", "--package"}, valued: npmFlags, moving: npmMoving, fixed: "@VERSION", npm: true},
	{words: "npm exec", by: []string{"-p", "--package"}, valued: npmFlags, moving: npmMoving, fixed: "@VERSION", npm: true},
	{words: "npm x", by: []string{"-p", "--package"}, valued: npmFlags, moving: npmMoving, fixed: "@VERSION", npm: true},
	{words: "bunx", by: []string{"-p", "--package"}, moving: npmMoving, fixed: "@VERSION"},
	{words: "bun x", by: []string{"-p", "--package"}, moving: npmMoving, fixed: "@VERSION"},
	{words: "pnpx", by: []string{"--package"}, moving: npmMoving, fixed: "@VERSION"},
	{words: "pnpm dlx", by: []string{"--package"}, moving: npmMoving, fixed: "@VERSION"},
	{words: "yarn dlx", by: []string{"-p", "--package"}, moving: npmMoving, fixed: "@VERSION"},
	{words: "uvx", by: []string{"--from"}, valued: uvFlags, moving: pythonMoving, fixed: "==VERSION"},
	{words: "uv tool run", by: []string{"--from"}, valued: uvFlags, moving: pythonMoving, fixed: "==VERSION"},
	{words: "pipx run", by: []string{"--spec"}, valued: []string{"--python", "--index-url", "-i", "--pip-args"}, moving: pythonMoving, fixed: "==VERSION"},
	{words: "docker run", valued: dockerFlags, moving: imageMoving, fixed: ":TAG, or @sha256:DIGEST"},
	{words: "podman run", valued: dockerFlags, moving: imageMoving, fixed: ":TAG, or @sha256:DIGEST"},
}

var (
	npmFlags    = []string{"--registry", "--cache", "--userconfig", "-w", "--workspace", "--prefix", "--loglevel"}
	uvFlags     = []string{"--with", "-p", "--python", "--index", "--index-url", "-i", "--default-index", "--with-editable", "--with-requirements", "-w", "--directory", "--project", "--cache-dir", "--config-file", "--env-file", "-c", "--constraints"}
	dockerFlags = []string{"-e", "--env", "--env-file", "-v", "--volume", "--mount", "--name", "--network", "--net", "-p", "--publish", "-w", "--workdir", "-u", "--user", "--entrypoint",
		"-l", "--label", "-m", "--memory", "--cpus", "--add-host", "--platform", "--pull", "-h", "--hostname", "--cap-add", "--cap-drop", "--security-opt", "--device", "--restart",
		"--tmpfs", "--gpus", "--ulimit", "--dns", "--log-driver", "--log-opt", "--shm-size", "--runtime", "--ipc", "--pid", "--pids-limit", "--stop-timeout", "--volumes-from", "--userns", "-a", "--attach"}

	// npmPackage is a package without a version, or with a moving one.
	npmPackage    = regexp.MustCompile(`^((?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*)(?:@(?:latest|next)?)?$`)
	pythonPackage = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?)(?:@latest)?$`)
	imageName     = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._:/-]*$`)
)

func npmMoving(s string) (string, bool) { return first(npmPackage.FindStringSubmatch(s)) }

func pythonMoving(s string) (string, bool) { return first(pythonPackage.FindStringSubmatch(s)) }

func first(m []string) (string, bool) {
	if m == nil {
		return "", false
	}
	return m[1], true
}

// imageMoving: what is behind the last slash has the tag; a registry's port is before it.
//
//	localhost:5000/mcp/github, mcp/github:latest → …mcp/github
func imageMoving(s string) (string, bool) {
	dir, base := path.Split(s)
	name, tag, tagged := strings.Cut(base, ":")
	return dir + name, imageName.MatchString(s) && (!tagged || tag == "latest")
}

// launched finds what a command line fetches: who does, and which argument names it,
// at an offset within the argument.
func launched(command string, args []string) (l *launcher, at, offset int) {
	words := append([]string{strings.TrimSuffix(strings.TrimSuffix(filepath.Base(command), ".exe"), ".cmd")}, args...)
	for begin := range min(len(words), 3) { // cmd /c npx …
		for i := range launchers {
			l := &launchers[i]
			if own := strings.Fields(l.words); begin+len(own) < len(words) && slices.Equal(words[begin:begin+len(own)], own) {
				if at, offset, ok := l.operand(args, begin+len(own)-1); ok {
					return l, at, offset
				}
				return nil, 0, 0
			}
		}
	}
	return nil, 0, 0
}

// operand is the argument that names what is fetched: the first that is no flag, or a
// flag's value.
func (l *launcher) operand(args []string, from int) (at, offset int, ok bool) {
	for i := from; i < len(args); i++ {
		flag, _, inline := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--":
		case !strings.HasPrefix(args[i], "-"):
			return i, 0, true
		case slices.Contains(l.by, flag) && inline:
			return i, len(flag) + 1, true
		case slices.Contains(l.by, flag):
			return i + 1, 0, i+1 < len(args)
		case slices.Contains(l.valued, flag) && !inline:
			i++
		}
	}
	return 0, 0, false
}

// Unfixed says that a command line fetches whatever version is the newest, and how its
// version is fixed; "" if it does not, or fixes it.
//
//	npx -y @scope/server   the version of @scope/server is not fixed: write @scope/server@VERSION, …
func Unfixed(command string, args []string) string {
	l, at, offset := launched(command, args)
	if l == nil {
		return ""
	}
	name, ok := l.moving(args[at][offset:])
	if !ok {
		return ""
	}
	return "the version of " + name + " is not fixed: write " + name + l.fixed + ", or its tools can change whenever it is started"
}

// pin names the version that a client has been starting. Without one the newest is
// fetched, and the tools' definitions change when nobody expects it.
//
//	npx -y @scope/server → npx -y @scope/server@1.2.3
func (b *builder) pin(command string, args []string) {
	note := Unfixed(command, args)
	if note == "" || b.opt.Installed == nil {
		return
	}
	l, at, offset := launched(command, args)
	name, _ := l.moving(args[at][offset:])
	if version := b.opt.Installed(name); l.npm && version != "" {
		args[at] = args[at][:offset] + name + "@" + version
		return
	}
	b.warn("%s", note)
}
