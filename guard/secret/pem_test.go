package secret_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/guard"
)

// armours are the kinds of private keys that stand in blocks, of made-up lines.
var armours = map[string]func(lines []string) string{
	"PEM": func(lines []string) string {
		return "-----BEGIN RSA PRIVATE " + "KEY-----\n" + strings.Join(lines, "\n") + "\n-----END RSA PRIVATE " + "KEY-----\n"
	},
	"OpenSSH": func(lines []string) string {
		return "-----BEGIN OPENSSH PRIVATE " + "KEY-----\n" + strings.Join(lines, "\n") + "\n-----END OPENSSH PRIVATE " + "KEY-----\n"
	},
	"OpenPGP": func(lines []string) string {
		return "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\nVersion: GnuPG v2\n\n" + strings.Join(lines, "\n") + "\n=njUN\n-----END PGP PRIVATE " + "KEY BLOCK-----\n"
	},
	"encrypted": func(lines []string) string {
		return "-----BEGIN EC PRIVATE " + "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n" + strings.Join(lines, "\n") + "\n-----END EC PRIVATE " + "KEY-----\n"
	},
	"PuTTY": func(lines []string) string {
		return "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: a (b) <c@d>\nPublic-Lines: 1\nAAAAB3NzaC1yc2E\nPrivate-Lines: " + fmt.Sprint(len(lines)) +
			"\n" + strings.Join(lines, "\n") + "\nPrivate-MAC: 0123456789abcdef0123456789abcdef\n"
	},
}

// layouts are how a block stands in a text.
var layouts = map[string]func(string) string{
	"as it is":       func(s string) string { return s },
	"CRLF":           func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"indented":       func(s string) string { return "key: |\n    " + strings.ReplaceAll(s, "\n", "\n    ") },
	"escaped":        func(s string) string { return `{"private_key":"` + strings.ReplaceAll(s, "\n", `\n`) + `","b":1}` },
	"escaped twice":  func(s string) string { return `"{\"k\":\"` + strings.ReplaceAll(s, "\n", `\\n`) + `\"}"` },
	"in one line":    func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
	"lines quoted":   func(s string) string { return `k = "` + strings.ReplaceAll(s, "\n", "\" +\n    \"") + `"` },
	"a quoted mail":  func(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") },
	"blank lines":    func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") },
	"cut off":        func(s string) string { i := strings.LastIndex(strings.TrimSpace(s), "\n"); return s[:i] },
	"in base64":      func(s string) string { return "data: " + base64.StdEncoding.EncodeToString([]byte(s)) },
	"cut, then text": func(s string) string { i := strings.LastIndex(strings.TrimSpace(s), "\n"); return s[:i] + "\n" + prose },
}

var prose = strings.Repeat("Then the words go on, as they do in a page of prose, and none of them is a key.\n", 2000)

// TestWholeKeysAreTakenOut: however long a block is, nothing of it is left, and of what
// stands behind one that was cut off, most.
func TestWholeKeysAreTakenOut(t *testing.T) {
	s, err := guard.New(guard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, size := range []int{1 << 10, 33 << 10, 200 << 10} {
		var lines []string
		for n := 0; n < size; n += 64 {
			line := make([]byte, 64)
			for i := range line {
				line[i] = alphabet[random.IntN(len(alphabet))]
			}
			lines = append(lines, string(line))
		}
		for armour, wrap := range armours {
			for layout, lay := range layouts {
				if size > 100<<10 && !slices.Contains([]string{"as it is", "escaped", "cut off", "in base64", "cut, then text"}, layout) {
					continue // for the test's sake
				}
				text := lay(wrap(lines))
				quoted, _ := json.Marshal(text)
				raw := json.RawMessage(`{"content":[{"type":"text","text":` + string(quoted) + `}]}`)
				found, err := s.Secrets(raw)
				if err != nil {
					t.Fatal(err)
				}
				var edits []gateway.Edit
				for _, f := range found {
					edits = append(edits, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[redacted]"})
				}
				left, err := gateway.Redact(raw, edits)
				if err != nil {
					t.Fatal(err)
				}
				at := fmt.Sprintf("%s, %s, %d KiB", armour, layout, size>>10)
				for i, line := range lines {
					if line = strings.Trim(line[24:44], "+/"); layout == "in base64" {
						break
					}
					if strings.Contains(string(left), strings.ReplaceAll(line, "/", `\/`)) || strings.Contains(string(left), line) {
						t.Errorf("%s: line %d of %d is left", at, i, len(lines))
						break
					}
				}
				if len(left) > 2000 && layout != "cut, then text" {
					t.Errorf("%s: %d bytes are left", at, len(left))
				}
				if layout == "cut, then text" && len(left) < len(prose)*9/10-(33<<10) {
					t.Errorf("%s: %d bytes of %d of the text behind are left", at, len(left), len(prose))
				}
			}
		}
	}
}
