package exfil

import (
	"strings"

	"toolward/gateway"
	"toolward/guard/literal"
)

// A way is what a command does that may take data out of the house.
type way uint8

const (
	wayWeb       way = iota // requests of the web: curl, Invoke-RestMethod
	waySocket               // what it is fed goes to a host: nc, telnet
	wayCopy                 // copies files to a host: scp, rsync, aws s3 cp
	wayLogin                // runs commands on a host, which may write what they are fed: ssh
	wayPublish              // puts what it is given where others get it: gh gist, wormhole
	wayMail                 // mail and its subjects
	wayGit                  // pushes, and names and messages that are pushed
	wayLookup               // asks for a name, which reaches whoever answers for it: dig
	wayRun                  // runs what is quoted: sh -c, docker exec
	wayProgram              // runs a program that is quoted: python -c
	wayClipboard            // the clipboard, which is shared among machines
	wayLocal                // writes files, perhaps into a folder that is shared: cp, tee
)

// ways are the commands that are looked at.
var ways = func() map[string]way {
	m := map[string]way{}
	for w, names := range map[way]string{
		wayWeb:       "curl wget http https xh httpie iwr irm invoke-webrequest invoke-restmethod lynx aria2c start-bitstransfer bitsadmin send-mailmessage",
		waySocket:    "nc ncat netcat socat telnet openssl pwncat",
		wayCopy:      "scp rsync sftp rclone aws s3cmd s5cmd gsutil gcloud az azcopy mc kubectl oc lftp ftp tftp ncftpput smbclient b2 wput restic",
		wayLogin:     "ssh plink mosh dbclient",
		wayPublish:   "gh glab gist pastebinit wormhole croc ffsend magic-wormhole transfer wgetpaste termbin ipfs",
		wayMail:      "mail mailx mutt sendmail swaks msmtp s-nail",
		wayGit:       "git hub",
		wayLookup:    "dig nslookup host ping ping6 drill getent resolvectl resolve-dnsname traceroute kdig",
		wayRun:       "sh bash zsh dash ksh ash fish pwsh powershell cmd su docker podman nerdctl parallel watch script wsl find",
		wayProgram:   "python python2 python3 node nodejs deno bun ruby perl php lua",
		wayClipboard: "pbcopy xclip xsel wl-copy clip set-clipboard",
		wayLocal:     "cp mv tee install copy copy-item move-item xcopy robocopy ln",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = w
		}
	}
	return m
}()

// known reports whether a command is looked at.
func known(name string) bool {
	_, ok := ways[name]
	return ok
}

// hints are what stands in every text that is read as commands, lower case: the
// other texts are spared that. A name of a command is one unless another name or
// the address "https://" goes on behind it.
var hints = func() map[string]hint {
	all := map[string]hint{}
	for name, w := range ways {
		switch {
		case w == wayProgram:
			all[name+" "] = runsProgram
		case w == wayLocal, w == wayRun: // of no interest unless one of the others is there too
		case len(name) <= 4:
			for _, behind := range []string{" ", "\t", "\" ", "' "} {
				all[name+behind] = alone
			}
		default:
			all[name] = named
		}
	}
	for _, text := range requests {
		all[text] = inProgram
	}
	for _, text := range []string{"/dev/tcp/", "/dev/udp/", "urllib", "requests.", "http.client", "httpx", "fetch(", "axios", "https.request", "net.connect", "net::http", "create_connection", ".connect(", "io::socket", "urlopen(",
		"uploadstring", "uploadfile", "uploaddata", "file_get_contents", "dropbox", "onedrive", "google drive", "googledrive", "mobile documents", "icloud", "nextcloud", "syncthing"} {
		all[text] = alone
	}
	return all
}()

// hint is what it takes for a text to be read.
type hint uint8

const (
	alone       hint = iota
	named            // the name ends there
	runsProgram      // what a program may do, too …
	inProgram        // … and the other way round
)

// hasCommand reports whether a text has one of the hints, not within a word.
func (d *Detector) hasCommand(text string) bool {
	program, request := false, false
	var few [32]literal.Hit
	for _, hit := range d.commands.Find(text, few[:0]) {
		lit, end := d.hints[hit.Literal], int(hit.End)
		if start := end - len(lit); start > 0 && alnum(text[start-1]) && letter(lit[0]) {
			continue
		}
		switch hints[lit] {
		case alone:
			return true
		case named:
			if end == len(text) || !alnum(text[end]) && text[end] != ':' && text[end] != '_' && text[end] != '-' {
				return true
			}
		case runsProgram:
			program = true
		case inProgram:
			request = true
		}
		if program && request {
			return true
		}
	}
	return broken(text, '\\') || broken(text, '"') || broken(text, '\'')
}

// longestName is the most bytes of a command's name that has signs in it.
const longestName = 48

// broken reports whether a sign that a shell takes away stands within the name of
// a command.
//
//	cu\rl -d @file    c"ur"l -d @file    n''c host 9
func broken(text string, sign byte) bool {
	for at := 0; ; {
		i := strings.IndexByte(text[at:], sign)
		if i < 0 {
			return false
		}
		i += at
		at = i + 1
		if i == 0 || at == len(text) || !letter(text[i-1]) || !letter(text[at]) && text[at] != sign {
			continue
		}
		from, to := i, at
		for from > 0 && i-from < longestName && unquoted(text[from-1]) {
			from--
		}
		for to < len(text) && to-i < longestName && unquoted(text[to]) {
			to++
		}
		at = to
		if known(withoutSigns(text[from:to])) {
			return true
		}
	}
}

// withoutSigns is a word as a shell reads it.
func withoutSigns(word string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`\"'`, r) {
			return -1
		}
		return r
	}, word)
}

// unquoted reports a letter, a digit, or a sign that a shell takes away.
func unquoted(c byte) bool { return alnum(c) || c == '-' || c == '\\' || c == '"' || c == '\'' }

// deepest is how often what is quoted is read as commands again: sh -c 'sh -c …'.
const deepest = 3

// sent is the worst of a rule in a text.
type sent struct {
	weight weight
	by     string // the command, as findings show it
	lo, hi int
}

// Commands appends what a text does as a command line, and nothing else of it: for
// lists of arguments that were put together.
func (d *Detector) Commands(dst []gateway.Finding, text string) []gateway.Finding {
	if !d.hasCommand(text) {
		return dst
	}
	s := scan{text: text, t: Text{Text: text, Sent: true}, out: dst}
	s.commands()
	return s.out
}

// commands reads a text as a shell would, and notes the worst of each rule: a
// script that copies a hundred files is one finding.
func (s *scan) commands() {
	s.worst = map[string]sent{}
	s.read(s.text, 0, 0, 0)
	for _, rule := range []string{RuleUpload, RuleRemote, RuleMessage, RuleHost} {
		w, ok := s.worst[rule]
		if !ok {
			continue
		}
		severity, score := w.weight.severity()
		s.out = append(s.out, gateway.Finding{Kind: gateway.FindingExfil, Rule: rule, Span: [2]int{w.lo, w.hi}, Severity: severity, Score: score, Sample: w.by})
	}
}

// read judges every pipeline of a text. One within another stands at lo to hi.
func (s *scan) read(text string, depth, lo, hi int) {
	p := shell{text: text}
	for {
		for p.at < len(p.text) && blank(p.text[p.at]) {
			p.at++
		}
		from := p.at
		all := p.pipeline(s.pipe[:0])
		if len(all) == 0 {
			return
		}
		if depth == 0 {
			s.pipe, lo, hi = all, from, min(all[len(all)-1].hi, len(s.text))
		}
		for i := range all {
			s.next = all[i+1:]
			s.command(all[:i+1], depth, lo, max(hi, lo+1))
			all[i].flow = passes(all[:i+1])
		}
		if depth > 0 {
			continue
		}
		s.pipe = all[:0]
	}
}

// note keeps what is worse than what is known of a rule.
func (s *scan) note(rule string, w weight, by string, lo, hi int) {
	if w > s.worst[rule].weight {
		s.worst[rule] = sent{w, by, lo, hi}
	}
}

// command judges the last command of a pipeline.
func (s *scan) command(all []command, depth, lo, hi int) {
	c := &all[len(all)-1]
	s.expand(c)
	s.assign(all)
	if depth < deepest {
		for _, sub := range c.subs {
			s.nested(sub, depth+1, lo, hi)
		}
	}
	s.targets(all, lo, hi)
	name, args := c.name()
	if len(name) < 2 {
		return
	}
	w, ok := ways[name]
	if !ok && strings.Contains(name, "-") {
		w, ok = ways[strings.ToLower(name)] // PowerShell's, in any case
	}
	if !ok {
		if len(all) == 1 && depth == 0 { // a pipeline is looked at once
			s.called(lo, hi)
		}
		return
	}
	if name == "kubectl" || name == "oc" {
		if !has(args, "cp") {
			w = wayRun
		}
	}
	switch w {
	case wayWeb:
		s.web(all, name, args, lo, hi)
	case waySocket:
		s.socket(all, name, args, lo, hi)
	case wayCopy:
		s.copied(all, name, args, lo, hi)
	case wayLogin:
		if c.fed || len(c.in) > 0 {
			s.note(RuleUpload, max(routine, min(reads(all), output), takenOnly(reads(all))), name, lo, hi)
		}
	case wayPublish:
		s.publish(all, name, args, lo, hi)
	case wayMail:
		s.mail(all, name, args, lo, hi)
	case wayGit:
		s.git(c, args, lo, hi)
	case wayLookup:
		s.lookup(c, name, args, lo, hi)
	case wayClipboard:
		if reads(all) == taken {
			s.note(RuleUpload, output, name, lo, hi)
		}
	case wayLocal:
		s.local(all, name, args, lo, hi)
	case wayProgram:
		for _, a := range args {
			s.program(a, name, lo, hi)
		}
	}
	if w == wayRun || w == wayLogin {
		s.quoted(c, args, depth, lo, hi)
	}
}

// takenOnly is taken if w is, so that keys keep their weight where the rest is capped.
func takenOnly(w weight) weight {
	if w == taken {
		return taken
	}
	return nothing
}

// quoted reads what a command runs: sh -c "…", docker exec NAME curl …
func (s *scan) quoted(c *command, args []string, depth, lo, hi int) {
	if depth >= deepest {
		return
	}
	for i, a := range args {
		if strings.IndexByte(a, ' ') > 0 {
			s.nested(a, depth+1, lo, hi)
			continue
		}
		if w, ok := ways[a]; ok && w != wayLocal {
			rest := *c
			rest.words = args[i:]
			s.command([]command{rest}, depth+1, lo, hi)
			return
		}
	}
}

// nested reads commands in a word, with a buffer of their own.
func (s *scan) nested(text string, depth, lo, hi int) {
	pipe, next := s.pipe, s.next
	s.pipe = nil
	s.read(text, depth, lo, hi)
	s.pipe, s.next = pipe, next
}
