package openapi

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// received is what a server got of the body of a request.
func received(t *testing.T, a *API, args string) (media, body string) {
	t.Helper()
	req := requested(t, a, "x", args)
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req.Header.Get("Content-Type"), string(raw)
}

func withBody(t *testing.T, body string) *API {
	t.Helper()
	return load(t, "openapi: 3.0.3\nservers: [{url: https://a.example}]\npaths: {/x: {post: {operationId: x, requestBody: "+body+"}}}", nil)
}

func TestBodies(t *testing.T) {
	tests := map[string]struct{ body, args, media, want string }{
		"JSON, byte for byte":      {`{content: {application/json: {}}}`, `{"body":{"a": 1.0}}`, "application/json", `{"a": 1.0}`},
		"JSON of a vendor":         {`{content: {application/vnd.x+json; charset=utf-8: {}}}`, `{"body":[1]}`, "application/vnd.x+json; charset=utf-8", `[1]`},
		"JSON before others":       {`{content: {application/xml: {}, multipart/form-data: {}, application/x-www-form-urlencoded: {}, application/hal+json: {}, application/json: {}}}`, `{"body":"s"}`, "application/json", `"s"`},
		"any":                      {`{content: {"*/*": {}}}`, `{"body":1}`, "application/json", `1`},
		"any, of bytes":            {`{content: {"*/*": {schema: {type: string, format: binary}}}}`, `{"body":"AP8="}`, "application/octet-stream", "\x00\xff"},
		"none given":               {`{content: {application/json: {}}}`, `{}`, "", ""},
		"null is none":             {`{content: {application/json: {}}}`, `{"body":null}`, "", ""},
		"null that is asked for":   {`{required: true, content: {application/json: {}}}`, `{"body":null}`, "application/json", "null"},
		"text":                     {`{content: {text/plain: {schema: {type: string}}}}`, `{"body":"a\nb\"c"}`, "text/plain", "a\nb\"c"},
		"XML":                      {`{content: {application/xml: {schema: {type: object}}}}`, `{"body":"<a/>"}`, "application/xml", "<a/>"},
		"bytes":                    {`{content: {application/octet-stream: {}}}`, `{"body":"iVBORw=="}`, "application/octet-stream", "\x89PNG"},
		"an image":                 {`{content: {image/png: {}}}`, `{"body":"iVBORw"}`, "image/png", "\x89PNG"},
		"base64 of URLs, in lines": {`{content: {image/png: {}}}`, `{"body":"_-8\n="}`, "image/png", "\xff\xef"},
		"a form":                   {`{content: {application/x-www-form-urlencoded: {}}}`, `{"body":{"a":"x y&z=1","b":[1,2.0],"c":{"d":1},"e":null,"f":true}}`, "application/x-www-form-urlencoded", "a=x%20y%26z%3D1&b=1&b=2.0&c=%7B%22d%22%3A1%7D&f=true"},
		"a form with styles": {`{content: {application/x-www-form-urlencoded: {schema: {properties: {a: {type: array}}}, encoding: {a: {explode: false}, b: {style: deepObject}, c: {style: pipeDelimited, explode: false}, d: {explode: true}}}}}`,
			`{"body":{"a":[1,2],"b":{"x":[{"y":1}]},"c":[1,2],"d":{"e":1}}}`, "application/x-www-form-urlencoded", "a=1,2&b%5Bx%5D%5B0%5D%5By%5D=1&c=1%7C2&e=1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			media, body := received(t, withBody(t, tt.body), tt.args)
			if media != tt.media || body != tt.want {
				t.Errorf("got %q %q, want %q %q", media, body, tt.media, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct{ body, args string }{
		"text that is none":   {`{content: {text/plain: {}}}`, `{"body":{}}`},
		"base64 that is none": {`{content: {image/png: {}}}`, `{"body":"%%%"}`},
		"a form of a list":    {`{content: {application/x-www-form-urlencoded: {}}}`, `{"body":[1]}`},
		"a file that is none": {`{content: {multipart/form-data: {schema: {properties: {f: {type: string, format: binary}}}}}}`, `{"body":{"f":"%%%"}}`},
	} {
		a := withBody(t, tt.body)
		if _, err := a.request(t.Context(), a.operations["x"], argsOf(t, tt.args)); err == nil {
			t.Errorf("%s was sent", name)
		}
	}
}

// part is one of a multipart body, as Go's reader has it.
type part struct{ Name, File, Media, Body string }

func partsOf(t *testing.T, media, body string) []part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(media)
	if err != nil || kind != "multipart/form-data" {
		t.Fatalf("%q: %v", media, err)
	}
	var all []part
	for r := multipart.NewReader(strings.NewReader(body), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(raw)})
	}
}

func TestMultipart(t *testing.T) {
	a := withBody(t, `{content: {multipart/form-data: {schema: {allOf: [{properties: {file: {type: string, format: binary}}}], properties: {files: {type: array, items: {type: string, format: binary}}, icon: {type: string, format: binary}, meta: {type: object}, name: {type: string}, tags: {type: array}, data: {type: object}}}, `+
		`encoding: {icon: {contentType: "image/png, image/jpeg"}, data: {contentType: application/xml}, file: {contentType: "image/*"}}}}}`)
	media, body := received(t, a, `{"body":{"name":"a\r\nb","file":"AP8=","files":["YQ==","Yg=="],"icon":"iVBORw==","meta":{"a":[1.0]},"tags":["x","y"],"data":"<a/>","no":null,"n\"q; X=y":1}}`)
	want := []part{
		{"name", "", "", "a\r\nb"}, {"file", "file", "application/octet-stream", "\x00\xff"},
		{"files", "files", "application/octet-stream", "a"}, {"files", "files", "application/octet-stream", "b"},
		{"icon", "icon", "image/png", "\x89PNG"}, {"meta", "", "application/json", `{"a":[1.0]}`},
		{"tags", "", "", "x"}, {"tags", "", "", "y"}, {"data", "", "application/xml", "<a/>"}, {"n%22q; X=y", "", "", "1"},
	}
	if d := cmp.Diff(want, partsOf(t, media, body)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if s := schemaOf(t, a, "x"); !strings.Contains(s, `"icon":{"contentEncoding":"base64","type":"string"}`) {
		t.Errorf("schema %s", s)
	}
}

// Swagger 2.0: bodies and forms are parameters, and lists have a collectionFormat.
func TestSwagger(t *testing.T) {
	const head = "swagger: '2.0'\nhost: a.example\nbasePath: /v1\n"
	tests := map[string]struct{ root, op, args, uri, media, body string }{
		"a body":            {"", `parameters: [{name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}]`, `{"body":{"name":"x"}}`, "/v1/x", "application/json", `{"name":"x"}`},
		"consumes":          {"consumes: [application/xml, application/vnd.x+json]", `parameters: [{name: pet, in: body, schema: {}}]`, `{"body":{}}`, "/v1/x", "application/vnd.x+json", `{}`},
		"its own consumes":  {"consumes: [application/xml]", `consumes: [text/plain], parameters: [{name: pet, in: body, schema: {type: string}}]`, `{"body":"t"}`, "/v1/x", "text/plain", `t`},
		"a form":            {"", `parameters: [{name: a, in: formData, type: string}, {name: b, in: formData, type: array, items: {type: string}, collectionFormat: multi}, {name: c, in: formData, type: array, items: {type: string}}]`, `{"body":{"a":"x","b":["1","2"],"c":["3","4"]}}`, "/v1/x", "application/x-www-form-urlencoded", "a=x&b=1&b=2&c=3,4"},
		"lists":             {"", `parameters: [{name: a, in: query, type: array, items: {type: string}}, {name: b, in: query, type: array, collectionFormat: ssv}, {name: c, in: query, type: array, collectionFormat: tsv}, {name: d, in: query, type: array, collectionFormat: pipes}, {name: e, in: query, type: array, collectionFormat: multi}]`, `{"a":["1","2"],"b":["1","2"],"c":["1","2"],"d":["1","2"],"e":["1","2"]}`, "/v1/x?a=1,2&b=1%202&c=1%092&d=1%7C2&e=1&e=2", "", ""},
		"shared parameters": {"parameters: {limit: {name: limit, in: query, type: integer, maximum: 9}}", `parameters: [{$ref: "#/parameters/limit"}]`, `{"limit":5}`, "/v1/x?limit=5", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := load(t, head+tt.root+"\npaths: {/x: {post: {operationId: x, "+tt.op+"}}}\ndefinitions: {Pet: {type: object, required: [id, name], properties: {id: {type: integer, readOnly: true}, name: {type: string, x-nullable: true}}}}", nil)
			req := requested(t, a, "x", tt.args)
			media, body := received(t, a, tt.args)
			if req.URL.RequestURI() != tt.uri || media != tt.media || body != tt.body {
				t.Errorf("got %s %q %q, want %s %q %q", req.URL.RequestURI(), media, body, tt.uri, tt.media, tt.body)
			}
		})
	}
	a := load(t, head+"paths: {/x: {post: {operationId: x, parameters: [{name: f, in: formData, type: file, required: true}, {name: n, in: formData, type: integer}]}}}", nil)
	media, body := received(t, a, `{"body":{"f":"AP8=","n":1}}`)
	if d := cmp.Diff([]part{{"f", "f", "application/octet-stream", "\x00\xff"}, {"n", "", "", "1"}}, partsOf(t, media, body)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	want := `{"additionalProperties":false,"properties":{"body":{"properties":{"f":{"contentEncoding":"base64","type":"string"},"n":{"type":"integer"}},"required":["f"],"type":"object"}},"required":["body"],"type":"object"}`
	if got := schemaOf(t, a, "x"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Arguments that would differ at most in case, which no agent can send, get
// names of their own, and each goes where it belongs.
func TestArgumentsThatCollide(t *testing.T) {
	var got *http.Request
	a := api(t, func(_ http.ResponseWriter, r *http.Request) { got = r }, func(o *Options) {
		o.Document = []byte(`
openapi: 3.0.3
paths:
  /x/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
      - {name: page, in: query, schema: {type: string, enum: [of the path]}}
    post:
      operationId: x
      parameters:
        - {name: page, in: query, schema: {type: integer}}
        - {name: id, in: query, schema: {type: string}}
        - {name: ID, in: query, schema: {type: string}}
        - {name: Id, in: header, schema: {type: string}}
        - {name: id_query, in: query, schema: {type: string}}
        - {name: body, in: query, schema: {type: string}}
        - {name: not_in_it, in: path, required: true, schema: {type: string}}
      requestBody: {content: {application/json: {schema: {properties: {id: {type: string}}}}}}
`)
	})
	if _, err := do(t, a, "x", `{"id":"q","id_path":"p","ID_query":"Q","Id_header":"h","id_query_query":"qq","page":2,"body_query":"b","body":{"id":"in"}}`); err != nil {
		t.Fatal(err, schemaOf(t, a, "x"))
	}
	query, err := url.ParseQuery(got.URL.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"id": {"q"}, "ID": {"Q"}, "id_query": {"qq"}, "page": {"2"}, "body": {"b"}}
	if d := cmp.Diff(want, query); d != "" || got.URL.Path != "/v1/x/p" || got.Header.Get("Id") != "h" {
		t.Errorf("%s %v\n%s", got.RequestURI, got.Header, d)
	}
}
