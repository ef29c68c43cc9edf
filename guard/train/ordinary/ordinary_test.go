package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKindsByPath(t *testing.T) {
	kinds, err := parseKinds(kindsText)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"README.md":                                "readme",
		"docs/README":                              "readme",
		"CHANGELOG.md":                             "changelog",
		"usr/share/doc/git/changelog.Debian.gz":    "changelog",
		"LICENSE":                                  "licence",
		"usr/share/man/man1/ls.1.gz":               "manual",
		"usr/share/man/de/man1/ls.1.gz":            "manual-l10n",
		"usr/share/man/pt_BR/man8/cron.8.gz":       "manual-l10n",
		"usr/share/locale/de/LC_MESSAGES/git.mo":   "strings",
		"locale/fr.json":                           "strings",
		"usr/share/i18n/charmaps/CP771.gz":         "charset",
		"unicode/tables.go":                        "charset",
		"fail2ban/tests/files/logs/sshd":           "log",
		"dist/jquery.min.js":                       "minified",
		"index.d.ts":                               "types",
		"lib/index.js":                             "code",
		"internal/escape.go":                       "code",
		"testdata/cases.yaml":                      "data",
		"manual/en/index.html":                     "docs",
		"etc/cron.d/php":                           "config",
		"logo.png":                                 "",
		"usr/bin/ls":                               "",
		"node_modules/.package-lock":               "",
		"lib/commonjs/newsletter.js":               "code", // not NEWS
		"src/historyapi.ts":                        "code", // not HISTORY
		"usr/share/doc/coreutils/NEWS.gz":          "changelog",
		"typescript/de/diagnosticMessages.gen.txt": "strings",
	} {
		got := ""
		if k := of(kinds, path); k >= 0 {
			got = kinds[k].name
		}
		if got != want {
			t.Errorf("%s is of kind %q, want %q", path, got, want)
		}
	}
}

func TestKindsThatAreNoTable(t *testing.T) {
	for _, text := range []string{"readme 1 2", "readme many 1 x", "readme 1 few x", "readme 1 1 (", "readme 1 1 x y"} {
		if _, err := parseKinds(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestLanguage(t *testing.T) {
	for path, want := range map[string]string{
		"usr/share/man/de/man1/ls.1.gz":          "de",
		"usr/share/man/pt_BR/man1/ls.1.gz":       "pt_BR",
		"usr/share/man/man1/ls.1.gz":             "",
		"usr/share/locale/uk/LC_MESSAGES/git.mo": "uk",
		"locales/fr.json":                        "fr",
		"README.md":                              "",
	} {
		if got := language(path); got != want {
			t.Errorf("language(%s) = %q, want %q", path, got, want)
		}
	}
}

// compiled is a catalog as msgfmt makes one.
func compiled(pairs ...string) []byte {
	n := uint32(len(pairs) / 2)
	var tables, texts bytes.Buffer
	at := 28 + 16*n
	for side := range 2 {
		for i := side; i < len(pairs); i += 2 {
			binary.Write(&tables, binary.LittleEndian, []uint32{uint32(len(pairs[i])), at + uint32(texts.Len())})
			texts.WriteString(pairs[i] + "\x00")
		}
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, []uint32{0x950412de, 0, n, 28, 28 + 8*n, 0, 28 + 16*n})
	b.Write(tables.Bytes())
	b.Write(texts.Bytes())
	return b.Bytes()
}

func TestCatalogIsAPOFile(t *testing.T) {
	mo := compiled("", "Language: de\n", "File \"%s\"", "Datei „%s“", "menu\x04Open", "Öffnen", "%d file\x00%d files", "%d Datei\x00%d Dateien", "a\nb", "c\nd")
	want := `msgid ""
msgstr "Language: de\n"

msgid "File \"%s\""
msgstr "Datei „%s“"

msgctxt "menu"
msgid "Open"
msgstr "Öffnen"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

msgid ""
"a\n"
"b"
msgstr ""
"c\n"
"d"

`
	if d := cmp.Diff(want, catalog(mo)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What was cut or damaged is read as far as it goes.
func TestCatalogOfDamagedBytes(t *testing.T) {
	mo := compiled("one", "eins", "two", "zwei")
	for n := range len(mo) {
		catalog(mo[:n])
		broken := bytes.Clone(mo)
		broken[n] ^= 0xff
		catalog(broken)
	}
}

func TestCollectTakesAFewOfEachPackage(t *testing.T) {
	kinds := []kind{{"readme", 3, 2, regexp.MustCompile(`README`)}, {"docs", 9, 9, regexp.MustCompile(`\.txt$`)}}
	same := strings.Repeat("the same text again ", 20)
	var packages []pkg
	for _, name := range []string{"a", "b"} {
		dir := t.TempDir()
		var packed bytes.Buffer
		zw := gzip.NewWriter(&packed)
		zw.Write([]byte(strings.Repeat("The harbour opens at seven, says "+name+".\n", 9000)))
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string]string{
			"README":        strings.Repeat("one "+name, 80),
			"x/README":      strings.Repeat("two "+name, 80),
			"y/README":      strings.Repeat("three "+name, 80),
			"same.txt":      same,
			"long.txt.gz":   packed.String(),
			"short.txt":     "few",
			"binary.txt":    strings.Repeat("\x00\xff", 400),
			"other.bin":     same,
			"DEBIAN/md.txt": same + "metadata",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		packages = append(packages, pkg{name: "npm/" + name, licence: "MIT", dir: dir})
	}
	rows, taken, err := collect(packages, kinds)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range rows {
		count[r.Source]++
		if len(r.Text) > longest || r.Label != "benign" || r.Group == "" || r.License != "MIT" {
			t.Errorf("%s: %d bytes, %s, of %q, %q", r.ID, len(r.Text), r.Label, r.Group, r.License)
		}
		if strings.Contains(r.ID, "short") || strings.Contains(r.ID, "binary") || strings.Contains(r.ID, "DEBIAN") {
			t.Errorf("%s is taken", r.ID)
		}
	}
	if d := cmp.Diff(map[string]int{"ordinary/readme": 3, "ordinary/docs": 3}, count); d != "" {
		t.Errorf("rows by kind (-want +got):\n%s", d)
	}
	if taken["npm/a"]+taken["npm/b"] != len(rows) {
		t.Errorf("taken: %v of %d", taken, len(rows))
	}
	again, _, err := collect(packages, kinds)
	if err != nil || !slices.Equal(rows, again) {
		t.Errorf("another corpus of the same packages, %v", err)
	}
}
