// Command train writes guard/secret/rarity.bin, the table by which the secrets
// detector tells random tokens from words:
//
//	go run ./guard/secret/train -data FILE.jsonl.gz -out guard/secret/rarity.bin
//
// It counts the byte pairs inside tokens of benign texts (label "benign",
// surfaces of tools, the negatives of secrets and PII left out, because those
// are random by design) and writes -log2 of the conditional probability, with
// add-one-half smoothing, in sixteenths of a bit, 255 at most. The output
// depends on the data alone.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"

	"toolward/guard/secret"
)

func main() {
	data := flag.String("data", "../shared/data/guard/dev.jsonl.gz", "labelled texts, JSON lines, gzip")
	out := flag.String("out", "guard/secret/rarity.bin", "file to write")
	flag.Parse()
	if err := run(*data, *out); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(data, out string) error {
	file, err := os.Open(data)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", data, err)
	}
	var counts [secret.Symbols][secret.Symbols]float64
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var row struct{ Source, Surface, Label, Text string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return fmt.Errorf("read %s: %w", data, err)
		}
		if row.Label == "benign" && row.Surface != "user_prompt" && !strings.HasSuffix(row.Source, "-negatives") {
			count(&counts, row.Text)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", data, err)
	}
	return os.WriteFile(out, table(&counts), 0o644)
}

// count adds the pairs inside tokens of at least two bytes and at most 40:
// longer ones are encoded data, which must not become ordinary.
func count(counts *[secret.Symbols][secret.Symbols]float64, text string) {
	other := secret.Symbols - 1
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && secret.Symbol(text[end]) != other {
			end++
		}
		if n := end - start; n >= 2 && n <= 40 {
			for i := start + 1; i < end; i++ {
				counts[secret.Symbol(text[i-1])][secret.Symbol(text[i])]++
			}
		}
		start = end + 1
	}
}

func table(counts *[secret.Symbols][secret.Symbols]float64) []byte {
	const smooth = 0.5
	bytes := make([]byte, 0, secret.Symbols*secret.Symbols)
	for _, row := range counts {
		total := smooth * secret.Symbols
		for _, n := range row {
			total += n
		}
		for _, n := range row {
			bits := -math.Log2((n + smooth) / total)
			bytes = append(bytes, byte(min(255, math.Round(16*bits))))
		}
	}
	return bytes
}
