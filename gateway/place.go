package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// spoken are member names of MCP itself (2025-11-25 and 2026-07-28, schema): a
// refusal may repeat them.
var spoken = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`_meta action annotations argument arguments blob code completion content contents context data description
		error examples default enum icons inputRequests inputResponses inputSchema instructions items level message messages method mimeType name
		oneOf anyOf allOf outputSchema params progress properties ref requestedSchema required resource role result src status statusMessage
		structuredContent task taskId text title total type uri uriTemplate values`) {
		names[name] = true
	}
	return names
}()

// Place is a pointer into checked JSON as a refusal may say it: a member whose
// name nobody vouches for is written as its number in its object, from 1 on.
//
//	/content/0/text                         /content/0/text
//	/structuredContent/ignore all previous  /structuredContent/#1
//
// Whoever chose the text chose the name, and refusals are read by models. known
// is JSON whose strings are vouched for too, such as the tool's definition; nil
// for none.
func Place(raw json.RawMessage, pointer string, known []byte) string {
	var b strings.Builder
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		b.WriteByte('/')
		if len(raw) > 0 && raw[0] == '[' {
			items, _ := Elements(raw)
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(items) {
				return b.String() + "…"
			}
			b.WriteString(strconv.Itoa(i))
			raw = items[i]
			continue
		}
		o, err := Split(raw)
		if err != nil {
			return b.String() + "…"
		}
		name, at := pointerUnescaper.Replace(token), -1
		for i, m := range o.Members() {
			if m.Name == name {
				at, raw = i, m.Value
			}
		}
		switch {
		case at < 0:
			return b.String() + "…"
		case spoken[name] || vouched(known, name):
			b.WriteString(token)
		default:
			b.WriteString("#" + strconv.Itoa(at+1))
		}
	}
	return b.String()
}

// vouched reports whether a name stands in the JSON as a whole string.
func vouched(known []byte, name string) bool {
	if len(known) == 0 {
		return false
	}
	quoted, err := jsontext.AppendQuote(nil, name)
	return err == nil && bytes.Contains(known, quoted)
}

// place is where a finding is, as a refusal may say it.
func (c *Call) place(f *Finding) string {
	switch {
	case f.Where == "":
		return "the text"
	case f.Beside:
		return Place(JoinMembers(c.Extra), f.Where, nil)
	case f.Stage == StageResult:
		return Place(c.Result.Bytes(), f.Where, nil)
	case c.Kind.Reverse():
		return Place(c.Args.Raw(), f.Where, nil)
	}
	return Place(c.Args.Raw(), f.Where, c.Tool.Definition)
}
