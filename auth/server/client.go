package server

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode"

	"toolward/auth"
	"toolward/gateway"
)

var b64 = base64.RawURLEncoding.Strict()

// client is who asks for tokens: a program that says of itself what it is.
type client struct {
	id        string
	name      string
	redirects []*redirect
	document  string // host of the metadata document that says so; "" for what the client said itself
	unread    bool   // the document could not be had: what it would say is not known
}

// key is what the record calls the client: its ID where that is a URL, else a digest.
func (c *client) key() string { return clientKey(c.id) }

func clientKey(id string) string {
	if strings.HasPrefix(id, "https://") {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "registered:" + hex.EncodeToString(sum[:12])
}

// registered is what a client's ID holds.
type registered struct {
	Name      string   `json:"n"`
	Redirects []string `json:"r"`
}

const (
	clientPrefix = "twc_"
	clientMAC    = 16 // bytes
	maxClientID  = 4 << 10
	maxRedirects = 10
	maxName      = 64 // characters
)

// register answers a registration (RFC 7591 §3). Nothing is kept: the ID is what was
// registered, so whoever sends a million costs no memory.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		s.refuse(w, r, &fault{invalidMetadata, "the body is too long, or did not arrive"})
		return
	}
	var in struct {
		Name      string   `json:"client_name"`
		Redirects []string `json:"redirect_uris"`
	}
	if err := readJSON(raw, &in, "client_name", "redirect_uris"); err != nil {
		s.refuse(w, r, &fault{invalidMetadata, "the body is " + err.Error()})
		return
	}
	c := client{name: clean(in.Name)}
	if c.redirects, err = parseRedirects(in.Redirects); err != nil {
		s.refuse(w, r, &fault{invalidRedirect, err.Error()})
		return
	}
	id := s.clientID(registered{c.name, in.Redirects})
	if len(id) > maxClientID {
		s.refuse(w, r, &fault{invalidMetadata, "the redirect URIs are too long"})
		return
	}
	s.json(w, http.StatusCreated, map[string]any{
		"client_id": id, "client_id_issued_at": s.opt.Now().Unix(), "client_name": c.name, "redirect_uris": in.Redirects,
		"token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
	})
}

// readJSON reads an object whose members all readers take alike: none stands twice, or
// once more in other letters.
func readJSON(raw []byte, to any, names ...string) error {
	members, err := gateway.ParseObject(raw)
	if err == nil {
		err = members.RefuseFolded(names...)
	}
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		return errors.New("no JSON object that all readers understand alike, with members of the types that RFC 7591 gives them")
	}
	return nil
}

func parseRedirects(raw []string) (all []*redirect, err error) {
	if len(raw) == 0 || len(raw) > maxRedirects {
		return nil, errors.New("a client has 1 to 10 redirect URIs")
	}
	for _, one := range raw {
		d, err := parseRedirect(one)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func (s *Server) clientID(c registered) string {
	text, _ := json.Marshal(c) // strings only: cannot fail
	return clientPrefix + b64.EncodeToString(append(text, s.mac("client", text)[:clientMAC]...))
}

// registeredClient reads an ID that was given out before.
func (s *Server) registeredClient(id string) (*client, error) {
	raw, err := b64.DecodeString(strings.TrimPrefix(id, clientPrefix))
	if err != nil || len(id) > maxClientID || len(raw) <= clientMAC || strings.ContainsAny(id, "\r\n") {
		return nil, errNoClient
	}
	text, mac := raw[:len(raw)-clientMAC], raw[len(raw)-clientMAC:]
	if !hmac.Equal(mac, s.mac("client", text)[:clientMAC]) {
		return nil, errNoClient
	}
	var in registered
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&in); err != nil {
		return nil, errNoClient
	}
	c := &client{id: id, name: in.Name}
	if c.redirects, err = parseRedirects(in.Redirects); err != nil {
		return nil, errNoClient // it was good under rules of an older version
	}
	return c, nil
}

var errNoClient = errors.New("this gateway does not know the client: let the client register again (remove the server from it, and add it)")

// clean is a name as a page may show it: no character that nobody sees or that
// turns others around, no tower of marks over what stands beside it, and not longer
// than a line.
func clean(name string) string {
	marks := 0
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if marks++; !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		}
		switch {
		case unicode.IsSpace(r):
			return ' '
		case auth.Unseen(r) || marks > 3:
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))), " ")
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[:maxName-1]) + "…"
	}
	if name == "" {
		return "a client without a name"
	}
	return name
}
