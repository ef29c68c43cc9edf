package exfil

import (
	"strings"

	"toolward/gateway"
)

// senders are commands that send what they are given, lower case.
var senders = []string{"curl", "wget", "ncat", "netcat", "nc ", "scp ", "rsync", "sftp", "invoke-webrequest", "invoke-restmethod", "iwr ", "telnet", "socat", "http.post", "requests.post", "sendmail", "mail -s"}

// uploads are ways to give a sender a file or another command's output.
var uploads = []string{"-d @", "-d@", "--data @", "--data=@", "--data-binary @", "--data-binary=@", "--data-raw @", "--data-urlencode @", "=@", "-t ", "--upload-file", "--post-file", "--body-file",
	"$(", "`", "| curl", "|curl", "| nc", "|nc", "| ncat", "| base64", "|base64", "| xxd", "< /", "</", "-infile", "/dev/tcp/"}

// sensitive are parts of paths that nobody uploads by the way.
var sensitive = []string{".ssh/", "id_rsa", "id_ed25519", ".env", ".aws/", "/etc/passwd", "/etc/shadow", "credentials", ".netrc", ".kube/config", ".gnupg", "keychain", ".npmrc", ".pypirc", "wallet", "cookies.sqlite", "login data", "printenv", "history"}

// lookups are commands that ask for a name, which is data on its way out if the
// name holds any.
var lookups = []string{"nslookup ", "dig ", "host ", "ping ", "drill ", "resolve-dnsname ", "getent hosts "}

// scriptHead is how much of a text is searched for commands: longer ones are
// scripts and documents.
const scriptHead = 8 << 10

// hasCommand reports whether one of the commands stands in a text, perhaps
// within a word: most texts are spared the rest.
func (d *Detector) hasCommand(text string) bool {
	_, _, found := d.commands.Next(text[:min(len(text), scriptHead)], 0, 0)
	return found
}

// commands judges what a shell would do.
func (s *scan) commands() {
	text := s.text[:min(len(s.text), scriptHead)]
	if !strings.ContainsAny(text, " ") {
		return
	}
	lower := strings.ToLower(text)
	s.lookup(lower)
	at := -1
	for _, c := range senders {
		if i := strings.Index(lower, c); i >= 0 && (at < 0 || i < at) && (i == 0 || !alnum(lower[i-1])) {
			at = i
		}
	}
	if at < 0 || !strings.Contains(lower, ".") && !strings.Contains(lower, "/dev/tcp") {
		return
	}
	uploaded := false
	for _, u := range uploads {
		if u == "-t " && !strings.Contains(text, "-T ") {
			continue
		}
		uploaded = uploaded || strings.Contains(lower, u)
	}
	if !uploaded {
		return
	}
	for _, p := range sensitive {
		if strings.Contains(lower, p) {
			s.add(RuleUpload, gateway.SeverityHigh, 0.9, 0, len(text), "")
			return
		}
	}
	if strings.Contains(lower, "://") || strings.HasPrefix(lower[at:], "nc") || strings.Contains(lower, "/dev/tcp") {
		s.add(RuleUpload, gateway.SeverityLow, 0.5, 0, len(text), "")
	}
}

// lookup judges the names that DNS commands ask for.
func (s *scan) lookup(lower string) {
	for _, c := range lookups {
		i := strings.Index(lower, c)
		if i < 0 || i > 0 && alnum(lower[i-1]) {
			continue
		}
		for _, word := range strings.Fields(s.text[i+len(c) : len(lower)]) {
			if !strings.Contains(word, ".") || strings.Contains(word, "://") {
				continue
			}
			if strings.Contains(word, "$(") || strings.Contains(word, "`") {
				s.add(RuleHost, gateway.SeverityHigh, 0.9, i, len(lower), "")
			} else {
				s.name(i, len(lower), strings.Trim(word, `"'.;`))
			}
			return
		}
	}
}
