package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolward/guard/guardtest"
)

// What calls and answers are made of. Agents read and write prose, code, logs and
// JSON, and a gateway that reads along does not take the same for each.
const (
	proseKind = "prose"
	jsonKind  = "json" // records in arguments, their text in results, as most servers answer
	codeKind  = "code"
	logKind   = "log"
	mixedKind = "mixed" // each of them in turn
)

var allKinds = []string{proseKind, jsonKind, codeKind, logKind}

// variants is how many texts of a kind there are; a call takes the one that its
// number says, and has its number in it besides.
const variants = 64

// payload is the texts that calls of one kind and size carry, as JSON values.
type payload struct {
	args    []string // an object's members without the number, which stands where numberHere is
	answers []string // the result, likewise
}

// numberHere is replaced by the number of the call, the same length everywhere.
const numberHere = "1234567890123"

// payloads makes the texts of a kind. root is the repository, whose files some are
// cut from.
func payloads(root, kind string, size int) (payload, error) {
	if kind == mixedKind {
		var all payload
		for _, k := range allKinds {
			p, err := payloads(root, k, size)
			if err != nil {
				return payload{}, err
			}
			all.args, all.answers = append(all.args, p.args...), append(all.answers, p.answers...)
		}
		// One kind after the other: 0 of each, 1 of each, …
		n := len(allKinds)
		turn := func(list []string) []string {
			out := make([]string, len(list))
			for i := range list {
				out[i] = list[i%n*variants+i/n]
			}
			return out
		}
		return payload{turn(all.args), turn(all.answers)}, nil
	}
	clean, err := guardtest.Clean(root)
	if err != nil {
		return payload{}, err
	}
	name := kind
	if kind == jsonKind {
		name = "json in text"
	}
	i := slices.IndexFunc(clean, func(k guardtest.Kind) bool { return k.Name == name })
	if i < 0 {
		return payload{}, fmt.Errorf("there is no kind of text %q; there are %s and %s", kind, strings.Join(allKinds, ", "), mixedKind)
	}
	var p payload
	for v := range variants {
		text, err := cutOut(clean[i], size, v)
		if err != nil {
			return payload{}, err
		}
		value := quote(numberHere + " " + text)
		more := `"text":` + value
		if kind == jsonKind {
			records := strings.TrimSuffix(strings.ReplaceAll(record, "#", strconv.Itoa(1000+v)), "\n")
			more = `"text":"` + numberHere + `","records":[` + strings.Repeat(records+",", max(0, size/len(records)-1)) + records + `]`
		}
		p.args = append(p.args, `"bytes":`+strconv.Itoa(size)+`,"kind":"`+kind+`","path":"/srv/reports/`+numberHere+`/q3.csv",`+more)
		p.answers = append(p.answers, `{"content":[{"type":"text","text":`+value+`}],"isError":false}`)
	}
	return p, nil
}

// record is one of the records that arguments of the kind json hold.
const record = `{"id":#,"customer":"Leeds office","status":"open","items":[{"sku":"A-#","count":3,"price":12.5},{"sku":"B-#","count":1,"price":99.95}],"due":"2026-03-#T10:00:00Z","note":"late shipment, see order #"}`

// cutOut is the text of a kind that variant v has: another stretch of the same file
// for each.
func cutOut(k guardtest.Kind, size, v int) (string, error) {
	const step = 211 // no divisor of lines or records
	var text string
	if err := json.Unmarshal([]byte(k.Make(size+variants*step)), &text); err != nil {
		return "", fmt.Errorf("texts of %s: %w", k.Name, err)
	}
	from := min(v*step, max(0, len(text)-size))
	return strings.ToValidUTF8(text[from:min(len(text), from+size)], ""), nil
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}
