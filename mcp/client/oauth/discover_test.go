package oauth

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// counted is a server of somebody else, that must not be asked.
func counted(t *testing.T) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	n := &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.Add(1); http.NotFound(w, r) }))
	t.Cleanup(s.Close)
	return s, n
}

// A hostile upstream must not choose where the gateway asks or what it sends,
// nor have a person send a code to it.
func TestMetadataThatPointsElsewhereIsRefused(t *testing.T) {
	other, hits := counted(t)
	for name, change := range map[string]func(i *issuer){
		"resource: another":            func(i *issuer) { i.about["resource"] = "https://evil.example/mcp" },
		"resource: none":               func(i *issuer) { i.about["resource"] = "" },
		"resource: a path that starts": func(i *issuer) { i.about["resource"] = i.URL + "/mc" },
		"resource: below":              func(i *issuer) { i.about["resource"] = i.URL + "/mcp/other" },
		"resource: a scheme only":      func(i *issuer) { i.about["resource"] = "http:/" },
		"resource: a query":            func(i *issuer) { i.about["resource"] = i.URL + "/mcp?tenant=other" },
		"metadata at another origin": func(i *issuer) {
			i.challenge = `Bearer resource_metadata="` + other.URL + `/.well-known/oauth-protected-resource/mcp"`
		},
		"metadata not there": func(i *issuer) { i.challenge = `Bearer resource_metadata="` + i.URL + `/nowhere"` },
		"no metadata, and an issuer elsewhere": func(i *issuer) {
			i.about = nil
			i.meta["issuer"] = "https://evil.example"
		},
		"no server":             func(i *issuer) { i.about["authorization_servers"] = []string{} },
		"server: huge metadata": func(i *issuer) { i.meta["x"] = strings.Repeat("x", maxDocument) },
		"another issuer":        func(i *issuer) { i.meta["issuer"] = "https://evil.example" },
		"issuer with a slash":   func(i *issuer) { i.meta["issuer"] = i.URL + "/" },
		"token: plain http":     func(i *issuer) { i.meta["token_endpoint"] = "http://evil.example/token" },
		"token: file":           func(i *issuer) { i.meta["token_endpoint"] = "file:///etc/passwd" },
		"token: none":           func(i *issuer) { i.meta["token_endpoint"] = "" },
		"page: script":          func(i *issuer) { i.meta["authorization_endpoint"] = "javascript:alert(1)" },
		"page: none":            func(i *issuer) { i.meta["authorization_endpoint"] = "" },
		"registration: http":    func(i *issuer) { i.meta["registration_endpoint"] = "http://evil.example/register" },
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			change(i)
			_, err := Login(t.Context(), i.login(t), nil, i.nobody(t))
			if err == nil || len(i.registrations)+len(i.asked()) > 0 {
				t.Errorf("%v, %d registrations, %d token requests", err, len(i.registrations), len(i.asked()))
			}
		})
	}
	if n := hits.Load(); n > 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

// The same holds for the server that the configuration names.
func TestConfiguredIssuersMetadataIsChecked(t *testing.T) {
	for name, meta := range map[string]map[string]any{
		"another issuer": {"issuer": "https://evil.example"},
		"plain http":     {"token_endpoint": "http://evil.example/token"},
		"file":           {"token_endpoint": "file:///etc/passwd"},
		"none":           {"token_endpoint": ""},
	} {
		i := newIssuer(t)
		i.meta = meta
		if _, err := source(t, i.options()).Authorization(t.Context()); err == nil || len(i.asked()) > 0 {
			t.Errorf("%s: %v, %d token requests", name, err, len(i.asked()))
		}
	}
}

// Redirects would lead to places that nobody vouched for.
func TestDiscoveryFollowsNoRedirect(t *testing.T) {
	other, hits := counted(t)
	for _, place := range []string{"/mcp", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server", "/register"} {
		t.Run(place, func(t *testing.T) {
			i := newIssuer(t)
			real := i.Config.Handler
			i.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == place {
					http.Redirect(w, r, other.URL+place, http.StatusTemporaryRedirect)
					return
				}
				real.ServeHTTP(w, r)
			})
			_, _ = Login(t.Context(), i.login(t), nil, i.agree(t)) // it may find another way
			if n := hits.Load(); n > 0 {
				t.Errorf("the other server was asked %d times", n)
			}
		})
	}
}

// An upstream on the internet must not have the gateway ask services of its own
// machine or network, by an address or by a name that means one.
func TestUpstreamOnTheInternetNamesNothingInside(t *testing.T) {
	remote, err := url.Parse("https://tools.example.com/mcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, loopback := range []string{"https://127.0.0.1/token", "http://localhost:8080/token", "https://LOCALHOST/token", "https://[::1]/token"} {
		if sameReach(remote, loopback) == nil {
			t.Errorf("an upstream on the internet names %s", loopback)
		}
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the service inside was asked") }))
	defer s.Close()
	client := Outward()
	transport := client.Transport.(outwardTransport)
	transport.direct.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	defer transport.direct.CloseIdleConnections()
	if _, _, err := get(t.Context(), client, s.URL); err == nil || !strings.Contains(err.Error(), "oauth.issuer") {
		t.Errorf("an address of this machine: %v", err)
	}
}

// An address of IPv4 can be written in one of IPv6 in many ways, and each leads
// to the same machine.
func TestNoSpecialAddressIsPublic(t *testing.T) {
	for _, inside := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.1.1"} {
		b := netip.MustParseAddr(inside).As4()
		embedded := func(prefix string, at int) string {
			a := netip.MustParseAddr(prefix).As16()
			copy(a[at:], b[:])
			return netip.AddrFrom16(a).String()
		}
		for name, address := range map[string]string{
			"itself": inside, "mapped": "::ffff:" + inside, "compatible": embedded("::", 12), "translated": embedded("::ffff:0:0:0", 12),
			"NAT64": embedded("64:ff9b::", 12), "NAT64 of its own": embedded("64:ff9b:1::", 12), "6to4": embedded("2002::", 2), "Teredo": embedded("2001::", 12),
		} {
			if isPublic(netip.MustParseAddr(address)) {
				t.Errorf("%s, %s: %s is public", inside, name, address)
			}
		}
		if !isOurs(netip.MustParseAddr(inside)) || !isOurs(netip.MustParseAddr("::ffff:"+inside)) {
			t.Errorf("%s is not of a private network", inside)
		}
	}
	for _, address := range []string{"0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "198.18.0.1", "198.19.255.255",
		"224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fd00::1", "fd00::1%1", "fc00::1", "ff02::1", "100::1",
		"2001:2::1", "2001:10::1", "2001:db8::1", "3fff::1", "5f00::1", "64:ff9b::8.8.8.8", "2002:808:808::1"} {
		if isPublic(netip.MustParseAddr(address)) {
			t.Errorf("%s is public", address)
		}
	}
	for _, address := range []string{"93.184.216.34", "172.32.0.1", "100.128.0.1", "192.0.1.1", "198.20.0.1", "2606:2800:220:1::1", "2001:4860:4860::8888", "::ffff:93.184.216.34"} {
		if a := netip.MustParseAddr(address); !isPublic(a) || isOurs(a) {
			t.Errorf("%s is not public", address)
		}
	}
	// Who is reached through a strange prefix must not pass for a neighbour, who may name private addresses.
	for _, address := range []string{"64:ff9b::8.8.8.8", "2002:808:808::1", "2001:db8::1", "0.0.0.0", "203.0.113.1"} {
		if isOurs(netip.MustParseAddr(address)) {
			t.Errorf("%s is of a private network", address)
		}
	}
}

// internet answers for every host, with what each path should say, and notes who
// was asked.
type internet struct {
	issuer, endpoints string // what the upstream and its server say
	asked             []string
}

func (n *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked = append(n.asked, r.URL.Scheme+"://"+r.URL.Host)
	w := httptest.NewRecorder()
	switch {
	case strings.Contains(r.URL.Path, "oauth-protected-resource"):
		fmt.Fprintf(w, `{"resource":"https://tools.example.com/mcp","authorization_servers":[%q]}`, n.issuer)
	case strings.Contains(r.URL.Path, "oauth-authorization-server"):
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%[2]s/a","token_endpoint":"%[2]s/t","registration_endpoint":"%[2]s/r","code_challenge_methods_supported":["S256"]}`, n.issuer, n.endpoints)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
	return w.Result(), nil
}

func TestServerThatAnUpstreamNames(t *testing.T) {
	const good = "https://id.example.com"
	for _, tt := range []struct {
		name, issuer, endpoints string
		fine                    bool
	}{
		{"another host", good, good, true},
		{"plain http", "http://id.example.com", good, false},
		{"no web address", "file:///etc/passwd", good, false},
		{"with a user", "https://u@id.example.com", good, false},
		{"this machine", "https://localhost:9200", good, false},
		{"this machine, by number", "https://127.0.0.1:9200", good, false},
		{"endpoints on this machine", good, "https://127.0.0.1:9200", false},
		{"endpoints without TLS", good, "http://id.example.com", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &internet{issuer: tt.issuer, endpoints: tt.endpoints}
			f, err := discover(t.Context(), Options{URL: "https://tools.example.com/mcp", HTTP: &http.Client{Transport: n}})
			if fine := err == nil; fine != tt.fine {
				t.Errorf("%v, %+v", err, f.server)
			}
			for _, host := range n.asked {
				if host != "https://tools.example.com" && host != good {
					t.Errorf("%s was asked", host)
				}
			}
		})
	}
}

// The variants of where metadata is: by the challenge, with the path inserted,
// at the root, of OpenID Connect, and none at all for MCP 2025-03-26.
func TestMetadataIsFoundWhereItIs(t *testing.T) {
	const prm, as, oidc = "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	for _, tt := range []struct {
		name      string
		challenge string // path of resource_metadata
		prm       string // path, "" is none
		resource  string // path that the upstream says
		issuer    string // path
		as        string // path, "" is none
		want      string // path of the token endpoint
	}{
		{"path inserted", "", prm + "/mcp", "/mcp", "", as, "/t"},
		{"root", "", prm, "", "", as, "/t"},
		{"challenge", "/custom/place.json", "/custom/place.json", "/mcp", "", as, "/t"},
		{"openid", "", prm + "/mcp", "/mcp", "", oidc, "/t"},
		{"tenant", "", prm + "/mcp", "/mcp", "/tenant", as + "/tenant", "/t"},
		{"tenant of openid, inserted", "", prm + "/mcp", "/mcp", "/tenant", oidc + "/tenant", "/t"},
		{"tenant of openid, appended", "", prm + "/mcp", "/mcp", "/tenant", "/tenant" + oidc, "/t"},
		{"2025-03-26 with metadata", "", "", "/mcp", "", as, "/t"},
		{"2025-03-26 without", "", "", "/mcp", "", "", "/token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var base string
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.Path)
				switch r.URL.Path {
				case "/mcp":
					if tt.challenge != "" {
						w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+base+tt.challenge+`"`)
					}
					w.WriteHeader(http.StatusUnauthorized)
				case tt.prm:
					_, _ = w.Write([]byte(`{"resource":"` + base + tt.resource + `","authorization_servers":["` + base + tt.issuer + `"]}`))
				case tt.as:
					_, _ = w.Write([]byte(`{"issuer":"` + base + tt.issuer + `","token_endpoint":"` + base + `/t"}`))
				default:
					http.NotFound(w, r)
				}
			}))
			defer s.Close()
			base = s.URL
			f, err := discover(t.Context(), Options{URL: base + "/mcp"})
			if err != nil {
				t.Fatal(err)
			}
			if f.server.TokenEndpoint != base+tt.want || f.resource != base+tt.resource {
				t.Errorf("token endpoint %s, resource %s", f.server.TokenEndpoint, f.resource)
			}
			if tt.challenge != "" && strings.Contains(strings.Join(asked, " "), prm) {
				t.Errorf("well-known places were asked beside the named one: %v", asked)
			}
		})
	}
}
