package openapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"toolward/gateway"
	"toolward/upstream"
)

var _ upstream.Conn = (*API)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const petstore = `
openapi: 3.0.3
info: {title: Pets, version: "2"}
servers: [{url: https://pets.example.com/v1}]
paths:
  /pets/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
    get:
      operationId: getPet
      summary: One pet
      parameters:
        - {name: fields, in: query, description: which, schema: {type: array, items: {type: string}}}
        - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
        - {name: sid, in: cookie, schema: {type: string}}
    delete: {}
  /pets:
    post:
      operationId: add pet/now
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}
  /photo:
    put:
      operationId: setPhoto
      requestBody: {required: true, content: {image/png: {}}}
components:
  schemas:
    Pet:
      type: object
      required: [name]
      properties:
        name: {type: string}
        age: {type: integer, nullable: true, minimum: 0, exclusiveMinimum: true}
        parent: {$ref: "#/components/schemas/Pet"}
        owner: {$ref: "#/components/schemas/Owner"}
    Owner: {type: object}
    Unused: {type: object}
`

// api is the petstore at a server of the test's.
func api(t *testing.T, handler http.HandlerFunc, change func(*Options)) *API {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	o := Options{Name: "pets", Document: []byte(petstore), BaseURL: s.URL + "/v1/"}
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func do(t *testing.T, a *API, tool, args string) (*gateway.Result, error) {
	t.Helper()
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Tool = &gateway.Tool{Name: tool}
	var err error
	if c.Sent, err = gateway.ParseArgs([]byte(args)); err != nil {
		t.Fatal(err)
	}
	return a.Do(t.Context(), c)
}

func TestOperationsBecomeTools(t *testing.T) {
	a := api(t, nil, nil)
	raw, err := a.List(t.Context(), "tools/list", "")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Tools []struct {
			Name        string          `json:"name"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"setPhoto":       `{"additionalProperties":false,"properties":{"body":{"contentEncoding":"base64","description":"The body (image/png), in base64.","type":"string"}},"required":["body"],"type":"object"}`,
		"add_pet_now":    `{"$defs":{"Owner":{"type":"object"},"Pet":{"properties":{"age":{"exclusiveMinimum":0,"type":["integer","null"]},"name":{"type":"string"},"owner":{"$ref":"#/$defs/Owner"},"parent":{"$ref":"#/$defs/Pet"}},"required":["name"],"type":"object"}},"additionalProperties":false,"properties":{"body":{"$ref":"#/$defs/Pet"}},"required":["body"],"type":"object"}`,
		"getPet":         `{"additionalProperties":false,"properties":{"X-Trace":{"type":"string"},"fields":{"description":"which","items":{"type":"string"},"type":"array"},"id":{"type":"string"},"sid":{"type":"string"},"tags":{"items":{"type":"string"},"type":"array"}},"required":["id"],"type":"object"}`,
		"delete_pets_id": `{"additionalProperties":false,"properties":{"id":{"type":"string"}},"required":["id"],"type":"object"}`,
	}
	for _, tool := range list.Tools {
		if want[tool.Name] != string(tool.InputSchema) {
			t.Errorf("%s:\n got %s\nwant %s", tool.Name, tool.InputSchema, want[tool.Name])
		}
		delete(want, tool.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestCallBecomesRequest(t *testing.T) {
	var got *http.Request
	var body string
	a := api(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, body = r, string(raw)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, ` {"n":12345678901234567890,"f":1.0}`)
	}, func(o *Options) { o.Header = map[string]string{"Authorization": "Bearer synthetic"} })

	res, err := do(t, a, "getPet", `{"id":"a b?c#d%2f","fields":["x&y","z"],"tags":["1","2"],"X-Trace":"t","Authorization":"Bearer forged","sid":"forged"}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/v1/pets/a%20b%3Fc%23d%252f?fields=x%26y&fields=z&tags=1,2"; got.RequestURI != want {
		t.Errorf("URI %s, want %s", got.RequestURI, want)
	}
	if got.Header.Get("X-Trace") != "t" || got.Header.Get("Authorization") != "Bearer synthetic" || got.Header.Get("Cookie") != "sid=forged" {
		t.Errorf("header %v", got.Header)
	}
	if want := `{"content":[{"type":"text","text":" {\"n\":12345678901234567890,\"f\":1.0}"}],"isError":false,"structuredContent":{"n":12345678901234567890,"f":1.0}}`; string(res.Raw) != want {
		t.Errorf("result %s, want %s", res.Raw, want)
	}

	if _, err := do(t, a, "add_pet_now", `{"body":{"name":"x", "age":1.0}}`); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || body != `{"name":"x", "age":1.0}` {
		t.Errorf("%s %s", got.Method, body)
	}
}

// Rows 59 and 61 of the attack table: what an argument holds stays an argument.
func TestArgumentsCannotLeaveTheirPlace(t *testing.T) {
	a := api(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.RequestURI, "/v1/pets/") || strings.Count(r.RequestURI, "/") != 3 || strings.Contains(r.RequestURI, "?") {
			t.Errorf("the request went to %s", r.RequestURI)
		}
	}, nil)
	for _, id := range []string{
		"..", ".", "...", "", "../admin", "a/../../admin", "/etc", "//evil.example", "@evil.example", "evil.example:80", "a?x=1", "a#x", "%2e%2e", "%2e%2e%2fadmin",
		"\\..\\admin", "a\r\nHost: evil.example", "a\x00b", "{id}", "a;b=c", "http://evil.example/", "user:pass@evil.example", "\u2025", "．．", "xn--e1afmkfd",
	} {
		args, err := json.Marshal(map[string]string{"id": id})
		if err != nil {
			t.Fatal(err)
		}
		_, err = do(t, a, "delete_pets_id", string(args))
		var r *gateway.Refusal
		if err != nil && (!errors.As(err, &r) || r.Code != gateway.InvalidArguments) {
			t.Errorf("%q: %v", id, err)
		}
		if err == nil && strings.ContainsAny(id, "/\\\r\x00") {
			t.Errorf("%q was sent", id)
		}
	}
	for _, args := range []string{`{"id":[]}`, `{"id":{}}`, `{"id":["a/b"]}`, `{"id":{"a/b":1}}`, `{"id":["."]}`, `{"id":null}`, `{}`} {
		if _, err := do(t, a, "delete_pets_id", args); err == nil {
			t.Errorf("%s was sent", args)
		}
	}
	if _, err := do(t, a, "getPet", `{"id":"a","X-Trace":"x\r\nAuthorization: forged"}`); err == nil {
		t.Error("a header field was injected")
	}
}

// Row 60: the address that is connected to is judged, whatever the name was.
func TestLinkLocalAddressesAreRefused(t *testing.T) {
	for _, address := range []string{"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80", "nonsense"} {
		if refuseLinkLocal(t.Context(), "tcp", address, nil) == nil {
			t.Errorf("%s is connected to", address)
		}
	}
	for _, address := range []string{"127.0.0.1:80", "10.0.0.1:443", "[2001:db8::1]:443"} {
		if err := refuseLinkLocal(t.Context(), "tcp", address, nil); err != nil {
			t.Error(err)
		}
	}
	a := api(t, nil, func(o *Options) { o.BaseURL = "http://169.254.169.254/latest" })
	_, err := do(t, a, "getPet", `{"id":"meta-data"}`)
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != gateway.UpstreamDown || !strings.Contains(err.Error(), "no address of an API") {
		t.Errorf("got %v", err)
	}
}

// An API that took the request and is slow is not down: the breaker is not told.
func TestHangingAPITimesOut(t *testing.T) {
	end := make(chan struct{})
	a := api(t, func(http.ResponseWriter, *http.Request) { <-end }, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	t.Cleanup(func() { close(end) })
	_, err := do(t, a, "getPet", `{"id":"1"}`)
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != gateway.UpstreamTimeout || !errors.Is(err, upstream.ErrSlow) {
		t.Errorf("got %v", err)
	}
	a = api(t, nil, func(o *Options) { o.BaseURL, o.Timeout = "http://127.0.0.1:1", time.Second })
	if _, err = do(t, a, "getPet", `{"id":"1"}`); !errors.As(err, &r) || r.Code != gateway.UpstreamDown || errors.Is(err, upstream.ErrSlow) {
		t.Errorf("got %v", err)
	}
}
