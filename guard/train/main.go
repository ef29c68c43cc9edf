// Command train makes the weights of guard/classify from labelled text, and
// measures them on sources that they have not seen.
//
//	go run ./guard/train/ordinary -out DIR
//	go run ./guard/train -ordinary DIR/ordinary.jsonl.gz -cv
//	go run ./guard/train -ordinary DIR/ordinary.jsonl.gz -out guard/classify/model.bin
//
// The same data and the same code make the same file, on the same
// architecture: every random choice has a seed, and the sums are made in one
// order. Two sets of weights are learned over the same features. One learns from the
// labelled rows of -data, and from synthetic ones, made from the wordings in attacks.txt,
// benign.txt and tongues.txt and placed in benign rows; the other from the texts of
// guard/train/written, which people wrote who knew none of these, and from what is
// benign of the rest. Both learn of each ordinary file the windows that models which know
// fewer such files take for orders most. A positive row is a bag: only its
// highest-scoring window is taught to be an attack, and only among windows that no benign
// row has too, so that the text around an attack is not learned with it.
//
// Cross-validation trains eight such pairs, each without some sources of labelled
// rows, some kinds of ordinary files, an eighth of the packages that those are
// from, and some writers; no two sources with attacks are left out together. Each row,
// file and text is judged by the pair that has not seen its source, as guard would. From
// the scores come the calibration (Platt: a logistic curve that turns the score into the
// probability at the data's share of attacks) and the default limits.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"toolward/guard/eval"
	"toolward/guard/rules"
)

func main() {
	data := flag.String("data", "../shared/data/guard/dev.jsonl.gz", "labelled rows, JSON lines, gzipped or not")
	ordinary := flag.String("ordinary", "", "ordinary files that guard/train/ordinary gathered; required")
	written := flag.String("written", "guard/train/written", "folder of texts that were written by hand, a file for each writer")
	out := flag.String("out", "", "write the model here")
	cv := flag.Bool("cv", false, "only cross-validate, and print the figures")
	errors := flag.Bool("errors", false, "list the mistakes of the cross-validation")
	letters := flag.String("bigrams", "", "only write the table of letter pairs of guard/decode/normal here")
	flag.Parse()
	if err := run(*data, *ordinary, *written, *out, *letters, *cv, *errors); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(data, ordinary, written, out, letters string, cv, errors bool) error {
	rows, err := eval.Open(data)
	if err != nil {
		return err
	}
	if letters != "" {
		return os.WriteFile(letters, bigrams(rows), 0o644)
	}
	if ordinary == "" || out == "" && !cv {
		return fmt.Errorf("nothing to do: give -ordinary FILE with -out FILE or -cv, or -bigrams FILE")
	}
	files, err := eval.Open(ordinary)
	if err != nil {
		return err
	}
	set, err := rules.New(rules.Table)
	if err != nil {
		return err
	}
	texts, err := openAll(written)
	if err != nil {
		return err
	}
	c := newCorpus(rows, files, texts, set)
	v, err := c.validate()
	if err != nil {
		return err
	}
	if err := v.write(os.Stdout, errors); err != nil || cv {
		return err
	}
	w := v.weights(c.train(none))
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := w.Write(f, set); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// openAll reads the files of a folder, in order of their names.
func openAll(dir string) (rows []eval.Row, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no text in %s", dir)
	}
	for _, name := range names {
		more, err := eval.Open(name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}
