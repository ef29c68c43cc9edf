package guard

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/gateway"
)

// doubles are the texts of a result that says the same twice: MCP wants what is
// structured to be there as text as well (2025-11-25 server/tools, Structured Content),
// the same text, or JSON that has it as a string.
//
//	{"content":[{"type":"text","text":"All …"}],"structuredContent":{"result":"All …"}}
//	{"content":[{"type":"text","text":"{\"log\":\"All …\"}"}],"structuredContent":{"log":"All …"}}
//
// Such a text is read once. What is found in it is found at each of its places: policies
// redact by place.
type doubles struct {
	found map[string][]gateway.Finding // in texts that were read
	long  map[string]bool              // those of what is structured that are left out of JSON that has them
	parts []part
}

// part is a long text inside JSON that is a text.
type part struct {
	text string // as what is structured has it
	in   leaf   // where the JSON stands, and all of it
	at   int    // of the text there, escaped
}

const (
	minDouble = 64      // bytes of a text that is looked up
	minLong   = 1 << 10 // … and of one that is left out of JSON that has it
	edge      = 256     // bytes of it that are left at each end: an order may be cut over two of them
)

// unspoken are names of members that say nothing of what is in them, to any detector: under
// each of them a text reads the same.
var unspoken = []string{"text", "result", "output", "content", "message", "body", "answer", "response", "stdout", "markdown", "html", "summary", "description", "title"}

// doubled prepares for a result that may say the same twice. An external judge is asked about
// places, so with one each text is read.
func (sc *scan) doubled(raw json.RawMessage) {
	if sc.s.judge != nil || !bytes.Contains(raw, []byte(`"structuredContent"`)) {
		return
	}
	o, err := gateway.Split(raw)
	if err != nil {
		return
	}
	structured, ok := o.Get("structuredContent")
	if !ok {
		return
	}
	d := &doubles{found: map[string][]gateway.Finding{}, long: map[string]bool{}}
	if hasLong(string(structured)) {
		walk(structured, func(l *leaf) {
			if len(l.text) >= minLong && l.kind == leafText && !l.key {
				d.long[l.text] = true
			}
		})
	}
	sc.doubles = d
}

// hasLong reports whether a JSON value has a string as long as is left out.
func hasLong(s string) bool {
	for at := strings.IndexByte(s, '"'); at >= 0; {
		end := at + 1
		for end = special(s, end); end < len(s) && s[end] != '"'; end = special(s, end) {
			end += 2
		}
		if end-at > minLong {
			return true
		}
		n := strings.IndexByte(s[min(end+1, len(s)):], '"')
		if n < 0 {
			return false
		}
		at = end + 1 + n
	}
	return false
}

// once is what is found in a text, which is read once however often it stands there.
func (sc *scan) once(l *leaf) []gateway.Finding {
	if len(l.text) > maxClean || sc.s.judge != nil {
		return sc.undoubled(l)
	}
	if sc.clean == nil {
		sc.clean = cleanPool.Get().(*clean)
	}
	place, is := sc.clean.place(l)
	if *place == is {
		return nil
	}
	found := sc.undoubled(l)
	if len(found) == 0 {
		*place = is
	}
	return found
}

// undoubled is what is found in a text that a result may have twice.
func (sc *scan) undoubled(l *leaf) []gateway.Finding {
	d := sc.doubles
	if d == nil || len(l.text) < minDouble || l.kind != leafText || l.key || l.whole {
		return sc.text(l)
	}
	if short, gaps := d.without(l); len(gaps) > 0 {
		rest := *l
		rest.text = short
		return joinedAgain(sc.text(&rest), gaps, len(l.text))
	}
	if found, known := d.found[l.text]; known && silent(l) {
		return found
	}
	found := sc.text(l)
	if silent(l) || d.long[l.text] {
		d.found[l.text] = found
	}
	return found
}

// silent reports whether the place of a text says nothing of what is in it: what
// encloses it may ([leaf.where]).
//
//	/content/0/text, /structuredContent/result    silent
//	/structuredContent/password/text              not silent
func silent(l *leaf) bool {
	above, ok := strings.CutSuffix(string(l.path), "/"+l.name)
	if !ok || !slices.Contains(unspoken, l.name) {
		return false
	}
	parent := above[strings.LastIndexByte(above, '/')+1:]
	_, err := strconv.Atoi(parent)
	return err == nil || parent == "structuredContent" || slices.Contains(unspoken, parent)
}

// gap is a place at which something was left out of a text: what stands from at on stood
// from was on.
type gap struct{ at, was int }

// apart stands where something was left out, as between two strings.
const apart = `","`

// without is a text that is JSON without the long strings that are read elsewhere, but for
// their ends; there are no gaps if it is none, or has none.
//
//	{"log":"All is … quiet."}   {"log":"All is ","quiet."}
func (d *doubles) without(l *leaf) (short string, gaps []gap) {
	s := l.text
	if len(d.long) == 0 || len(s) < minLong || !strings.HasPrefix(string(l.path), "/content/") || s[0] != '{' && s[0] != '[' || gateway.CheckJSON([]byte(s)) != nil {
		return "", nil
	}
	var b strings.Builder
	done := 0
	for at := strings.IndexByte(s, '"'); at >= 0; {
		end := stringEnd(s, at)
		if end-at >= minLong {
			if text, err := jsontext.AppendUnquote(nil, s[at:end]); err == nil && d.long[string(text)] {
				from, to := strings.LastIndexByte(s[at:at+2*edge], ' '), strings.IndexByte(s[end-2*edge:end], ' ')
				if from >= edge && to >= 0 && to <= edge {
					from, to = at+from, end-2*edge+to
					b.WriteString(s[done:from])
					b.WriteString(apart)
					gaps = append(gaps, gap{b.Len(), to})
					done = to
					d.parts = append(d.parts, part{string(text), leaf{path: slices.Clone(l.path), name: l.name, text: s}, at + 1})
				}
			}
		}
		next := strings.IndexByte(s[end:], '"')
		if next < 0 {
			break
		}
		at = end + next
	}
	if len(gaps) == 0 {
		return "", nil
	}
	b.WriteString(s[done:])
	return b.String(), gaps
}

// stringEnd is where a JSON string that starts at at is over.
func stringEnd(s string, at int) int {
	for i := at + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// joinedAgain moves findings to where they are in the text from which something was left
// out. One that begins before a gap and ends behind it is over all that was left out.
func joinedAgain(found []gateway.Finding, gaps []gap, length int) []gateway.Finding {
	was := func(at int) int {
		n, on := slices.BinarySearchFunc(gaps, at, func(g gap, at int) int { return g.at - at })
		if on {
			n++
		}
		if n > 0 { // behind the last gap before it
			at += gaps[n-1].was - gaps[n-1].at
		}
		return min(at, length)
	}
	for i := range found {
		found[i].Span = [2]int{was(found[i].Span[0]), was(found[i].Span[1])}
	}
	return found
}

// inJSON reports what was found in long texts at the other places at which they stand, in
// JSON.
func (sc *scan) inJSON() {
	if sc.doubles == nil {
		return
	}
	for i := range sc.doubles.parts {
		p := &sc.doubles.parts[i]
		found := slices.Clone(sc.doubles.found[p.text])
		var ends []int // of spans; their places are asked for in order, or each would be counted from the start
		for j := range found {
			f := &found[j]
			if f.Span == [2]int{} {
				f.Span = [2]int{0, len(p.text)}
			}
			ends = append(ends, f.Span[0], f.Span[1])
		}
		slices.Sort(ends)
		ends = slices.Compact(ends)
		places := escapedOffsets(p.in.text[p.at:], ends)
		for j := range found {
			for k, end := range found[j].Span {
				n, _ := slices.BinarySearch(ends, end)
				found[j].Span[k] = p.at + places[n]
			}
		}
		sc.report(&p.in, found)
	}
}

// escapedOffsets is where the bytes of a text stand that are so many into what JSON
// says, for each number of them, which are in order:
//
//	0, 2 and 3 of `a\nb"` are 0, 3 and 4
func escapedOffsets(s string, bytes []int) []int {
	places := make([]int, len(bytes))
	at, said := 0, 0
	for i, n := range bytes {
		for said < n && at < len(s) && s[at] != '"' {
			size, says := 1, 1
			if s[at] == '\\' {
				size = escapeLen(s[at:])
				if text, err := jsontext.AppendUnquote(nil, `"`+s[at:min(len(s), at+size)]+`"`); err == nil {
					says = len(text)
				}
			} else {
				_, size = utf8.DecodeRuneInString(s[at:])
				says = size
			}
			at += size
			said += says
		}
		places[i] = min(at, len(s))
	}
	return places
}

// escapeLen is the length of an escape, of both when one needs another to be a character
// (RFC 8259 §7).
func escapeLen(s string) int {
	switch {
	case len(s) < 6 || s[1] != 'u':
		return 2
	case len(s) >= 12 && (s[2] == 'd' || s[2] == 'D') && strings.IndexByte("89abAB", s[3]) >= 0:
		return 12
	}
	return 6
}
