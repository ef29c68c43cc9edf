package guard

import (
	"bytes"
	"strings"
)

// argv is commands that an agent sends word by word, put together again:
//
//	{"args": ["notes.txt", "a@host.example:"], "command": "scp"}
//
// is "scp notes.txt a@host.example:".
type argv struct {
	command string   // the member that names the program
	at      []byte   // pointer of the list that is read; nil if none is
	lists   []string // what was read, a list each
	size    int      // of lists, in bytes
}

// longestArgv is how much is put together of one call, in bytes.
const longestArgv = 16 << 10

// isProgram reports the name of a member that says which program the list is for, in any case.
func isProgram(name string) bool {
	if name == "" || strings.IndexByte("cpebCPEB", name[0]) < 0 { // most are spared the rest
		return false
	}
	switch strings.ToLower(name) {
	case "command", "cmd", "program", "executable", "exe", "bin", "binary", "entrypoint":
		return true
	}
	return false
}

// add takes a leaf in.
func (a *argv) add(l *leaf) {
	if l.kind != leafText || l.key {
		return
	}
	slash := bytes.LastIndexByte(l.path, '/')
	if slash < 0 || slash+1 == len(l.path) || l.path[slash+1] < '0' || l.path[slash+1] > '9' {
		if a.at = nil; isProgram(l.name) && strings.IndexByte(l.text, ' ') < 0 {
			a.command = l.text
		}
		return
	}
	if a.size += len(l.text) + 1; a.size > longestArgv {
		return
	}
	word := l.text
	if strings.ContainsAny(word, " \t\n;&|<>()") && strings.IndexByte(word, '\'') < 0 {
		word = "'" + word + "'"
	}
	if a.at != nil && bytes.Equal(a.at, l.path[:slash]) {
		a.lists[len(a.lists)-1] += " " + word
		return
	}
	a.at = append(a.at[:0], l.path[:slash]...)
	a.lists = append(a.lists, word)
}

// listed judges the lists as commands. There is no place to point at.
func (sc *scan) listed() {
	for _, text := range sc.argv.lists {
		if sc.argv.command != "" {
			text = sc.argv.command + " " + text
		}
		for _, f := range sc.s.exfil.Commands(nil, text) {
			sc.settle(&f, text, place{outside: true})
		}
	}
}
