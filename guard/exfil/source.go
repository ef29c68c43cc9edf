package exfil

import (
	"strings"

	"toolward/gateway"
	"toolward/guard/literal"
)

// weight is how much it means that something leaves.
type weight uint8

const (
	nothing weight = iota
	routine        // what developers do all day: a build to the usual host
	output         // what a command printed, or a file, by a way that is rarely routine work
	taken          // what nobody sends by the way: keys, histories, environments
)

// severity and score of a finding: policy decides by them, and under a half it
// counts as routine.
func (w weight) severity() (gateway.Severity, float64) {
	switch w {
	case taken:
		return gateway.SeverityHigh, 0.9
	case output:
		return gateway.SeverityMedium, 0.6
	}
	return gateway.SeverityLow, 0.4
}

// sensitive are parts of the paths of what nobody uploads by the way, lower case.
var sensitive = []string{".ssh/", "id_rsa", "id_ed25519", "id_ecdsa", ".aws/", "/etc/passwd", "/etc/shadow", "/etc/sudoers", ".netrc", ".kube/config", ".gnupg", "keychain", ".npmrc", ".pypirc",
	"wallet.dat", "cookies.sqlite", "login data", "logins.json", ".git-credentials", ".docker/config.json", "_history", ".pgpass", ".my.cnf", ".azure/", ".config/gcloud", "gh/hosts.yml", "/environ", "/run/secrets",
	"serviceaccount/token", "169.254.169.254", "metadata.google.internal", ".kdbx", ".p12", ".pfx", ".tfstate", "credentials.json", "credentials.csv", "master.key", "config/sam", "ntds.dit", "%appdata%", ".mozilla/", "user data/default"}

var sensitiveParts = literal.NewFinder(sensitive)

// namesSensitive reports whether one of them stands in a text.
func namesSensitive(s string) bool {
	var few [8]literal.Hit
	return len(sensitiveParts.Find(s, few[:0])) > 0
}

// samples is what the names of files have that hold no secrets although they look so.
var samples = []string{".pub", ".example", ".sample", ".template", ".dist", "known_hosts", "authorized_keys"}

// sensitivePath reports whether a word names something that nobody sends by the way.
func sensitivePath(word string) bool {
	w := strings.ReplaceAll(strings.ToLower(word), `\`, "/")
	for _, s := range samples {
		if strings.HasSuffix(w, s) {
			return false
		}
	}
	if namesSensitive(w) {
		return true
	}
	base := w[strings.LastIndexAny(w, `/\@=<:`)+1:]
	return base == ".env" || strings.HasPrefix(base, ".env.") || base == "shadow" && len(w) > 6
}

// identities are options whose value is a key to log in with or a file of settings,
// not what is sent.
var identities = func() map[string]map[string]bool {
	login := set("-i", "-o", "-e", "--rsh", "-F", "-S")
	web := set("--cert", "--key", "-E", "--cacert", "--netrc-file", "-K", "--config", "-c")
	files := set("--kubeconfig", "--config", "--credentials-file", "--profile", "--region", "-n", "--namespace")
	return map[string]map[string]bool{"ssh": login, "scp": login, "sftp": login, "rsync": login, "curl": web, "wget": web, "kubectl": files, "oc": files, "rclone": files, "aws": files, "gcloud": files}
}()

// takes reports whether a command reads something that nobody sends by the way.
func (c *command) takes() bool {
	c.weigh(0)
	return c.takesIt
}

// substituted weighs the substitutions of a command together.
func (c *command) substituted() weight {
	c.weigh(0)
	return c.printed
}

// weigh looks once at what a command reads, and what its substitutions print.
func (c *command) weigh(depth int) {
	if c.weighed {
		return
	}
	c.weighed = true
	c.printed = c.given
	if depth < deepest {
		for _, sub := range c.subs {
			c.printed = max(c.printed, inside(sub, depth+1))
		}
	}
	c.takesIt = c.printed == taken || c.names()
}

// names reports whether the words of a command name what nobody sends by the way.
func (c *command) names() bool {
	name, args := c.name()
	if (name == "env" || name == "printenv" || name == "export" && has(args, "-p")) || name == "" && has(c.words, "env") && len(c.words) == 1 {
		return true
	}
	identity := false
	for _, w := range args {
		if !identity && sensitivePath(w) {
			return true
		}
		identity = identities[name][w]
	}
	for _, f := range c.in {
		if sensitivePath(f) {
			return true
		}
	}
	return false
}

// harmless are commands whose output everybody knows, or that only write what they
// are given.
var harmless = set("uname", "lsb_release", "dpkg", "arch", "date", "nproc", "basename", "dirname", "pwd", "seq", "rpm", "mktemp", "tput", "echo", "printf", "go", "rustc", "getconf", "true",
	"which", "sleep", "yes", "node", "npm", "ldconfig", "expr", "openssl", "uuidgen", "jo", "brew", "python", "python3", "sed", "tr", "cut", "grep", "awk", "head", "tail", "jq", "sort", "wc", "curl", "wget",
	"gcloud", "az", "aws", "gh", "kubectl", "minikube", "docker", "git", "terraform", "vault", "op", "pass", "oc", "readlink", "realpath", "xargs")

// inside weighs what the commands of a substitution print, which is one of so many in
// each other.
func inside(sub string, depth int) weight {
	p := shell{text: sub}
	var all []command
	worst := nothing
	for {
		all = p.pipeline(all[:0])
		if len(all) == 0 {
			return worst
		}
		for i := range all {
			c := &all[i]
			c.weigh(depth)
			name, args := c.name()
			w := nothing
			switch {
			case c.takesIt:
				w = taken
			case name == "cat" && len(args) == 0 && len(c.in) == 0, harmless[name], name == "":
			case name == "cat":
				w = routine
			default:
				if letter(name[0]) {
					w = output
				}
			}
			worst = max(worst, w)
		}
	}
}

// reads weighs what comes into the last of the commands of a pipeline by pipes and
// redirections.
func reads(all []command) weight {
	c := &all[len(all)-1]
	worst := nothing
	for _, f := range c.in {
		switch {
		case sensitivePath(f):
			return taken
		case strings.HasPrefix(f, "<<<"):
			worst = max(worst, routine)
		case f != "</dev/null":
			worst = max(worst, output)
		}
	}
	if c.fed && len(all) > 1 {
		worst = max(worst, all[len(all)-2].flow)
	}
	return worst
}

// passes weighs what the last of the commands of a pipeline writes to the next.
func passes(all []command) weight {
	c := &all[len(all)-1]
	w := output
	switch name, args := c.name(); {
	case c.takes():
		return taken
	case name == "echo" || name == "printf" || name == "yes" || name == "":
		if w = c.substituted(); len(args) > 0 {
			w = max(w, routine)
		}
	}
	if len(all) > 1 { // in a parenthesis or a pipeline with it
		w = max(w, all[len(all)-2].flow)
	}
	return w
}

// holds reports whether a text that nobody needs to write has data in it: an
// address, a long number, a record.
func holds(s string) bool { return fields(s) || email(s) || longNumber(s) }

// longNumber reports whether nine digits or more stand together, single marks
// between them apart. Dates and times are passed over, and so are hashes.
func longNumber(s string) bool {
	digits, from := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			c := s[i]
			if c >= '0' && c <= '9' {
				if digits++; digits == 1 {
					from = i
				}
				continue
			}
			if digits > 0 && (c == '-' || c == ' ' || c == '.') && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
				continue
			}
		}
		if digits >= 9 && digits <= 34 && (from == 0 || !letter(s[from-1])) && (i == len(s) || !letter(s[i])) && !dated(s[from:i]) {
			return true
		}
		digits = 0
	}
	return false
}

// dated reports whether digits start with a date, or are a time in seconds or less.
func dated(s string) bool {
	return strings.HasPrefix(s, "20") || strings.HasPrefix(s, "19") || (len(s) == 10 || len(s) == 13) && s[0] == '1' || strings.Count(s, ".") >= 2
}
