package plain

import (
	"net/http"
	"strings"
	"testing"
)

// answers are whole exchanges, ordinary and hostile, as servers write them.
// Whatever net/http makes of them, this package does.
var answers = map[string]string{
	"length":                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
	"chunked":                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
	"chunk extension":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
	"trailers":                 "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
	"trailers unannounced":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
	"event stream":             "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
	"until close":              "HTTP/1.1 200 OK\r\n\r\n{\"a\":1}",
	"HTTP/1.0":                 "HTTP/1.0 200 OK\r\n\r\nold",
	"HTTP/1.0 kept":            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold",
	"HTTP/1.0 chunked":         "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"connection close":         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
	"bare line feeds":          "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
	"names in any case":        "HTTP/1.1 200 OK\r\ncontent-TYPE: x\r\nmcp-session-ID: 1\r\nCONTENT-LENGTH: 3\r\n\r\nabc",
	"many values":              "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
	"no reason":                "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc",
	"no reason nor space":      "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc",
	"empty":                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"accepted":                 "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
	"no content":               "HTTP/1.1 204 No Content\r\n\r\n",
	"no content, with some":    "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
	"not modified":             "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
	"redirect":                 "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
	"continue":                 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"early hints":              "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"many hints":               strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20) + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"hints without end":        strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000),
	"only hints":               "HTTP/1.1 103 Early Hints\r\n\r\n",
	"status 099":               "HTTP/1.1 099 What\r\nContent-Length: 3\r\n\r\nabc",
	"status 999":               "HTTP/1.1 999 What\r\nContent-Length: 3\r\n\r\nabc",
	"status of two digits":     "HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\nabc",
	"negative status":          "HTTP/1.1 -20 OK\r\nContent-Length: 3\r\n\r\nabc",
	"status +20":               "HTTP/1.1 +20 OK\r\nContent-Length: 3\r\n\r\nabc",
	"other protocol":           "ICY 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"HTTP/2 in plain text":     "HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"HTTP/1.9":                 "HTTP/1.9 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"nothing":                  "",
	"new lines first":          "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"page":                     "<html><body>502</body></html>",
	"request":                  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"TLS":                      "\x15\x03\x01\x00\x02\x02\x28",
	"length too long":          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
	"length too short":         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
	"length negative":          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
	"length +3":                "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
	"length 0x3":               "HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc",
	"length empty":             "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nabc",
	"length beyond int64":      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
	"length in a list":         "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
	"lengths alike":            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	"lengths that differ":      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\nabc",
	"length and chunks":        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"gzip then chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"chunked twice":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"identity":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
	"chunk size without end":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 10000),
	"chunk size of letters":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
	"chunk size negative":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
	"chunk size beyond uint64": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
	"chunk of another size":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
	"chunk extensions forever": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\na\r\n", 200) + "0\r\n\r\n",
	"folded field":             "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
	"space before the colon":   "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
	"no colon":                 "HTTP/1.1 200 OK\r\nContent-Length 3\r\n\r\nabc",
	"no name":                  "HTTP/1.1 200 OK\r\n: 3\r\nContent-Length: 3\r\n\r\nabc",
	"first field indented":     "HTTP/1.1 200 OK\r\n X: 3\r\nContent-Length: 3\r\n\r\nabc",
	"NUL in a value":           "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 3\r\n\r\nabc",
	"NUL in a name":            "HTTP/1.1 200 OK\r\nX\x00: a\r\nContent-Length: 3\r\n\r\nabc",
	"carriage return alone":    "HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 3\r\n\r\nabc",
	"bytes that are no text":   "HTTP/1.1 200 OK\r\nX: \xff\xfe\r\nContent-Length: 3\r\n\r\nabc",
	"a field too long":         "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 3*limit) + "\r\nContent-Length: 3\r\n\r\nabc",
	"too many fields":          "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", limit) + "Content-Length: 3\r\n\r\nabc",
	"a status line too long":   "HTTP/1.1 200 " + strings.Repeat("x", 3*limit) + "\r\nContent-Length: 3\r\n\r\nabc",
	"a body beyond the limit":  "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000),
	"a second answer":          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz",
	"garbage after":            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\x00\x01\x02",
}

func TestAnswersAreReadAsNetHTTPReadsThem(t *testing.T) {
	for name, raw := range answers {
		t.Run(name, func(t *testing.T) {
			alike(t, http.MethodPost, `{"id":1}`, raw)
			alike(t, http.MethodGet, "", raw)
			alike(t, http.MethodHead, "", raw)
			alike(t, http.MethodPost, `{"id":1}`, strings.SplitAfter(raw, "\n")...)
		})
	}
}

// Where an answer is cut does not matter to what it is taken for.
func TestAnswersCutAtEveryByte(t *testing.T) {
	for _, name := range []string{"length", "chunked", "trailers", "until close", "early hints", "HTTP/1.0 kept"} {
		whole := answers[name]
		for i := range len(whole) {
			got := alike(t, http.MethodPost, `{"id":1}`, whole[:i])
			if head := strings.LastIndex(whole, "\r\n\r\n"); name == "length" && i > head+4 && !got.Broken {
				t.Errorf("%s cut at %d of %d: got %+v, want a body that is broken", name, i, len(whole), got)
			}
		}
	}
}

// net/http hands whoever asked the connection itself: nobody asked for that.
func TestSwitchingProtocolsIsNoAnswer(t *testing.T) {
	s := serve(t, func(int) ([]string, bool) {
		return []string{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{\"a\":1}"}, true
	})
	if got := ask(t, client(t, roads(t)["plain"]), http.MethodPost, s.url, "{}"); got.Answered {
		t.Errorf("got %+v, want no answer", got)
	}
}

// What is not sent here goes over net/http unchanged.
func TestRequestsAreWrittenAsNetHTTPWritesThem(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"as it is":           func(*http.Request) {},
		"delete":             func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodDelete, nil, 0 },
		"empty body":         func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 },
		"another host":       func(r *http.Request) { r.Host = "other.example" },
		"close":              func(r *http.Request) { r.Close = true },
		"connection: close":  func(r *http.Request) { r.Header.Set("Connection", "close") },
		"unknown length":     func(r *http.Request) { r.ContentLength = -1 },
		"user agent":         func(r *http.Request) { r.Header.Set("User-Agent", "x") },
		"no user agent":      func(r *http.Request) { r.Header["User-Agent"] = nil },
		"host as a field":    func(r *http.Request) { r.Header.Set("Host", "evil.example") },
		"length as a field":  func(r *http.Request) { r.Header.Set("Content-Length", "1") },
		"encoding a field":   func(r *http.Request) { r.Header.Set("Transfer-Encoding", "chunked") },
		"line feed in value": func(r *http.Request) { r.Header["X"] = []string{"a\r\nHost: evil.example"} },
		"line feed in name":  func(r *http.Request) { r.Header["X\r\nY"] = []string{"a"} },
		"space in name":      func(r *http.Request) { r.Header["X Y"] = []string{"a"} },
		"NUL in value":       func(r *http.Request) { r.Header["X"] = []string{"a\x00"} },
		"letters in value":   func(r *http.Request) { r.Header["X"] = []string{"é"} },
		"many values":        func(r *http.Request) { r.Header["X"] = []string{"a", "b"} },
		"odd case":           func(r *http.Request) { r.Header["x-MiXed"] = []string{"a"} },
		"odd method":         func(r *http.Request) { r.Method = "QUERY" },
		"no method":          func(r *http.Request) { r.Method = "GE T" },
		"line feed in host":  func(r *http.Request) { r.Host = "a\r\nX: y" },
		"body too short":     func(r *http.Request) { r.ContentLength += 5 },
		"body too long":      func(r *http.Request) { r.ContentLength -= 1 },
	} {
		t.Run(name, func(t *testing.T) { wroteAlike(t, change) })
	}
}

// FuzzAnswer holds both roads against each other on any bytes.
func FuzzAnswer(f *testing.F) {
	for _, raw := range answers {
		f.Add(raw, len(raw)/2, false)
	}
	f.Fuzz(func(t *testing.T, raw string, cut int, get bool) {
		if strings.Contains(raw, " 101") {
			t.Skip("the one difference: TestSwitchingProtocolsIsNoAnswer")
		}
		method, sent := http.MethodPost, "{}"
		if get {
			method, sent = http.MethodGet, ""
		}
		cut = min(max(cut, 0), len(raw))
		alike(t, method, sent, raw[:cut], raw[cut:])
	})
}
