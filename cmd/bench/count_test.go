package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatPerfCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		lines, calls, instructions string
		missing                    bool
	}{
		"both":                {"59000,,raw_syscalls:sys_enter,9,100.00,,\n2050000,,instructions:u,9,100.00,,\n", "59.0", "2050", false},
		"a virtual processor": {"59000,,raw_syscalls:sys_enter,9,100.00,,\n<not supported>,,instructions:u,0,100.00,,\n", "59.0", "", false},
		"no tracepoints":      {"event syntax error: unknown tracepoint\n", "–", "", true},
		"nothing":             {"", "–", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			k := kernel{calls: "–"}.read(tt.lines, 1000)
			if k.calls != tt.calls || k.instructions != tt.instructions || k.err != nil != tt.missing {
				t.Errorf("%+v, want %+v", k, tt)
			}
		})
	}
}

func TestInstructionsAreThoseOfTheCallsThatWereMore(t *testing.T) {
	read := func(text string) byFunction {
		path := filepath.Join(t.TempDir(), countFile)
		if err := os.WriteFile(path, []byte("desc: I1 cache\nevents: Ir\nfl=/a.go\n"+text+"summary: 9\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := readCachegrind(path)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	few := read("fn=toolward/gateway.(*Road).walk\n10 5000\n11 1000\nfn=main.main\n1 700\n")
	many := read("fn=toolward/gateway.(*Road).walk\n10 25000\n11 1000\nfn=main.main\n1 700\nfl=/b.c\nfn=sqlite3VdbeExec\n9 7000\n")
	per := many.since(few, 10)
	if per.total() != 2700 || per.String() != "gateway 2" || per["sqlite3VdbeExec"] != 700 {
		t.Errorf("%v in all %d (%s), want 2000 of the road and 700 of SQLite", map[string]int64(per), per.total(), per)
	}
	if most := per.most(1); len(most) != 1 || most[0] != "     2000 toolward/gateway.(*Road).walk" {
		t.Errorf("the costliest is %q", most)
	}
}

func TestPartOfAFunction(t *testing.T) {
	for function, want := range map[string]string{
		"toolward/audit.(*writer).commit":                    "audit",
		"toolward/guard/secret.(*scan).read":                 "guard",
		"toolward/gateway.timed[go.shape.struct {}]":         "gateway",
		"runtime.mallocgc":                                   "runtime",
		"internal/runtime/maps.(*Map).Delete":                "runtime",
		"sqlite3VdbeExec":                                    "sqlite and libc",
		"crypto/internal/fips140/sha256.blockAVX2.abi0":      "SHA-256",
		"github.com/mattn/go-sqlite3.(*SQLiteStmt).execSync": "sqlite's driver",
		"net/http.(*conn).serve":                             "net",
		"encoding/json.Marshal":                              "other Go",
	} {
		if got := part(function); got != want {
			t.Errorf("%s is of %q, want %q", function, got, want)
		}
	}
}
