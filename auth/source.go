package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	maxKeyBytes = 1 << 20          // longest key set or key file
	keyTimeout  = 10 * time.Second // for one fetch of a key set, in all
	maxHops     = 3                // redirects within one host
)

// source makes what loads the issuer's keys; nil for keys that are fixed.
func (c *Issuer) source(client *http.Client) (source, error) {
	switch {
	case c.JWKSURL != "":
		if err := checkKeyURL(c.JWKSURL); err != nil {
			return nil, err
		}
		return &remoteKeys{url: c.JWKSURL, client: client}, nil
	case c.PublicKeyFile != "":
		return &fileKeys{path: c.PublicKeyFile, parse: parseKeys}, nil
	case c.SecretFile != "":
		return &fileKeys{path: c.SecretFile, parse: secretKeys}, nil
	}
	return nil, nil
}

// fixedKeys are those that came with the configuration; they last for ever.
func (c *Issuer) fixedKeys() (*keySet, error) {
	set := c.local
	if set == nil {
		var err error
		if set, err = parseSecret(c.Secret); err != nil {
			return nil, err
		}
	}
	set.until.Store(math.MaxInt64)
	return set, nil
}

func secretKeys(data []byte) (*keySet, []string, error) {
	set, err := parseSecret(data)
	return set, nil, err
}

// fileKeys reads a file whenever it was replaced or written. It looks at the
// path each time, since that may be a link that moves (Kubernetes secrets).
type fileKeys struct {
	path  string
	parse func([]byte) (*keySet, []string, error)
	read  fs.FileInfo // of the file that was read last; nil before
}

func (f *fileKeys) load(context.Context) (*keySet, []string, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if f.read != nil && os.SameFile(info, f.read) && info.Size() == f.read.Size() && info.ModTime().Equal(f.read.ModTime()) {
		return nil, nil, errUnchanged
	}
	data, err := readAll(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.path, err)
	}
	set, notes, err := f.parse(data)
	if err != nil {
		return nil, notes, fmt.Errorf("%s: %w%s", f.path, err, list(notes))
	}
	f.read = info
	return set, notes, nil
}

// remoteKeys fetches a JWKS.
type remoteKeys struct {
	url    string
	client *http.Client
}

func (h *remoteKeys) load(ctx context.Context) (*keySet, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s answered %s", h.url, resp.Status)
	}
	data, err := readAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", h.url, err)
	}
	if strings.HasPrefix(string(data), "-----BEGIN") {
		return nil, nil, fmt.Errorf("%s: PEM instead of a JWKS", h.url)
	}
	set, notes, err := parseKeys(data)
	if err != nil {
		return nil, notes, fmt.Errorf("%s: %w%s", h.url, err, list(notes))
	}
	return set, notes, nil
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyBytes+1))
	if err == nil && len(data) > maxKeyBytes {
		err = fmt.Errorf("longer than %d bytes", maxKeyBytes)
	}
	return data, err
}

func list(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// newKeyClient makes the client that fetches key sets. A redirect is followed
// within the host only: the configuration names who is trusted.
func newKeyClient(rt http.RoundTripper) *http.Client {
	if rt == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		t.MaxResponseHeaderBytes = 64 << 10
		rt = t
	}
	return &http.Client{
		Transport: rt,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0].URL
			switch {
			case len(via) > maxHops:
				return errors.New("too many redirects")
			case req.URL.Host != first.Host || req.URL.Scheme != first.Scheme:
				return errors.New("redirect to another host or scheme")
			}
			return nil
		},
	}
}

// checkKeyURL accepts https anywhere and http on loopback.
func checkKeyURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return errors.New("the JWKS URL is not an absolute URL")
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("the JWKS URL must not hold credentials or a fragment")
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return errors.New("the JWKS URL must be https (http on loopback only): who can change the keys on the way can be anyone")
	}
	return nil
}
