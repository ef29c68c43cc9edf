// Package proof lets a program of this machine find out that what listens at an
// address is the gateway, before it sends a token there: the port of a gateway that
// does not run is anybody's.
//
// Both sides read one secret file that only their user can. The program sends a
// nonce, the gateway answers with its MAC under that secret. [Transport] does so as the first
// request of each connection and uses a connection for nothing else before: what was
// proved of one connection says nothing of the next, which may come to another
// process. The MAC covers the address of the connection too, as the gateway sees it:
// else who took a port could ask the gateway, which runs at another, and hand on its
// answer.
//
//	GET /.well-known/toolward/proof?nonce=aMqL…(43 characters)
//	→ 200, base64url(HMAC-SHA256(key, "127.0.0.1:8080" 0x0a nonce))
//
// It is the smallest that holds: with a certificate there would be one more file to
// make, renew and trust; a socket in the file system is not on every system, and its
// path may be longer than a socket's name can be. Where the gateway has TLS, its
// certificate is the proof.
package proof

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Path is where the gateway proves itself.
const Path = "/.well-known/toolward/proof"

// nonceSize is that of 32 bytes in base64url.
const nonceSize = 43

// patience is how long a connection may take to prove itself.
const patience = 5 * time.Second

// ErrUnproved says that nothing was sent: nobody listens, or it is not the gateway.
var ErrUnproved = errors.New("nothing was sent")

// Handler answers with the proof. It says nothing that could be used at another
// address, so anybody may ask.
func Handler(key []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := r.URL.Query().Get("nonce")
		local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if raw, err := base64.RawURLEncoding.DecodeString(nonce); err != nil || len(raw) != 32 || len(nonce) != nonceSize || !ok {
			http.Error(w, "nonce must be 32 bytes in base64url", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, sum(key, local.String(), nonce))
	})
}

func sum(key []byte, address, nonce string) string {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, address+"\n"+nonce)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Transport is of HTTP without TLS, to gateways that have the key. It goes through
// no proxy.
func Transport(key []byte) *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, network, address)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrUnproved, err)
			}
			if err := prove(ctx, conn, address, key); err != nil {
				return nil, errors.Join(fmt.Errorf("%w: what listens at %s is not the gateway of this record: %w", ErrUnproved, address, err), conn.Close())
			}
			return conn, nil
		},
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("this transport is for http")
		},
	}
}

// prove asks a connection that is new.
func prove(ctx context.Context, conn net.Conn, host string, key []byte) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var fresh [32]byte
	_, _ = rand.Read(fresh[:]) // never fails (crypto/rand)
	nonce := base64.RawURLEncoding.EncodeToString(fresh[:])
	if _, err := io.WriteString(conn, "GET "+Path+"?nonce="+nonce+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); err != nil {
		return err
	}
	in := bufio.NewReader(io.LimitReader(conn, 8<<10))
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %s", resp.Status)
	case !hmac.Equal(said, []byte(sum(key, conn.RemoteAddr().String(), nonce))):
		return errors.New("its proof is wrong")
	case in.Buffered() > 0 || resp.Close:
		return errors.New("it does not go on after its proof")
	}
	return conn.SetDeadline(time.Time{})
}
