package server

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed consent.html consent.css
var files embed.FS

var (
	style, _ = files.ReadFile("consent.css")
	shape    = template.Must(template.ParseFS(files, "consent.html"))

	// styleHash lets the page's own style in and no other (CSP 3 §8.4).
	styleHash = func() string {
		sum := sha256.Sum256(style)
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}()
)

// page is what a person is shown: a question, or with Fault set, why there is none.
type page struct {
	Title, Fault string
	CSS          template.CSS

	Name     string // of the client, without characters that mislead
	Document string // the host that vouches for it, "" for none
	Host     string // the host that would, if its document could be had
	Unread   bool
	Place    string // where the answer goes
	Away     bool   // which is not this machine
	Program  bool   // which is a program, by its scheme
	Endpoint string
	Scopes   []string
	Ends     string // date
	Base     string
	Action   string

	Page  string // sealed
	Agent string
	Roles string
	Code  bool   // the code of the log is needed
	Again string // what was wrong with the last answer
}

// show writes a page. Nothing of it runs, it stands in no frame, and its form goes to
// the gateway and from there to where the client is answered, and nowhere else: a
// browser holds redirects against form-action, too.
func (s *Server) show(w http.ResponseWriter, status int, p page, to string) {
	p.CSS = template.CSS(style)
	if p.Title == "" {
		p.Title = "Let a client in?"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styleHash+"; form-action 'self'"+to+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a browser sends "Origin: null" with the form
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := shape.Execute(w, p); err != nil {
		s.opt.Log.Debug("a page could not be written", "error", err)
	}
}
