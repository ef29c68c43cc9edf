package exfil

import (
	"strings"
)

// values are words for what is worth taking: beside one, a value is one.
var values = set("password", "passwd", "passwort", "passphrase", "pwd", "secret", "secrets", "token", "apikey", "iban", "ssn", "salary", "balance", "account", "card", "cvv", "pin", "owner", "patient", "diagnosis", "confidential",
	"credential", "credentials", "username", "login", "phone", "email", "address", "birthday", "passport", "customer", "revenue", "loss", "mrn", "dob")

// copulas are words of sentences that stand in no name.
var copulas = set("is", "was", "are", "equals", "our", "my", "his", "her", "their", "ist", "est")

// infrastructure are the ends of names of machines that say a lot: regions,
// branches, pods.
var infrastructure = []string{".amazonaws.com", ".cluster.local", ".windows.net", ".azure.com", ".azurewebsites.net", ".googleapis.com", ".googleusercontent.com", ".run.app", ".in-addr.arpa", ".ip6.arpa", ".vercel.app", ".netlify.app", ".pages.dev",
	".cloudfront.net", ".appspot.com", ".herokuapp.com", ".fly.dev", ".internal", ".local", ".compute.amazonaws.com", ".digitaloceanspaces.com", ".akamaized.net", ".trafficmanager.net", ".github.dev", ".gitpod.io"}

// spoken weighs a name whose labels, left of the registered ones, say something:
// "jane-smith.account-0452491.balance-50000".
func spoken(labels []string, host string) weight {
	lower := strings.ToLower(host)
	for _, end := range infrastructure {
		if strings.HasSuffix(lower, end) {
			return nothing
		}
	}
	words, named, numbers, verbs := 0, 0, 0, 0
	for _, label := range labels {
		for part := range strings.FieldsFuncSeq(strings.ToLower(label), func(r rune) bool { return r == '-' || r == '_' }) {
			switch {
			case values[part]:
				named++
				words++
			case copulas[part]:
				verbs++
				words++
			case len(part) >= 2 && strings.IndexFunc(part, func(r rune) bool { return r < 'a' || r > 'z' }) < 0:
				words++
			case len(part) >= 4 && strings.Trim(part, "0123456789") == "":
				numbers++
			}
		}
	}
	switch {
	case named > 0 && verbs > 0 && words >= 3, named > 0 && numbers > 0 && words >= 3, named >= 2 && words >= 4, words >= 3 && numbers >= 2:
		return output
	case words >= 7:
		return routine
	}
	return nothing
}

// said reports whether a path says something in words: "/the/password/is/hunter2",
// "/jane-smith/account/045-2491-7987/balance/50000". An address of an API has names
// and one number: "/accounts/0452491/balance".
func said(path string) bool {
	if mostParts(path) < 4 && strings.IndexByte(path, '@') < 0 || strings.Count(path, "/") < 2 && !strings.ContainsAny(path, "-_+") {
		return false
	}
	words, named, numbers, verbs := 0, 0, 0, 0
	for segment := range strings.SplitSeq(strings.ToLower(path), "/") {
		if longNumber(segment) {
			numbers++
		}
		last := ""
		for part := range strings.FieldsFuncSeq(segment, parts) {
			switch {
			case values[part]:
				named++
			case copulas[part] && (part == segment || values[last]):
				verbs++
			case strings.Trim(part, "0123456789") == "":
				numbers++
			}
			words++
			last = part
		}
	}
	return named > 0 && verbs > 0 && words >= 4 || named >= 2 && numbers >= 3 && words >= 6 || email(path) && named > 0 && numbers > 0
}

// mostParts is how many words a path may have.
func mostParts(path string) int {
	n := 1
	for i := range len(path) {
		if !alnum(path[i]) && (path[i] == '/' || parts(rune(path[i]))) {
			n++
		}
	}
	return n
}

// parts reports a sign between the words of a path.
func parts(r rune) bool {
	switch r {
	case '-', '_', '+', '.', ',', ':', '=', ';', '~':
		return true
	}
	return false
}

// drops are services that keep what anybody sends them, for whoever has the address.
var drops = set("webhook.site", "requestbin.com", "requestbin.net", "pipedream.net", "hookbin.com", "beeceptor.com", "requestcatcher.com", "postb.in", "ngrok.io", "ngrok-free.app", "ngrok.app", "trycloudflare.com", "loca.lt", "serveo.net",
	"interact.sh", "oast.pro", "oast.live", "oast.fun", "oast.me", "oast.site", "oast.online", "burpcollaborator.net", "oastify.com", "dnslog.cn", "ceye.io", "canarytokens.com", "transfer.sh", "0x0.st", "ix.io", "paste.rs", "termbin.com",
	"bashupload.com", "file.io", "temp.sh", "oshi.at", "catbox.moe", "gofile.io", "pastebin.com", "dpaste.com", "dpaste.org", "hastebin.com", "paste.ee", "rentry.co", "sprunge.us", "clbin.com", "envs.sh", "x0.at", "uguu.se", "ntfy.sh")

// dropped reports whether a host is one of them, or below one.
func dropped(host string) bool {
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	for below := true; below; _, host, below = strings.Cut(host, ".") {
		if drops[host] {
			return true
		}
	}
	return false
}

// mailto judges what links to mail would write: "mailto:a@b.example?subject=…".
func (s *scan) mailto() {
	for at := 0; ; {
		i := strings.Index(s.text[at:], "mailto:")
		if i < 0 {
			return
		}
		lo := at + i
		hi := lo
		for hi < len(s.text) && s.text[hi] > ' ' && !strings.ContainsRune("\"'<>)", rune(s.text[hi])) {
			hi++
		}
		at = max(hi, lo+7)
		_, query, _ := strings.Cut(s.text[lo:hi], "?")
		for param := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(param, "=")
			if name = strings.ToLower(name); (name == "subject" || name == "body") && holds(unescape(value)) {
				severity, score := output.severity()
				s.add(RuleURL, severity, score, lo, hi, "")
				break
			}
		}
	}
}

// isFileName and isHeaderName report members whose value is a name or a header. They are
// asked about every member, and a switch is cheaper than a map.
func isFileName(member string) bool {
	switch member {
	case "path", "file", "filename", "file_name", "file_path", "filepath", "dest", "destination", "branch", "branch_name", "new_branch", "tag", "tag_name", "ref", "bucket", "key", "object", "folder":
		return true
	}
	return false
}

func isHeaderName(member string) bool {
	switch member {
	case "user-agent", "user_agent", "useragent", "cookie":
		return true
	}
	return false
}

// member judges values of members that a tool sends as a name or a header.
func (s *scan) member() {
	name, text := strings.ToLower(s.t.Name), s.text
	w := nothing
	switch {
	case len(text) > 1<<10:
	case isFileName(name):
		if base := text[strings.LastIndexAny(text, `/\`)+1:]; told(base) {
			w = routine
		}
	case isHeaderName(name), strings.HasPrefix(name, "x-") && !customary[name]:
		if tells(name, text) {
			w = output
		}
	case (name == "message" || name == "commit_message") && holds(withoutTrailers(text)):
		w = routine
	}
	if w > nothing {
		severity, score := w.severity()
		s.add(RuleMessage, severity, score, 0, len(text), "")
	}
}

// told reports whether the name of a file says something: words and a long number, or
// an address.
func told(base string) bool {
	if email(base) {
		return true
	}
	if !longNumber(base) {
		return false
	}
	n := 0
	for part := range strings.FieldsFuncSeq(base, func(r rune) bool { return strings.ContainsRune(" -_.,", r) }) {
		if len(part) >= 3 && strings.IndexFunc(part, func(r rune) bool { return r > 0x7f || !letter(byte(r)) }) < 0 {
			n++
		}
	}
	return n >= 3
}
