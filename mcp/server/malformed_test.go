package server

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// What two readers could understand differently is refused, and on record, and
// no upstream hears of it.
func TestAmbiguousMessagesAreRefused(t *testing.T) {
	call := func(params string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`
	}
	for name, c := range map[string]struct {
		body string
		code float64
	}{
		"name twice":          {call(`{"name":"read","name":"evil"}`), -32600},
		"name folded":         {call(`{"name":"read","Name":"evil"}`), -32600},
		"name by escape":      {call(`{"name":"read","\u006eame":"evil"}`), -32600},
		"only Name":           {call(`{"Name":"read"}`), -32602},
		"Arguments":           {call(`{"name":"read","Arguments":{}}`), -32602},
		"arguments by long s": {call(`{"name":"read","argument\u017f":{}}`), -32602},
		"method twice":        {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`, -32600},
		"METHOD":              {`{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}`, -32600},
		"params by long s":    {`{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"read"}}`, -32600},
		"id twice":            {`{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, -32600},
		"deep in arguments":   {call(`{"name":"read","arguments":{"a":[{"b":{"c":1,"c":2}}]}}`), -32600},
		"invalid UTF-8":       {call("{\"name\":\"read\",\"arguments\":{\"a\":\"\xff\xfe\"}}"), -32600},
		"lone surrogate":      {call(`{"name":"read","arguments":{"a":"\ud800"}}`), -32600},
		"lost digits":         {call(`{"name":"read","arguments":{"a":1234567890123456789.5}}`), -32600},
		"1e400":               {call(`{"name":"read","arguments":{"a":1e400}}`), -32600},
		"65 levels":           {call(`{"name":"read","arguments":{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}}`), -32600},
		"a million levels":    {strings.Repeat("[", 1_000_000), -32600},
		"NaN":                 {call(`{"name":"read","arguments":{"a":NaN}}`), -32700},
		"leading zero":        {call(`{"name":"read","arguments":{"a":01}}`), -32700},
		"byte order mark":     {"\xef\xbb\xbf" + call(`{"name":"read"}`), -32700},
		"UTF-16":              {"\xff\xfe{\x00}\x00", -32700},
		"NUL":                 {call("{\"name\":\"re\x00ad\"}"), -32700},
		"two values":          {call(`{"name":"read"}`) + call(`{"name":"read"}`), -32700},
		"trailing garbage":    {call(`{"name":"read"}`) + `x`, -32700},
		"nothing":             {``, -32700},
		"batch":               {`[` + call(`{"name":"read"}`) + `]`, -32600},
		"empty batch":         {`[]`, -32600},
		"params array":        {call(`["read"]`), -32602},
		"params string":       {call(`"read"`), -32602},
		"params null":         {call(`null`), -32602},
		"version missing":     {`{"id":1,"method":"ping"}`, -32600},
		"version 1.0":         {`{"jsonrpc":"1.0","id":1,"method":"ping"}`, -32600},
		"method number":       {`{"jsonrpc":"2.0","id":1,"method":1}`, -32600},
		"method empty":        {`{"jsonrpc":"2.0","id":1,"method":""}`, -32600},
		"id by another case":  {`{"jsonrpc":"2.0","ID":1,"method":"ping","x":1,"x":2}`, -32600},
		"id fraction":         {`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, -32600},
		"id exponent":         {`{"jsonrpc":"2.0","id":1e3,"method":"ping"}`, -32600},
		"id true":             {`{"jsonrpc":"2.0","id":true,"method":"ping"}`, -32600},
		"id null":             {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600},
		"id object":           {`{"jsonrpc":"2.0","id":{},"method":"ping"}`, -32600},
		"arguments string":    {call(`{"name":"read","arguments":"{}"}`), -32602},
		"arguments null":      {call(`{"name":"read","arguments":null}`), -32602},
		"name number":         {call(`{"name":1}`), -32602},
		"name missing":        {call(`{}`), -32602},
		"_meta string":        {call(`{"name":"read","_meta":"x"}`), -32602},
		"no params":           {`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, -32602},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, nil, never(t))
			id := s.initialize("/mcp/files", "ann", "2025-11-25", "{}")
			r := s.legacy("/mcp/files", "ann", id, c.body)
			if got := member(t, r.body, "error", "code"); got != c.code {
				t.Errorf("got %v, want %v: %s", got, c.code, r.body)
			}
			// With an ID it is the answer to a request; without one nobody can
			// match it, and HTTP has to say it.
			if id := member(t, r.body, "id"); id == nil && r.status != 400 && r.status != 413 || id != nil && (id != 1.0 || r.status != 200) {
				t.Errorf("got %d with id %v", r.status, id)
			}
			none := strings.HasPrefix(name, "id ") || c.code == -32700 || c.body[:1] == "["
			if none != (member(t, r.body, "id") == nil) {
				t.Errorf("the ID is in the answer if, and only if, it can be read: %s", r.body)
			}
			if n := len(s.refusals()); n != 1 {
				t.Errorf("%d refusals are on record, want 1", n)
			}
			if len(r.body) > 1000 {
				t.Errorf("the refusal has %d bytes: the attacker's text must not come back whole", len(r.body))
			}
		})
	}
}

func TestBodyOverTheLimitIs413(t *testing.T) {
	s := newStub(t, func(o *Options) { o.MaxBody = 1000 }, never(t))
	long := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"a":"` + strings.Repeat("x", 1000) + `"}}}`
	if r := s.send("POST", "/mcp", "ann", long); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("with Content-Length: got %d %s", r.status, r.body)
	}
	// Without a Content-Length only what was read counts.
	req, err := http.NewRequest("POST", s.http.URL+"/mcp", struct{ *bytes.Buffer }{bytes.NewBufferString(long)})
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer ann"}, "Content-Type": {"application/json"}}
	resp, err := s.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: got %d", resp.StatusCode)
	}
	if want := []gateway.Code{gateway.TooLarge, gateway.TooLarge}; !slices.Equal(s.refusals(), want) {
		t.Errorf("on record: %v, want %v", s.refusals(), want)
	}
}

func TestEncodedAndForeignBodiesAre415(t *testing.T) {
	s := newStub(t, nil, never(t))
	for name, header := range map[string][]string{
		"gzip":   {"Content-Encoding", "gzip"},
		"nested": {"Content-Encoding", "gzip, gzip"},
		"twice":  {"Content-Encoding", "identity", "Content-Encoding", "gzip"},
	} {
		if r := s.send("POST", "/mcp", "ann", `{}`, header...); r.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: got %d", name, r.status)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""} {
		req, err := http.NewRequest("POST", s.http.URL+"/mcp", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {"Bearer ann"}, "Content-Type": {kind}}
		resp, err := s.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("Content-Type %q: got %d", kind, resp.StatusCode)
		}
	}
}

func TestModernHeadersMustAgreeWithTheBody(t *testing.T) {
	const call = `"name":"files__read","arguments":{"region":"eu"}`
	for name, c := range map[string]struct {
		method, params string
		header         []string
		status         int
		code           float64
	}{
		"all right":           {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__read", "Mcp-Param-Region", "eu"}, 200, 0},
		"encoded name":        {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "=?base64?ZmlsZXNfX3JlYWQ=?=", "Mcp-Param-Region", "eu"}, 200, 0},
		"no Mcp-Method":       {"tools/call", call, []string{"Mcp-Name", "files__read", "Mcp-Param-Region", "eu"}, 400, -32020},
		"other Mcp-Method":    {"tools/call", call, []string{"Mcp-Method", "tools/list", "Mcp-Name", "files__read", "Mcp-Param-Region", "eu"}, 400, -32020},
		"no Mcp-Name":         {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Param-Region", "eu"}, 400, -32020},
		"other Mcp-Name":      {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__safe", "Mcp-Param-Region", "eu"}, 400, -32020},
		"upstream's own name": {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "read", "Mcp-Param-Region", "eu"}, 400, -32020},
		"Mcp-Name twice":      {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__read", "Mcp-Name", "files__evil", "Mcp-Param-Region", "eu"}, 400, -32020},
		"broken base64":       {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "=?base64?%%?=", "Mcp-Param-Region", "eu"}, 400, -32020},
		"no Mcp-Param":        {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__read"}, 400, -32020},
		"other Mcp-Param":     {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__read", "Mcp-Param-Region", "us"}, 400, -32020},
		"Mcp-Param twice":     {"tools/call", call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__read", "Mcp-Param-Region", "eu", "Mcp-Param-Region", "us"}, 400, -32020},
		"stray Mcp-Param":     {"tools/call", `"name":"files__read"`, []string{"Mcp-Method", "tools/call", "Mcp-Name", "files__read", "Mcp-Param-Region", "eu"}, 400, -32020},
		"initialize":          {"initialize", "", []string{"Mcp-Method", "initialize"}, 404, -32601},
		"ping":                {"ping", "", []string{"Mcp-Method", "ping"}, 404, -32601},
		"logging/setLevel":    {"logging/setLevel", `"level":"info"`, []string{"Mcp-Method", "logging/setLevel"}, 404, -32601},
		"resources/subscribe": {"resources/subscribe", `"uri":"x"`, []string{"Mcp-Method", "resources/subscribe"}, 404, -32601},
		"a method of no one":  {"tools/later", "", []string{"Mcp-Method", "tools/later"}, 404, -32601},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, nil, nil)
			s.tools[0].Definition = []byte(`{"name":"read","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}`)
			params := modernMeta
			if c.params != "" {
				params += "," + c.params
			}
			r := s.send("POST", "/mcp", "ann", `{"jsonrpc":"2.0","id":1,"method":"`+c.method+`","params":{`+params+`}}`, append(c.header, "Mcp-Protocol-Version", "2026-07-28")...)
			got, _ := member(t, r.body, "error", "code").(float64)
			if r.status != c.status || got != c.code {
				t.Errorf("got %d %v, want %d %v: %s", r.status, got, c.status, c.code, r.body)
			}
		})
	}
}

func TestRevisionsThatDisagreeAreRefused(t *testing.T) {
	body := func(revision, caps string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{` + revision + caps + `}}}`
	}
	const caps = `"io.modelcontextprotocol/clientCapabilities":{}`
	rev := func(v string) string { return `"io.modelcontextprotocol/protocolVersion":"` + v + `",` }
	for name, c := range map[string]struct {
		header, body string
		status       int
		code         float64
	}{
		"both":                {"2026-07-28", body(rev("2026-07-28"), caps), 200, 0},
		"only in the body":    {"", body(rev("2026-07-28"), caps), 400, -32020},
		"only in the header":  {"2026-07-28", body("", caps), 400, -32602},
		"older in the header": {"2025-11-25", body(rev("2026-07-28"), caps), 400, -32020},
		"older in the body":   {"2026-07-28", body(rev("2025-11-25"), caps), 400, -32020},
		"of no one":           {"2099-01-01", body(rev("2099-01-01"), caps), 400, -32022},
		"no capabilities":     {"2026-07-28", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`, 400, -32602},
		"older of no one":     {"2023-01-01", body("", caps), 400, -32600},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, nil, nil)
			header := []string{"Mcp-Method", "tools/list"}
			if c.header != "" {
				header = append(header, "Mcp-Protocol-Version", c.header)
			}
			r := s.send("POST", "/mcp", "ann", c.body, header...)
			got, _ := member(t, r.body, "error", "code").(float64)
			if r.status != c.status || got != c.code {
				t.Errorf("got %d %v, want %d %v: %s", r.status, got, c.status, c.code, r.body)
			}
			if c.code == -32022 && len(member(t, r.body, "error", "data", "supported").([]any)) != 5 {
				t.Errorf("data.supported: %s", r.body)
			}
		})
	}
}

func TestEndpointsAndMethodsThatDoNotExist(t *testing.T) {
	s := newStub(t, nil, never(t))
	modern := []string{"Mcp-Protocol-Version", "2026-07-28"}
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"POST", "/mcp/nobody", nil, 404}, {"POST", "/mcp/", nil, 404}, {"POST", "/MCP", nil, 404}, {"POST", "/mcp/a/b", nil, 404}, {"POST", "/mcp;x", nil, 404},
		{"PUT", "/mcp", nil, 405}, {"HEAD", "/mcp", nil, 405}, {"OPTIONS", "/mcp", nil, 405},
		{"GET", "/mcp", modern, 405}, {"DELETE", "/mcp", modern, 405}, {"GET", "/message", nil, 405}, {"POST", "/sse", nil, 405},
		{"GET", "/mcp", nil, 400}, {"DELETE", "/mcp", nil, 400},
	} {
		r := s.send(c.method, c.path, "ann", "", c.header...)
		if r.status != c.status {
			t.Errorf("%s %s: got %d, want %d", c.method, c.path, r.status, c.status)
		}
		if r.status == 405 && r.header.Get("Allow") == "" {
			t.Errorf("%s %s: 405 without Allow (RFC 9110 §15.5.6)", c.method, c.path)
		}
	}
}

func TestBatchElementsWalkTheRoadOneByOne(t *testing.T) {
	s := newStub(t, nil, nil)
	s.decide = func(c *gateway.Call) (gateway.Decision, error) {
		if strings.Contains(string(c.Args.Raw()), "evil") {
			return gateway.Decision{Effect: gateway.EffectDeny}, nil
		}
		return gateway.Decision{Effect: gateway.EffectAllow}, nil
	}
	id := s.initialize("/mcp/files", "ann", "2025-03-26", "{}")
	r := s.legacy("/mcp/files", "ann", id, `[
		{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}},
		{"jsonrpc":"2.0","method":"notifications/initialized"},
		{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"read","arguments":{"a":"evil"}}},
		{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read","Name":"evil"}},
		{"jsonrpc":"2.0","id":4,"method":"initialize"}]`)
	answers, _ := member(t, r.body).([]any)
	if len(answers) != 4 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	result := func(i int) map[string]any { m, _ := answers[i].(map[string]any)["result"].(map[string]any); return m }
	failure := func(i int) map[string]any { m, _ := answers[i].(map[string]any)["error"].(map[string]any); return m }
	if result(0) == nil || result(1)["isError"] != true || failure(2)["code"] != -32600.0 || failure(3)["code"] != -32600.0 {
		t.Errorf("got %s", r.body)
	}
	if r := s.legacy("/mcp/files", "ann", id, `[{"jsonrpc":"2.0","method":"notifications/initialized"}]`); r.status != 202 {
		t.Errorf("only notifications: got %d", r.status)
	}
	if r := s.legacy("/mcp/files", "ann", id, `[`+strings.Repeat(`{"jsonrpc":"2.0","method":"n"},`, 64)+`{"jsonrpc":"2.0","method":"n"}]`); r.status != 413 {
		t.Errorf("65 messages: got %d", r.status)
	}
}

func TestMetaOfAgentsIsCleaned(t *testing.T) {
	const good = `"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`
	for in, want := range map[string]string{
		`{"progressToken": 7, "x":1.0}`:                               `{"progressToken": 7, "x":1.0}`,
		`{` + good + `,"baggage":"a=b"}`:                              `{` + good + `,"baggage":"a=b"}`,
		`{"toolward/decision":{},"a":1}`:                              `{"a":1}`,
		`{"traceparent":"00-0-0-01"}`:                                 `{}`,
		`{"traceparent":[1]}`:                                         `{}`,
		`{"tracestate":{"a":1},"baggage":[]}`:                         `{}`,
		`{"baggage":"` + strings.Repeat("x", 10_000_000) + `","a":1}`: `{"a":1}`,
	} {
		meta, err := gateway.ParseObject([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(cleanMeta(meta)); got != want {
			t.Errorf("%.80s: got %.80s, want %s", in, got, want)
		}
	}
}
