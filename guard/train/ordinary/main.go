// Command ordinary makes a corpus of ordinary files, with which guard/train
// teaches what is no order and sets its thresholds:
//
//	go run ./guard/train/ordinary -out DIR
//
// It takes packages that everybody can have by name and that hold what tools
// return all day: the modules that this one is built of, and those of npm and
// Debian that packages.txt lists (by npm pack, apt-get download and dpkg-deb,
// into DIR/packages, once). Of each it takes a few files of each kind of
// kinds.txt. It writes
//
//	DIR/ordinary.jsonl.gz  labelled rows, all benign (schema: guard/eval, type Row): source
//	                       "ordinary/KIND", group the package, variant the language if it is in the path
//	DIR/NOTICE.tsv         package, version, licence as the package states it, files taken
//
// The texts keep the licence of their package and are not part of this
// repository. The same packages make the same file, byte for byte.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "", "folder to write to, and to keep packages in; required")
	flag.Parse()
	if *out == "" {
		fmt.Fprintln(os.Stderr, "give -out DIR")
		os.Exit(2)
	}
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out string) error {
	kinds, err := parseKinds(kindsText)
	if err != nil {
		return err
	}
	packages, err := fetch(out)
	if err != nil {
		return err
	}
	rows, taken, err := collect(packages, kinds)
	if err != nil {
		return err
	}
	return write(out, rows, packages, taken)
}
