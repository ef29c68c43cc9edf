package secret

import (
	"strings"

	"toolward/gateway"
)

// command is a program that takes a password as an argument.
type command struct {
	name string // as it is called, its subcommand included
	flag string // what stands before the password
	user bool   // the value is user:password, or user%password
}

// commands are the programs whose short flags take a password (from their manual
// pages). Long ones, --password X, are announced by their word. mysql and 7z want
// the password joined to the flag; their lone -p asks for one.
var commands = []command{
	{"sshpass", "-p", false}, {"plink", "-pw", false}, {"pscp", "-pw", false}, {"psftp", "-pw", false}, {"putty", "-pw", false},
	{"redis-cli", "-a", false}, {"mongosh", "-p", false}, {"mongodump", "-p", false}, {"mongorestore", "-p", false}, {"cqlsh", "-p", false},
	{"mysql", "-p", false}, {"mysqldump", "-p", false}, {"mysqladmin", "-p", false}, {"mariadb", "-p", false}, {"mariadb-dump", "-p", false},
	{"sqlcmd", "-P", false}, {"bcp", "-P", false}, {"clickhouse-client", "--password", false},
	{"ldapsearch", "-w", false}, {"ldapmodify", "-w", false}, {"ldapadd", "-w", false}, {"ldapwhoami", "-w", false},
	{"7z", "-p", false}, {"7za", "-p", false}, {"unzip", "-P", false}, {"zip", "-P", false}, {"unrar", "-p", false},
	{"docker login", "-p", false}, {"podman login", "-p", false}, {"buildah login", "-p", false}, {"skopeo login", "-p", false}, {"helm registry login", "-p", false},
	{"az login", "-p", false}, {"oc login", "-p", false}, {"cf login", "-p", false}, {"ipmitool", "-P", false}, {"mosquitto_pub", "-P", false}, {"mosquitto_sub", "-P", false},
	{"xfreerdp", "/p:", false}, {"evil-winrm", "-p", false}, {"crackmapexec", "-p", false}, {"netexec", "-p", false},
	{"curl", "-u", true}, {"curl", "--user", true}, {"curl", "-U", true}, {"smbclient", "-U", true}, {"rpcclient", "-U", true}, {"http", "-a", true},
}

// commandsByName are the commands by their names, with the blank behind it.
var commandsByName = func() map[string][]command {
	m := map[string][]command{}
	for _, c := range commands {
		m[c.name+" "] = append(m[c.name+" "], c)
	}
	return m
}()

// maxCommand bounds how far behind a program's name its password is looked for,
// in bytes.
const maxCommand = 256

// scanCommand finds the password among a program's arguments. The name and a
// blank are s[start:end].
//
//	sshpass -p 'k9-Maus!' ssh ann@host    mysql -uroot -pk9Maus7 prod    curl -su ann:k9Maus7 https://x
func (c *scan) scanCommand(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	if start > 0 && (alnum[s[start-1]] || s[start-1] == '-' || s[start-1] == '_') {
		return dst
	}
	line := s[end:min(len(s), end+maxCommand)]
	if i := strings.IndexAny(line, "\n;|"); i >= 0 {
		line = line[:i]
	}
	for _, cmd := range commandsByName[foldString(s[start:end])] {
		for at := 0; ; {
			i := argument(line, at, cmd)
			if i < 0 {
				break
			}
			at = i
			from := skipAny(line, i, " \t\"'=\\", 4)
			to := valueEnd(line, from)
			if cmd.user {
				sign := strings.IndexAny(line[from:to], ":%")
				if sign < 0 {
					continue
				}
				from += sign + 1
			}
			if from < to && c.isPassword(line[from:to], true) {
				return append(dst, finding("secret.command-password", gateway.SeverityHigh, 0.8, end+from, end+to, ""))
			}
		}
	}
	return dst
}

// argument returns where the value of a command's flag begins in line[at:], or -1.
// Single letters may stand together before it, as in -su.
func argument(line string, at int, cmd command) int {
	for at < len(line) {
		i := strings.IndexByte(line[at:], ' ')
		word := line[at:]
		if i >= 0 {
			word = line[at : at+i]
		}
		switch n := len(cmd.flag); {
		case strings.HasPrefix(word, cmd.flag):
			return at + n
		case n == 2 && cmd.user && len(word) > 2 && word[0] == '-' && word[1] != '-' && word[len(word)-1] == cmd.flag[1]:
			return at + len(word)
		}
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	return -1
}
