// Package web is the only way in by network: the listener with its TLS, limits
// and guards. Surfaces are handed to it as handlers; it makes no decision about
// a call.
//
// What it guarantees to every surface:
//
//   - The Host header names this gateway and a browser's Origin is its own or
//     on the allow-list (MCP 2025-11-25 basic/transports, "Security Warning"; DNS
//     rebinding), else 403.
//   - The body is at most MaxBody bytes by count, not by Content-Length, comes
//     unencoded, and arrives within BodyTimeout.
//   - Headers are at most MaxHeader bytes and arrive within HeaderTimeout.
//   - A peer that does not read loses the connection: half a minute after a
//     write began, and a second for each 32 KiB of it.
//   - Routes are exact: a path that is not registered is 404 before any surface
//     sees it, and is never cleaned into one that is. One slash at the end is
//     not part of a path.
//
// Beyond loopback it serves TLS 1.2 or newer, unless Insecure says otherwise.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/web/problem"
)

// Options configure a [Server]. The zero value of a field is its default.
type Options struct {
	Listen       string   // address; default 127.0.0.1:8080
	Cert, Key    string   // PEM files; both or none. They are read again when they change.
	RedirectHTTP string   // address of a plain listener that answers 308 to https; "" for none
	Insecure     bool     // allow plain HTTP beyond loopback
	Hosts        []string // names this gateway is reached by, besides the address it listens on
	Origins      []string // origins of browsers that may call beside the gateway's own; none by default
	Private      []string // prefixes of paths that Origins are not for: only the gateway's own pages may call there

	MaxBody       int64         // bytes; default 4 MiB
	MaxHeader     int           // bytes; default 32 KiB
	HeaderTimeout time.Duration // default 10 s
	BodyTimeout   time.Duration // default 30 s, for the whole body
	IdleTimeout   time.Duration // default 2 min
	Grace         time.Duration // how long a drain waits for calls; default 20 s
	LameDuck      time.Duration // how long before that /readyz says that it will, while everything is still served; default 0

	TrustedProxies []netip.Prefix // whose word on where a request came from is taken; none by default
	ClientHeader   string         // in which they say it: HeaderXFF, the default, or HeaderForwarded

	// Refused records a refusal made here and returns what to answer; required.
	Refused func(context.Context, *gateway.Call, *gateway.Refusal) *gateway.Refusal

	Ready  func() map[string]error  // parts that must work; nil errors are fine, and those with a method Degraded that returns true are told
	Told   func(*http.Request) bool // who may read what is wrong with a part; nil: nobody
	Logger *slog.Logger
}

// Server is the listener. Handle routes, then Serve.
type Server struct {
	opt      Options
	mux      *http.ServeMux
	http     *http.Server
	redirect *http.Server
	listener net.Listener
	draining atomic.Bool
	hosts    map[string]bool
	origins  map[string]bool
}

// New opens the listener, so that its address is known and a port in use is an
// error at once. It serves nothing before [Server.Serve].
func New(opt Options) (*Server, error) {
	setDefaults(&opt)
	if (opt.Cert == "") != (opt.Key == "") {
		return nil, errors.New("tls needs both a certificate and a key")
	}
	if opt.Cert == "" && !opt.Insecure && !loopback(opt.Listen) {
		return nil, fmt.Errorf("listen on %s: plain HTTP is refused beyond loopback; set tls.cert and tls.key, or insecure: true behind a proxy that ends TLS", opt.Listen)
	}
	l, err := net.Listen("tcp", opt.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{opt: opt, mux: http.NewServeMux(), listener: l, hosts: map[string]bool{}, origins: map[string]bool{}}
	s.allow(opt)
	problem.Elsewhere(s.mux)
	s.Handle("GET /healthz", http.HandlerFunc(s.healthz))
	s.Handle("GET /readyz", http.HandlerFunc(s.readyz))
	s.http = &http.Server{
		Handler:           s.guard(s.mux),
		ReadHeaderTimeout: opt.HeaderTimeout,
		IdleTimeout:       opt.IdleTimeout,
		MaxHeaderBytes:    opt.MaxHeader,
		ErrorLog:          slog.NewLogLogger(opt.Logger.Handler(), slog.LevelDebug),
	}
	if opt.Cert != "" {
		certs, err := newKeypair(opt.Cert, opt.Key)
		if err != nil {
			l.Close()
			return nil, err
		}
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get, NextProtos: []string{"h2", "http/1.1"}}
	}
	if opt.RedirectHTTP != "" {
		s.redirect = &http.Server{Addr: opt.RedirectHTTP, Handler: http.HandlerFunc(s.toHTTPS),
			ReadTimeout: opt.HeaderTimeout, WriteTimeout: opt.HeaderTimeout, IdleTimeout: opt.HeaderTimeout, MaxHeaderBytes: opt.MaxHeader}
	}
	return s, nil
}

func setDefaults(opt *Options) {
	def(&opt.Listen, "127.0.0.1:8080")
	def(&opt.MaxBody, 4<<20)
	def(&opt.MaxHeader, 32<<10)
	def(&opt.HeaderTimeout, 10*time.Second)
	def(&opt.BodyTimeout, 30*time.Second)
	def(&opt.IdleTimeout, 2*time.Minute)
	def(&opt.Grace, 20*time.Second)
	def(&opt.ClientHeader, HeaderXFF)
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Handle registers a handler for a pattern of [http.ServeMux]. At the log's level
// debug a listener says all of them.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.opt.Logger.Debug("route", "pattern", pattern)
	s.mux.Handle(pattern, h)
}

// URL is the base of the gateway's own address, without a trailing slash.
func (s *Server) URL() string {
	scheme := "http"
	if s.opt.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Serve answers until ctx ends, then drains: readiness turns false and everything
// is served for LameDuck, so that whoever balances hears of it; then no new
// connection is taken, and calls under way get Grace to finish. It returns nil
// after a clean drain.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() {
		if s.opt.Cert != "" {
			failed <- s.http.ServeTLS(s.listener, "", "")
		} else {
			failed <- s.http.Serve(s.listener)
		}
	}()
	if s.redirect != nil {
		go func() { failed <- s.redirect.ListenAndServe() }()
	}
	s.opt.Logger.Info("listening", "url", s.URL())
	select {
	case err := <-failed:
		s.http.Close()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.opt.Logger.Info("draining", "lame_duck", s.opt.LameDuck, "grace", s.opt.Grace)
	select {
	case err := <-failed:
		s.http.Close()
		return fmt.Errorf("serve: %w", err)
	case <-time.After(s.opt.LameDuck):
	}
	return s.drain()
}

func (s *Server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.Grace)
	defer cancel()
	if s.redirect != nil {
		s.redirect.Close()
	}
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
		return fmt.Errorf("drain: calls were still running after %s: %w", s.opt.Grace, err)
	}
	s.opt.Logger.Info("stopped", "url", s.URL())
	return nil
}

// OnDrain registers what ends streams that would otherwise never finish.
func (s *Server) OnDrain(f func()) { s.http.RegisterOnShutdown(f) }

// Draining reports whether the server is shutting down.
func (s *Server) Draining() bool { return s.draining.Load() }

// loopback reports whether an address only this machine can reach. A name
// other than localhost is not looked up: what it resolves to can change.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
