package exfil

import (
	"slices"
	"strings"
)

// targets judges what output is redirected to: a socket of bash, a folder that
// others share.
func (s *scan) targets(all []command, lo, hi int) {
	c := &all[len(all)-1]
	for _, to := range c.out {
		if s.worst[RuleUpload].weight == taken {
			return
		}
		if tcp(to) {
			name, args := c.name()
			w := output
			switch {
			case c.takes() || reads(all) == taken:
				w = taken
			case c.both, c.fed, name != "echo" && name != "printf" && name != "":
			case len(args) == 0: // "echo > /dev/tcp/db/5432" asks whether somebody is there
				w = routine
			default:
				w = max(routine, c.substituted())
				if w < output && holds(strings.Join(args[:min(len(args), 64)], " ")) {
					w = output
				}
			}
			s.note(RuleUpload, w, "/dev/tcp", lo, hi)
		} else if shared(to) {
			w := routine
			if c.takes() {
				w = taken
			}
			s.note(RuleUpload, w, "a shared folder", lo, hi)
		}
	}
}

func tcp(path string) bool {
	return hasAnyPrefix(path, "/dev/tcp/", "/dev/udp/") && !hasAnyPrefix(path[len("/dev/tcp/"):], "localhost/", "127.0.0.1/")
}

// folders are parts of paths that other machines get copies of, lower case.
var folders = []string{"/dropbox/", "/onedrive", "\\onedrive", "\\dropbox\\", "google drive/", "googledrive", "/mobile documents/", "icloud drive", "icloud~", "/nextcloud/", "/syncthing/", "/sync/", "/box sync/", "gdrive/"}

func shared(path string) bool {
	lower := strings.ToLower(path)
	return slices.ContainsFunc(folders, func(f string) bool { return strings.Contains(lower, f) })
}

// local judges what is written to a folder that others share.
func (s *scan) local(all []command, name string, args []string, lo, hi int) {
	if len(args) == 0 || !shared(args[len(args)-1]) {
		return
	}
	w := routine
	if all[len(all)-1].takes() || reads(all) == taken {
		w = taken
	}
	s.note(RuleUpload, w, name+" to a shared folder", lo, hi)
}

// bodies are options of web clients that send a file or what follows them, lower case
// but for those of one letter.
var bodies = set("-d", "--data", "--data-binary", "--data-raw", "--data-urlencode", "--data-ascii", "--json", "-F", "--form", "-T", "--upload-file", "--post-file", "--body-file", "--post-data", "--body-data",
	"-infile", "-body", "-form", "/upload", "-attachments", "-source", "@")

// headers are options whose value is a header, or one header's value.
var headers = set("-H", "--header", "-A", "--user-agent", "-b", "--cookie", "-e", "--referer", "-U", "-headers", "-useragent", "-websession")

// web judges a request.
func (s *scan) web(all []command, name string, args []string, lo, hi int) {
	c := &all[len(all)-1]
	if here(args) {
		return
	}
	reading, upload, file := reads(all), false, false
	for i := 0; i < len(args); i++ {
		option, value, joined := strings.Cut(args[i], "=")
		if !strings.HasPrefix(option, "-") {
			option, joined = args[i], false
		}
		lower := option
		if len(option) > 2 {
			lower = strings.ToLower(option)
		}
		if len(option) > 2 && option[0] == '-' && option[1] != '-' && bodies[option[:2]] && !bodies[lower] { // "-d@file"
			lower, value, joined = option[:2], args[i][2:], true
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch {
		case headers[lower]:
			s.header(c, lower, value, name, lo, hi)
		case bodies[lower]:
			upload = true
			file = file || lower == "-T" || strings.HasSuffix(lower, "-file") || lower == "-infile" || lower == "/upload" || lower == "-attachments" || strings.HasPrefix(value, "@") || strings.Contains(value, "=@") || strings.Contains(value, "=<")
		case name == "http" || name == "https" || name == "xh":
			file = file || strings.Contains(option, "@") && !strings.Contains(option, "://") || strings.Contains(args[i], "=@")
		}
	}
	worst := c.substituted()
	if n := len(args); n > 0 && bodies[strings.ToLower(args[n-1])] { // "-Body (Get-Content file)"
		for i := range s.next {
			if s.next[i].takes() {
				reading = taken
			} else if strings.HasPrefix(strings.ToLower(s.next[i].words0()), "get-") {
				worst = max(worst, output)
			}
		}
	}
	switch {
	case (upload || file) && (c.takes() || reading == taken), c.takes() && (len(c.subs) > 0 || c.given == taken), reading == taken:
		s.note(RuleUpload, taken, name, lo, hi)
	case worst == output, upload && reading == output && usesInput(args):
		s.note(RuleUpload, output, name, lo, hi)
	case file, upload && (worst > nothing || reading > nothing && usesInput(args)):
		s.note(RuleUpload, routine, name, lo, hi)
	}
}

// usesInput reports whether a web client sends what it is fed.
func usesInput(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "-" || a == "@-" || strings.HasSuffix(a, "=@-") || strings.HasSuffix(a, "@-") || a == "-T-" || strings.Contains(a, "/dev/stdin")
	})
}

// here reports whether a request or a connection stays on this machine.
func here(args []string) bool {
	found := false
	for _, a := range args {
		if i := strings.Index(a, "://"); i >= 0 {
			a = a[i+3:]
		}
		if hasAnyPrefix(a, "localhost", "127.0.0.1", "[::1]", "0.0.0.0") {
			found = true
		} else if strings.Contains(a, "://") {
			return false
		}
	}
	return found
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// socket judges what connects to a host and sends what it is fed.
func (s *scan) socket(all []command, name string, args []string, lo, hi int) {
	if name == "openssl" && !has(args, "s_client") || here(args) || has(args, "-z", "-zv", "-vz", "-zvw", "-zw1") {
		return
	}
	w := reads(all)
	for _, a := range args {
		lower := strings.ToLower(a)
		if hasAnyPrefix(lower, "exec:", "system:") || (a == "-e" || a == "-c" || a == "--exec" || a == "--sh-exec") && name != "openssl" && name != "telnet" {
			w = max(w, output)
		}
		if hasAnyPrefix(lower, "file:", "open:", "gopen:", "-u") && name == "socat" {
			w = max(w, output)
		}
		if sensitivePath(a) {
			w = taken
		}
	}
	if name == "openssl" || name == "telnet" {
		if w == routine { // "echo | openssl s_client", "echo QUIT | …"
			return
		}
	}
	if w > nothing {
		s.note(RuleUpload, w, name, lo, hi)
	}
}

// remote reports whether a word names a place on another machine.
func remote(w string) bool {
	if i := strings.Index(w, "://"); i > 0 {
		return !hasAnyPrefix(w, "file://")
	}
	i := strings.IndexByte(w, ':')
	return i > 1 && !strings.ContainsAny(w[:i], `/\ =`) && w[0] != '-' || strings.HasPrefix(w, `\\`)
}

// copied judges commands that copy files: what counts is that the place behind is
// another machine and the one before is not.
func (s *scan) copied(all []command, name string, args []string, lo, hi int) {
	var places []string
	for i := 0; i < len(args); i++ {
		if a := args[i]; a != "" && a[0] != '-' {
			places = append(places, a)
		} else if identities[name][a] || a == "-P" {
			i++
		}
	}
	w := routine
	if c := &all[len(all)-1]; c.takes() || reads(all) == taken {
		w = taken
	} else if c.substituted() == output {
		w = output
	}
	switch name {
	case "aws", "gsutil", "gcloud", "az", "s3cmd", "s5cmd", "mc", "b2", "azcopy", "rclone", "restic", "kubectl", "oc":
		if slices.ContainsFunc(places, func(p string) bool {
			return slices.Contains([]string{"cp", "mv", "sync", "rsync", "put", "upload", "upload-batch", "upload-file", "copy", "copyto", "move", "rcat", "mirror", "pipe", "backup", "put-object", "upload_file"}, p)
		}) {
			verb := slices.ContainsFunc(places, func(p string) bool {
				return strings.HasPrefix(p, "upload") || strings.HasPrefix(p, "put") || p == "rcat" || p == "pipe"
			})
			if verb || outward(places) {
				s.note(RuleUpload, w, name, lo, hi)
			}
		}
	case "sftp", "ftp", "lftp", "tftp", "ncftpput", "wput", "smbclient":
		quoted := strings.Join(args, " ")
		if reads(all) > nothing || name == "ncftpput" || name == "wput" || strings.Contains(quoted, "put ") || strings.Contains(quoted, "mirror -R") {
			s.note(RuleUpload, w, name, lo, hi)
		}
	default:
		if outward(places) {
			s.note(RuleUpload, w, name, lo, hi)
		}
	}
}

// outward reports whether the last of the places is on another machine, and the one
// before is not.
func outward(places []string) bool {
	n := len(places)
	return n >= 2 && remote(places[n-1]) && !remote(places[n-2])
}

// publish judges what puts a text where others get it.
func (s *scan) publish(all []command, name string, args []string, lo, hi int) {
	c := &all[len(all)-1]
	w := nothing
	switch {
	case (name == "gh" || name == "glab") && len(args) > 1:
		switch {
		case args[0] == "gist" && args[1] == "create" || args[0] == "snippet" && args[1] == "create":
			w = max(routine, reads(all))
		case args[0] == "release" && (args[1] == "upload" || args[1] == "create"):
			w = routine
		default:
			s.message(c, args, "gh "+args[0], lo, hi)
			return
		}
	case name == "ipfs" && !has(args, "add"), (name == "wormhole" || name == "croc") && len(args) > 0 && args[0] != "send", name == "gh" || name == "glab":
		return
	case name == "transfer" || name == "gist": // words, unless they are fed or given a file
		if !c.fed && len(c.in) == 0 && !slices.ContainsFunc(args, func(a string) bool { return strings.ContainsAny(a, "./") }) {
			return
		}
		w = max(routine, reads(all))
	default:
		w = max(routine, reads(all))
	}
	if c.takes() {
		w = taken
	}
	s.note(RuleUpload, w, name, lo, hi)
}

// mail judges what is mailed by a command.
func (s *scan) mail(all []command, name string, args []string, lo, hi int) {
	c := &all[len(all)-1]
	if !slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "@") || strings.HasPrefix(a, "-") }) {
		return // "mail the report"
	}
	w := reads(all)
	if has(args, "-a", "-A", "--attach", "--body") {
		w = max(w, routine)
	}
	if c.takes() {
		w = taken
	}
	if w > nothing {
		s.note(RuleUpload, w, name, lo, hi)
	}
	for i, a := range args {
		if (a == "-s" || a == "--subject" || a == "--h-Subject" || a == "--header") && i+1 < len(args) {
			s.said(c, args[i+1], name, lo, hi)
		}
	}
}

// requests and readers are how programs of one line send and read, lower case.
var (
	requests = []string{"urllib", "requests.", "http.client", "httpx", "socket", "fetch(", "axios", "http.request", "https.request", ".request(", "http.get", "https.get", "net.connect", "net::http", "open-uri", "lwp::", "http::tiny", "curl_", "fsockopen",
		"uploadstring", "uploadfile", "uploaddata", "smtplib", "ftplib", "paramiko", "xmlhttp", "file_get_contents('http", "file_get_contents(\"http"}
	readers = []string{"open(", "read", "environ", "process.env", "env[", "getenv", "subprocess", "popen", "system(", "exec", "glob", "walk(", "gethostname", "file.", "%env", "file_get_contents", "listdir", "getuser", "hostname"}
)

// program judges a program in a word: python -c "…".
func (s *scan) program(code, name string, lo, hi int) {
	if len(code) < minPayload || !strings.ContainsAny(code, "(.:") {
		return
	}
	lower := strings.ToLower(code)
	if !containsAny(lower, requests) || !containsAny(lower, readers) {
		return
	}
	w := output
	if namesSensitive(lower) || strings.Contains(lower, "environ") && !strings.Contains(lower, "environ[") && !strings.Contains(lower, "environ.get") {
		w = taken
	}
	if read := strings.ReplaceAll(lower, "urlopen(", ""); w == output && !containsAny(strings.ReplaceAll(read, ").read", ""), readers) {
		return // it shows what it fetched
	}
	s.note(RuleUpload, w, name, lo, hi)
}

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// called judges what is no command: a call in PowerShell, Python or JavaScript that
// sends a file that nobody sends by the way.
func (s *scan) called(lo, hi int) {
	line := s.text[lo:min(hi, len(s.text), lo+longestQuote)]
	lower := strings.ToLower(line)
	switch {
	case containsAny(lower, []string{"uploadstring(", "uploadfile(", "uploaddata("}):
		w := output
		if namesSensitive(lower) {
			w = taken
		}
		s.note(RuleUpload, w, "WebClient", lo, hi)
	case containsAny(lower, []string{"requests.post(", "requests.put(", "axios.post(", "fetch(", "urlopen(", "httpx.post("}) && namesSensitive(lower) && containsAny(lower, readers):
		s.note(RuleUpload, taken, "a program", lo, hi)
	}
}
