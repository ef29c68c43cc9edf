package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// check looks at what fields mean together. It runs also when single fields
// are wrong, so that all errors come at once; a wrong field has its default
// here, or is empty.
func (d *decoder) check(c *Config) {
	d.checkListener(c)
	d.checkAuth(c)
	names := map[string]string{}
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		path := "upstreams." + u.Name
		if other, clash := names[strings.ToLower(u.Name)]; clash {
			d.wrong(path, "", "differs from the upstream %q only in case", other)
		}
		names[strings.ToLower(u.Name)] = u.Name
		d.checkUpstream(u, path)
	}
	d.checkPolicy(&c.Policy)
	d.checkLimits(c)
	d.checkGuard(c)
	d.checkAudit(&c.Audit)
	d.checkAdmin(c)
	if c.Approvals.Wait > c.Approvals.Expire {
		d.wrong("approvals.wait", "", "%s is longer than approvals.expire, %s", showDuration(c.Approvals.Wait), showDuration(c.Approvals.Expire))
	}
}

// wrong reports an error at a field, or at what it is in if it is not there.
func (d *decoder) wrong(path, hint, format string, args ...any) {
	at, m := path, mark{}
	for ok := false; !ok && at != ""; {
		if m, ok = d.marks[at]; !ok {
			at = parent(at)
		}
	}
	if m == (mark{}) {
		m = mark{1, 1}
	}
	d.errorAt(m, path, fmt.Sprintf(format, args...), hint)
}

// reported says whether there is already an error about a field or about
// something in it, so that what follows from that is not reported as well.
func (d *decoder) reported(path string) bool {
	return slices.ContainsFunc(d.errs, func(e *Error) bool {
		return e.Field == path || strings.HasPrefix(e.Field, path+".") || strings.HasPrefix(e.Field, path+"[")
	})
}

func (d *decoder) required(path, value string) {
	if value == "" && !d.reported(path) && !d.reported(parent(path)) {
		d.wrong(path, "", "is required")
	}
}

func (d *decoder) checkListener(c *Config) {
	beyond := !isLoopback(c.Listen)
	if c.TLS != nil {
		d.required("tls.cert", c.TLS.Cert)
		d.required("tls.key", c.TLS.Key)
	} else if beyond && !c.Insecure {
		d.wrong("listen", "configure tls:, or set insecure: true if something in front of the gateway does TLS",
			"plain HTTP beyond loopback: tokens could be read on the way")
	}
	if beyond && len(c.Auth.Issuers) == 0 && d.marks["auth.local"] == (mark{}) && !d.reported("auth") {
		d.wrong("listen", "configure auth.issuers, or auth.local to use the gateway's own issuer on purpose",
			"no issuer is configured; the development issuer is for loopback only")
	}
	for i, h := range c.HTTP.Hosts {
		if strings.ContainsAny(h, "/ \t*") {
			d.wrong(element("http.hosts", i), "", "expected a host name, with a port if it is not the scheme's own")
		}
	}
	for i, network := range c.HTTP.TrustedProxies {
		p, err := netip.ParsePrefix(network)
		switch at := element("http.trusted_proxies", i); {
		case err != nil:
			d.wrong(at, "", "expected a network such as 10.0.0.0/8 or 192.0.2.7/32")
		case p.Bits() == 0:
			d.wrong(at, "name the proxies: who may connect without one could be anybody", "trusts everybody")
		}
	}
	if len(c.HTTP.TrustedProxies) == 0 && d.marks["http.client_header"] != (mark{}) {
		d.wrong("http.client_header", "", "is read from http.trusted_proxies only, and there are none")
	}
	for i, o := range c.HTTP.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			d.wrong(element("http.origins", i), "a pattern or * would let any page use a person's browser",
				"expected an origin such as https://app.example.com, without a path")
		}
	}
}

// isLoopback reports whether an address listens on loopback only.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// operators is the issuer of the operator's credential: gateway.LocalOperators.
const operators = "local"

func (d *decoder) checkAuth(c *Config) {
	seen := map[string]bool{}
	if c.Auth.Local != nil {
		seen[c.Auth.Local.Issuer] = true
		if c.Auth.Local.Issuer == operators {
			d.wrong("auth.local.issuer", "", "%q is how operators of this machine are called on record", operators)
		}
	}
	for i := range c.Auth.Issuers {
		is := &c.Auth.Issuers[i]
		path := element("auth.issuers", i)
		d.required(path+".issuer", is.Issuer)
		if is.Issuer == operators {
			d.wrong(path+".issuer", "", "%q is how operators of this machine are called on record", operators)
		}
		if is.Issuer != "" && seen[is.Issuer] {
			d.wrong(path+".issuer", "one entry can have several audiences and algorithms", "the issuer %q stands twice", is.Issuer)
		}
		seen[is.Issuer] = true
		d.checkKeys(is, path)
		d.checkScopes(path+".required_scopes", is.RequiredScopes)
	}
	d.checkScopes("auth.scopes", c.Auth.Scopes)
}

func (d *decoder) checkKeys(is *Issuer, path string) {
	var set []string
	for _, f := range []struct{ name, value string }{
		{"jwks_url", is.JWKSURL}, {"public_key_file", is.PublicKeyFile}, {"secret_file", is.SecretFile}, {"secret", is.Secret.Reveal()},
	} {
		if f.value != "" || d.reported(path+"."+f.name) {
			set = append(set, f.name)
		}
	}
	switch {
	case len(set) == 0 && d.reported(path):
		return // most likely a misspelt name
	case len(set) == 0:
		d.wrong(path, "add jwks_url, public_key_file, secret_file or secret", "says nothing about the keys of its tokens")
		return
	case len(set) > 1:
		d.wrong(path+"."+set[1], "keep one of them", "%s are both set", strings.Join(set, " and "))
		return
	}
	if u, err := url.Parse(is.JWKSURL); err == nil && u.Scheme == "http" && !isLoopback(net.JoinHostPort(u.Hostname(), "0")) {
		d.wrong(path+".jwks_url", "", "must be https: who can change the keys on the way can be anyone")
	}
	secret := set[0] == "secret" || set[0] == "secret_file"
	if len(is.Algorithms) == 0 {
		is.Algorithms = []string{"RS256", "ES256", "EdDSA"}
		if secret {
			is.Algorithms = []string{"HS256"}
		}
	}
	for i, alg := range is.Algorithms {
		if alg != "" && slices.Contains(algorithmNames, alg) && strings.HasPrefix(alg, "HS") != secret {
			d.wrong(path+element(".algorithms", i), "HS* goes with a secret, all others with public keys",
				"%s does not go with %s", alg, set[0])
		}
	}
	least := map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}
	for _, alg := range is.Algorithms {
		if n := len(is.Secret); n > 0 && n < least[alg] {
			d.wrong(path+".secret", "", "has %d bytes; %s needs %d at least (RFC 7518 section 3.2)", n, alg, least[alg])
		}
	}
}

func (d *decoder) checkScopes(path string, scopes []string) {
	for i, s := range scopes {
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			d.wrong(element(path, i), "list several scopes as several elements", "not a scope (RFC 6749 section 3.3)")
		}
	}
}

func (d *decoder) checkUpstream(u *Upstream, path string) {
	var kinds []string
	for _, f := range []struct{ name, value string }{{"command", u.Command}, {"url", u.URL}, {"openapi", u.OpenAPI}} {
		if f.value != "" || d.reported(path+"."+f.name) {
			kinds = append(kinds, f.name)
		}
	}
	switch {
	case len(kinds) == 0 && d.reported(path):
		return // most likely a misspelt name
	case len(kinds) == 0:
		d.wrong(path, "add command: (a program), url: (an MCP server) or openapi: (an HTTP API)", "says nothing about where the upstream is")
		return
	case len(kinds) > 1:
		d.wrong(path+"."+kinds[1], "keep one of them", "%s are both set", strings.Join(kinds, " and "))
		return
	}
	// belongs lists which fields mean something beside which kind.
	belongs := map[string][]string{
		"args": {"command"}, "env": {"command"}, "dir": {"command"},
		"transport": {"url"}, "headers": {"url", "openapi"}, "oauth": {"url", "openapi"}, "base_url": {"openapi"},
		"credentials": {"openapi"}, "operations": {"openapi"},
		"isolate": {"command", "url"},
	}
	for _, name := range sortedNames(belongs) {
		if _, there := d.marks[path+"."+name]; there && !slices.Contains(belongs[name], kinds[0]) {
			d.wrong(path+"."+name, "", "means nothing beside %s; it goes with %s", kinds[0], strings.Join(belongs[name], " or "))
		}
	}
	if kinds[0] == "url" && u.Transport == "" {
		u.Transport = "http"
	}
	if kinds[0] != "openapi" && u.Isolate == "" {
		u.Isolate = "shared"
	}
	d.checkHeaderValues(path+".headers", u.Headers)
	d.checkHeaderValues(path+".credentials", u.Credentials)
	for _, name := range sortedNames(u.Env) {
		if strings.Contains(u.Env[name].Reveal(), "\x00") {
			d.wrong(path+".env."+name, "", "holds a zero byte")
		}
	}
	if u.OAuth != nil {
		d.checkOAuth(u.OAuth, path+".oauth")
	}
}

// checkHeaderValues keeps a variable from adding headers of its own.
func (d *decoder) checkHeaderValues(path string, headers map[string]Secret) {
	folded := map[string]string{}
	for _, name := range sortedNames(headers) {
		if strings.ContainsAny(headers[name].Reveal(), "\r\n\x00") {
			d.wrong(path+"."+name, "", "a header's value must not hold line ends")
		}
		if other, twice := folded[strings.ToLower(name)]; twice {
			d.wrong(path+"."+name, "", "is the same header as %s", other)
		}
		folded[strings.ToLower(name)] = name
	}
}

// checkOAuth asks for what a grant needs. Where there is a secret, the
// authorization server must be named here: else the upstream would choose who
// gets it.
func (d *decoder) checkOAuth(o *OAuth, path string) {
	d.required(path+".grant", o.Grant)
	login := o.Grant == "authorization_code"
	var proofs []string
	for _, f := range []struct{ name, value string }{
		{"client_secret", o.ClientSecret.Reveal()}, {"client_secret_file", o.ClientSecretFile}, {"client_key_file", o.ClientKeyFile},
	} {
		if f.value != "" {
			proofs = append(proofs, f.name)
		}
	}
	if o.Grant == "client_credentials" || o.Grant == "token_exchange" || o.Grant == "id_jag" || len(proofs) > 0 {
		d.required(path+".client_id", o.ClientID)
	}
	switch o.Grant {
	case "jwt_bearer":
		d.required(path+".assertion_file", o.AssertionFile)
	case "id_jag":
		d.required(path+".issuer", o.Issuer)
		if o.Identity == nil {
			d.required(path+".identity", "")
		}
	}
	if o.Identity != nil {
		d.required(path+".identity.token_url", o.Identity.TokenURL)
		d.required(path+".identity.client_id", o.Identity.ClientID)
		if o.Identity.ClientSecret != "" && o.Identity.ClientSecretFile != "" {
			d.wrong(path+".identity.client_secret", "keep the file", "client_secret and client_secret_file are both set")
		}
	}
	if len(proofs) > 1 {
		d.wrong(path+"."+proofs[0], "keep one of them", "%s are both set", strings.Join(proofs[:2], " and "))
	}
	if o.Grant != "" && o.Issuer == "" && o.TokenURL == "" && (!login || len(proofs) > 0) && !d.reported(path+".issuer") && !d.reported(path+".token_url") {
		d.wrong(path+".issuer", "name the authorization server, so that no other gets the gateway's credentials", "is required, or token_url")
	}
	only := map[string][]string{
		"assertion_file": {"jwt_bearer", "id_jag"}, "identity": {"id_jag"},
		"callback_port": {"authorization_code"}, "client_metadata_url": {"authorization_code"},
	}
	for _, name := range sortedNames(only) {
		if _, there := d.marks[path+"."+name]; there && o.Grant != "" && !slices.Contains(only[name], o.Grant) {
			d.wrong(path+"."+name, "", "means nothing with the grant %s; it goes with %s", o.Grant, strings.Join(only[name], " or "))
		}
	}
	if o.ClientMetadataURL != "" && !strings.HasPrefix(o.ClientMetadataURL, "https://") {
		d.wrong(path+".client_metadata_url", "", "must be https")
	}
	d.checkScopes(path+".scopes", o.Scopes)
}
