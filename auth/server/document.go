package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Bounds of metadata documents (draft-ietf-oauth-client-id-metadata-document).
const (
	maxDocument     = 5 << 10 // bytes
	documentWait    = 5 * time.Second
	mostDocuments   = 64 // remembered
	documentFetches = 20 // a minute: whoever can open the page can make the gateway ask somebody
)

// documents remembers clients that a document of the internet describes.
type documents struct {
	mu      sync.Mutex
	known   map[string]described
	fetched pace
}

type described struct {
	c     *client
	until time.Time
}

// documented is the client whose ID is the URL of its metadata document. If the
// document cannot be had (a machine without the internet), the client is one that says
// of itself what it is, as a registered one is: it is answered on loopback only, where
// a document proves nothing anyway, since any program can listen there.
func (s *Server) documented(ctx context.Context, id string, asked *redirect) (*client, error) {
	u, err := documentURL(id)
	if err != nil {
		return nil, err
	}
	now := s.opt.Now()
	if c := s.documents.find(id, now); c != nil {
		return c, nil
	}
	if !s.documents.fetched.take(now) {
		return nil, errors.New("too many documents of clients were asked for: try again in a minute")
	}
	c, err := s.fetch(ctx, id, u)
	if unread := (*unreadError)(nil); errors.As(err, &unread) {
		s.opt.Log.Info("the metadata document of a client could not be had", "client", id, "error", err)
		if asked == nil || !asked.local {
			return nil, fmt.Errorf("the client's metadata document at %s could not be had, and its redirect is not on this machine", u.Host)
		}
		return &client{id: id, name: "a client of " + u.Host, document: u.Host, unread: true, redirects: []*redirect{asked}}, nil
	}
	if err != nil {
		return nil, err
	}
	s.documents.put(id, described{c, now.Add(documentAge)})
	return c, nil
}

// documentURL checks an ID that is a URL: https, a name of the internet, a path, and
// nothing that another reader may take for another place.
func documentURL(id string) (*url.URL, error) {
	u, err := url.Parse(id)
	switch {
	case err != nil || len(id) > maxRedirect || u.Scheme != "https" || u.User != nil || u.Fragment != "" || strings.Contains(id, "#") || u.Opaque != "":
		return nil, errors.New("a client's ID that is a URL is https, without user and fragment")
	case !hostForm.MatchString(u.Host) || !strings.Contains(u.Host, ".") || net.ParseIP(u.Hostname()) != nil || private(u.Host):
		return nil, errors.New("a client's ID that is a URL names a host of the internet, in lower case, without a port")
	case u.Path == "" || u.Path == "/" || badPath(u.EscapedPath()) || u.String() != id:
		return nil, errors.New("a client's ID that is a URL has a path, in its canonical form")
	}
	return u, nil
}

// private are names that lead to no host of the internet (RFC 6761, RFC 6762, RFC 8375,
// and the one that ICANN keeps for networks of one's own). What a name leads to is
// looked at once more when it is connected to.
func private(host string) bool {
	for _, end := range []string{".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid", ".onion"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return host[len(host)-1] >= '0' && host[len(host)-1] <= '9' // no name of the internet ends so; "127.1" is an address to some
}

// unreadError means that nobody knows what a document would say.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }

func (s *Server) fetch(ctx context.Context, id string, u *url.URL) (*client, error) {
	if s.opt.Documents == nil {
		return nil, errNoClient
	}
	ctx, cancel := context.WithTimeout(ctx, documentWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, id, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.opt.Documents.Do(req)
	if err != nil {
		return nil, &unreadError{err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the client's metadata document is answered with %d; a redirect is not followed", resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, &unreadError{err}
	case len(raw) > maxDocument:
		return nil, errors.New("the client's metadata document is too long")
	}
	return readDocument(id, u, raw)
}

// readDocument takes what a document says, if it is the client's own.
func readDocument(id string, u *url.URL, raw []byte) (*client, error) {
	var in struct {
		ID        string   `json:"client_id"`
		Name      string   `json:"client_name"`
		Redirects []string `json:"redirect_uris"`
		Method    string   `json:"token_endpoint_auth_method"`
		Secret    string   `json:"client_secret"`
	}
	if err := readJSON(raw, &in, "client_id", "client_name", "redirect_uris", "token_endpoint_auth_method", "client_secret"); err != nil {
		return nil, fmt.Errorf("the client's metadata document is %w", err)
	}
	if in.ID != id {
		return nil, errors.New("the client's metadata document is another client's: its client_id is not where it lies")
	}
	if in.Secret != "" || strings.HasPrefix(in.Method, "client_secret") {
		return nil, errors.New("the client's metadata document says that the client has a secret, which everybody could read")
	}
	c := &client{id: id, name: clean(in.Name), document: u.Host}
	var err error
	c.redirects, err = parseRedirects(in.Redirects)
	return c, err
}

func (d *documents) find(id string, now time.Time) *client {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.known[id]; ok && now.Before(known.until) {
		return known.c
	}
	return nil
}

// put remembers a client. With no place left, another goes, to be fetched again.
func (d *documents) put(id string, c described) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]described{}
	}
	for old := range d.known {
		if len(d.known) < mostDocuments {
			break
		}
		delete(d.known, old)
	}
	d.known[id] = c
}
