//go:build e2e

package attacks

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// Attacks on the ways into /v1/admin.

// The credential beside the record works over loopback, from who is there.
func TestOperatorsCredentialFromElsewhere(t *testing.T) {
	g := asking(t, map[string]any{"listen": "0.0.0.0:0", "insecure": true, "http": map[string]any{"hosts": []string{"gw.example.com"}}})
	token := g.Credential(t)
	port := g.URL[strings.LastIndexByte(g.URL, ':')+1:]
	g.URL = "http://127.0.0.1:" + port
	if a := g.Operate(t, token, http.MethodGet, "me", "", nil); a.Status != 200 {
		t.Fatalf("from here: %d %s", a.Status, a.Text)
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, change := range map[string]func(*http.Request){
		"through a proxy that says so":        header("Forwarded", "for=127.0.0.1"),
		"with the address of a proxy's peer":  header("X-Forwarded-For", "203.0.113.9"),
		"that claims to be here":              header("X-Forwarded-For", "127.0.0.1"),
		"with another proxy's field":          header("X-Real-Ip", "127.0.0.1"),
		"through a gateway":                   header("Via", "1.1 gw"),
		"for the host that agents know it by": func(r *http.Request) { r.Host = "gw.example.com" },
		"as one of two tokens":                func(r *http.Request) { r.Header["Authorization"] = append(r.Header["Authorization"], "Bearer x") },
		"in the query":                        func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "access_token=" + token },
		"as a cookie":                         func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Cookie", "token="+token) },
		"as a password":                       func(r *http.Request) { r.Header.Del("Authorization"); r.SetBasicAuth("admin", token) },
	} {
		t.Run(name, func(t *testing.T) {
			if a := g.Operate(t, token, http.MethodGet, "me", "", change); a.Status != 401 && a.Status != 400 || strings.Contains(a.Text, token) {
				t.Errorf("%d %s", a.Status, a.Text)
			}
		})
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		ip, _, err := net.ParseCIDR(addr.String())
		if err != nil || ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		r := lab.NewRequest(t, "http://"+net.JoinHostPort(ip.String(), port)+"/v1/admin/me", token, nil)
		r.Method, r.Host = http.MethodGet, "127.0.0.1:"+port
		if a := lab.Do(t, r); a.Status != 401 {
			t.Errorf("from %s: %d %s", ip, a.Status, a.Text)
		}
	}
	// It is nobody at the agents' doors.
	if a := lab.CallREST(t, g, token, "lab__echo", `{}`); a.Status != 401 {
		t.Errorf("as an agent: %d %s", a.Status, a.Text)
	}
	if strings.Contains(g.Log.String(), token) || len(g.Rows(t, "", "SELECT 1 FROM events WHERE instr(body, '"+token+"')")) > 0 {
		t.Error("it is in the log or the record")
	}
	info, err := os.Stat(filepath.Join(g.Dir, "toolward.db.operator"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file: %v %v", info.Mode(), err)
	}
}

// A page in an operator's browser decides nothing, whatever it can make the
// browser send, also one whose origin may call tools.
func TestPagesDecideNothing(t *testing.T) {
	g := asking(t, map[string]any{"http": map[string]any{"origins": []string{"https://app.example.com"}}})
	id := ask(t, g, g.Tester(), lab.Text("x"))
	token := g.Token("rita", "admin")
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"another origin":             {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"an origin that calls tools": {func(r *http.Request) { r.Header.Set("Origin", "https://app.example.com") }, 403},
		"no origin that is named":    {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"our host at another port":   {func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		"a preflight": {func(r *http.Request) {
			r.Method = "OPTIONS"
			r.Header.Set("Origin", "https://app.example.com")
			r.Header.Set("Access-Control-Request-Method", "POST")
		}, 403},
		"DNS rebinding": {func(r *http.Request) { r.Host = "evil.example" }, 403},
		"a form without a token": {func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Content-Type", "text/plain")
			r.Body = io.NopCloser(strings.NewReader("{}"))
		}, 401},
		"a link":                    {func(r *http.Request) { r.Method = "GET" }, 404},
		"a link that says it posts": {func(r *http.Request) { r.Method = "GET"; r.Header.Set("X-HTTP-Method-Override", "POST") }, 404},
		"a link with _method":       {func(r *http.Request) { r.Method = "GET"; r.URL.RawQuery = "_method=POST" }, 404},
		"HEAD":                      {func(r *http.Request) { r.Method = "HEAD" }, 404},
		"PUT":                       {func(r *http.Request) { r.Method = "PUT" }, 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := lab.NewRequest(t, g.URL+"/v1/admin/approvals/"+id+"/approve", token, nil)
			tt.change(r)
			a := lab.Do(t, r)
			if a.Status != tt.want || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%d %v %s", a.Status, a.Header, a.Text)
			}
		})
	}
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
}

// What one reader takes for another path, or another header, is refused.
func TestPathsAndHeadersThatMeanTwoThings(t *testing.T) {
	g := asking(t, nil)
	id := ask(t, g, g.Tester(), lab.Text("x"))
	agent, viewer := g.Tester(), g.Token("vera", "viewer")
	raw := func(token, line string, headers ...string) string {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(lab.Patience)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n", line, strings.TrimPrefix(g.URL, "http://"), token, strings.Join(append(headers, ""), "\r\n"))
		status, _ := bufio.NewReader(c).ReadString('\n')
		return status
	}
	for _, path := range []string{
		"/v1/admin/../admin/approvals/ID/approve", "/v1/tools/../admin/approvals/ID/approve", "/v1/admin//approvals/ID/approve", "//v1/admin/approvals/ID/approve",
		"/v1/admin/approvals/ID%2fapprove", "/v1/admin/approvals/ID/%61pprove", "/v1/admin/approvals/./ID/approve", "/V1/ADMIN/approvals/ID/approve",
		"/v1/admin/approvals/ID/approve;x=1", "/v1/admin/approvals/ID/approve/.", "/v1/admin/approvals/ID/approve%00", "/v1/admin%2fapprovals/ID/approve",
		"/mcp/../v1/admin/approvals/ID/approve", "/v1/admin/me/../approvals/ID/approve", "/v1/admin/approvals/ID/approve/",
	} {
		path = strings.ReplaceAll(path, "ID", id)
		for who, token := range map[string]string{"agent": agent, "viewer": viewer} {
			if status := raw(token, "POST "+path, "Content-Length: 0"); !strings.Contains(status, " 4") {
				t.Errorf("%s as %s: %q", path, who, status)
			}
		}
	}
	admin := g.Token("rita", "admin")
	for name, headers := range map[string][]string{
		"two tokens":         {"Authorization: Bearer " + admin, "Content-Length: 0"},
		"another URL":        {"X-Original-URL: /v1/admin/approvals/" + id + "/approve", "X-Rewrite-URL: /v1/admin/approvals/" + id + "/approve", "Content-Length: 0"},
		"a role of its own":  {"X-Role: admin", "X-Forwarded-User: rita", "X-Remote-User: rita", "X-Auth-Request-Roles: admin", "Content-Length: 0"},
		"a token of a proxy": {"X-Authorization: Bearer " + admin, "Proxy-Authorization: Bearer " + admin, "Content-Length: 0"},
	} {
		if status := raw(agent, "POST /v1/admin/approvals/"+id+"/approve", headers...); !strings.Contains(status, " 4") {
			t.Errorf("%s: %q", name, status)
		}
	}
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
	for name, size := range map[string]int{"over the operation's limit": 65 << 10, "over the listener's": 5 << 20} {
		if a := g.Operate(t, admin, http.MethodPost, "approvals/"+id+"/approve", `{"note":"`+strings.Repeat("x", size)+`"}`, nil); a.Status != 413 {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
}
