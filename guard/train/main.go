// Command train makes the weights of guard/classify from labelled text, and
// measures them on sources that they have not seen.
//
//	go run ./guard/train -data ../shared/data/guard/dev.jsonl.gz -out guard/classify/model.bin
//	go run ./guard/train -data ../shared/data/guard/dev.jsonl.gz -cv
//
// The same data and the same code make the same file, on the same
// architecture: every random choice has a seed, and the sums are made in one
// order. Training takes the rows of the file and synthetic ones, made from the
// wordings in attacks.txt, benign.txt and tongues.txt and placed in benign
// rows. A positive row is a bag: only its highest-scoring window is taught to be
// an attack, and only among windows that no benign row has too, so that the
// text around an attack is not learned with it.
//
// Cross-validation leaves out each source in turn; nothing of it, neither its
// attacks nor its benign rows as containers, takes part in the training that
// judges it. From its scores come the calibration (Platt: a logistic curve
// that turns the score into the probability at the file's share of attacks)
// and the default threshold.
package main

import (
	"flag"
	"fmt"
	"os"

	"toolward/guard/classify"
	"toolward/guard/eval"
	"toolward/guard/rules"
)

func main() {
	data := flag.String("data", "../shared/data/guard/dev.jsonl.gz", "labelled rows, JSON lines, gzipped or not")
	out := flag.String("out", "", "write the model here")
	cv := flag.Bool("cv", false, "only cross-validate, and print the figures")
	errors := flag.Bool("errors", false, "list the mistakes of the cross-validation")
	letters := flag.String("bigrams", "", "only write the table of letter pairs of guard/normal here")
	flag.Parse()
	if err := run(*data, *out, *letters, *cv, *errors); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(data, out, letters string, cv, errors bool) error {
	rows, err := eval.Open(data)
	if err != nil {
		return err
	}
	if letters != "" {
		return os.WriteFile(letters, bigrams(rows), 0o644)
	}
	if out == "" && !cv {
		return fmt.Errorf("nothing to do: give -out FILE, -cv, or -bigrams FILE")
	}
	set, err := rules.New(rules.Table)
	if err != nil {
		return err
	}
	c := newCorpus(rows, set)
	v := c.validate()
	if err := v.write(os.Stdout, errors); err != nil || cv {
		return err
	}
	m := trainMean(c.all())
	w := classify.Weights{Sparse: m.w, Dense: m.dw, Slope: v.slope, Offset: v.offset, Threshold: v.threshold}
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
