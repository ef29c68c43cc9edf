package guardtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Side is which way a text goes.
type Side uint8

// The sides.
const (
	Returned Side = iota // by an upstream: results, errors, what it sends unasked
	Sent                 // by an agent: arguments
	Defined              // by an upstream: what it says of its tools, prompts, resources, and itself
)

// Place is where a text reaches a model.
type Place struct {
	Name string
	Side Side
	Fill func(text string) string // the JSON value with the text in it
}

// quote writes a text as JSON does.
func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}

// pieces cuts a text at spaces into about n parts.
func pieces(text string, n int) []string {
	var parts []string
	for size := max(len(text)/n, 1); len(text) > 0; {
		end := strings.IndexByte(text[min(size, len(text)):], ' ')
		if end < 0 {
			return append(parts, text)
		}
		end += size
		parts, text = append(parts, text[:end]), text[end+1:]
	}
	return parts
}

// each writes the parts of a text one after the other.
func each(format string, n int) func(string) string {
	return func(text string) string {
		var all []string
		for i, part := range pieces(text, n) {
			all = append(all, strings.NewReplacer("%q", quote(part), "%d", fmt.Sprint(i)).Replace(format))
		}
		return strings.Join(all, ",")
	}
}

// in puts what inner makes of a text into a frame.
func in(frame string, inner func(string) string) func(string) string {
	return func(text string) string { return strings.Replace(frame, "%s", inner(text), 1) }
}

// Places are all places where a text is one value.
func Places() []Place {
	encoded := func(text string) string { return quote(base64.StdEncoding.EncodeToString([]byte(text))) }
	return []Place{
		{"argument", Sent, in(`{"body":%s}`, quote)},
		{"deep argument", Sent, in(`{"a":[{"b":{"c":[%s]}}]}`, quote)},
		{"block", Returned, in(`{"content":[{"type":"text","text":%s}]}`, quote)},
		{"second block", Returned, in(`{"content":[{"type":"text","text":"3 rows"},{"type":"text","text":%s}]}`, quote)},
		{"error", Returned, in(`{"content":[{"type":"text","text":%s}],"isError":true}`, quote)},
		{"protocol error", Returned, in(`{"code":-32000,"message":%s}`, quote)},
		{"structured content", Returned, in(`{"content":[],"structuredContent":{"rows":[{"note":%s}]}}`, quote)},
		{"member name", Returned, in(`{"content":[],"structuredContent":{%s:1}}`, quote)},
		{"resource text", Returned, in(`{"contents":[{"uri":"file:///a","mimeType":"text/plain","text":%s}]}`, quote)},
		{"resource blob", Returned, in(`{"contents":[{"uri":"file:///a","mimeType":"text/plain","blob":%s}]}`, encoded)},
		{"blob without a type", Returned, in(`{"contents":[{"uri":"file:///a","blob":%s}]}`, encoded)},
		{"resource URI", Returned, in(`{"content":[{"type":"resource_link","uri":%s,"name":"a"}]}`, func(text string) string { return quote("file:///" + text) })},
		{"link description", Returned, in(`{"content":[{"type":"resource_link","uri":"file:///a","name":"a","description":%s}]}`, quote)},
		{"prompt message", Returned, in(`{"messages":[{"role":"user","content":{"type":"text","text":%s}}]}`, quote)},
		{"progress", Returned, in(`{"progressToken":1,"progress":1,"message":%s}`, quote)},
		{"log message", Returned, in(`{"level":"info","data":%s}`, quote)},
		{"metadata", Returned, in(`{"content":[],"_meta":{"example.com/note":%s}}`, quote)},
		{"an image that is none", Returned, in(`{"content":[{"type":"image","mimeType":"image/png","data":%s}]}`, quote)},
		{"tool description", Defined, in(`{"name":"add","description":%s,"inputSchema":{"type":"object"}}`, quote)},
		{"tool title", Defined, in(`{"name":"add","title":%s,"inputSchema":{"type":"object"}}`, quote)},
		{"annotation", Defined, in(`{"name":"add","inputSchema":{"type":"object"},"annotations":{"title":%s}}`, quote)},
		{"schema description", Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{"a":{"type":"string","description":%s}}}}`, quote)},
		{"enum", Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{"a":{"enum":["x",%s]}}}}`, quote)},
		{"default", Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{"a":{"default":%s}}}}`, quote)},
		{"property name", Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{%s:{"type":"string"}}}}`, quote)},
		{"output schema", Defined, in(`{"name":"add","inputSchema":{"type":"object"},"outputSchema":{"type":"object","description":%s}}`, quote)},
		{"prompt argument", Defined, in(`{"name":"p","arguments":[{"name":"a","description":%s}]}`, quote)},
		{"server instructions", Defined, in(`{"instructions":%s}`, quote)},
	}
}

// Cuts are places that hold a text in parts.
func Cuts() []Place {
	var cuts []Place
	for _, n := range []int{2, 4, 9} {
		name := func(s string) string { return fmt.Sprintf("%s, %d parts", s, n) }
		cuts = append(cuts,
			Place{name("blocks"), Returned, in(`{"content":[%s]}`, each(`{"type":"text","text":%q}`, n))},
			Place{name("array items"), Returned, in(`{"structuredContent":{"lines":[%s]}}`, each(`%q`, n))},
			Place{name("members"), Returned, in(`{"structuredContent":{%s}}`, each(`"m%d":%q`, n))},
			Place{name("member names"), Returned, in(`{"structuredContent":{%s}}`, each(`%q:%d`, n))},
			Place{name("messages"), Returned, in(`{"messages":[%s]}`, each(`{"role":"user","content":{"type":"text","text":%q}}`, n))},
			Place{name("arguments"), Sent, in(`{%s}`, each(`"m%d":%q`, n))},
			Place{name("property descriptions"), Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{%s}}}`, each(`"m%d":{"type":"string","description":%q}`, n))},
			Place{name("enum"), Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{"a":{"enum":[%s]}}}}`, each(`%q`, n))},
			Place{name("property names"), Defined, in(`{"name":"add","inputSchema":{"type":"object","properties":{%s}}}`, each(`%q:{"type":"string"}`, n))},
		)
	}
	return append(cuts,
		Place{"description and title", Defined, func(text string) string {
			p := pieces(text, 2)
			return `{"name":"add","title":` + quote(p[0]) + `,"description":` + quote(strings.Join(p[1:], " ")) + `,"inputSchema":{"type":"object"}}`
		}},
		Place{"description and schema", Defined, func(text string) string {
			p := pieces(text, 2)
			return `{"name":"add","description":` + quote(p[0]) + `,"inputSchema":{"type":"object","properties":{"a":{"type":"string","description":` + quote(strings.Join(p[1:], " ")) + `}}}}`
		}},
		Place{"text and structured content", Returned, func(text string) string {
			p := pieces(text, 2)
			return `{"content":[{"type":"text","text":` + quote(p[0]) + `}],"structuredContent":{"note":` + quote(strings.Join(p[1:], " ")) + `}}`
		}},
	)
}

// longest is the dressed order that is tried at every place; longer ones are
// at one place of each side.
const longest = 8 << 10

// PlacesOf are the places where a dressing is tried: all, and for some that
// leave an order in words those that hold it in parts.
func PlacesOf(d Dressing) []Place {
	sample := d.Apply(Orders()[0].Text)
	var places []Place
	for _, p := range Places() {
		if len(sample) <= longest || p.Name == "argument" || p.Name == "block" || p.Name == "tool description" {
			places = append(places, p)
		}
	}
	switch d.Name {
	case "plain", "capitals", "U+200B between letters", "mathematical bold", "Cyrillic look-alikes", "no-break spaces":
		places = append(places, Cuts()...)
	}
	return places
}
