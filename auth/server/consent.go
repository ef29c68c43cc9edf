package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"toolward/auth"
)

// sealed is a page that waits for its answer, as the form brings it back under a MAC.
// It is good in the browser that has the cookie, until it is over.
type sealed struct {
	ID     string    `json:"i"`
	Cookie string    `json:"c"` // hash of it
	Until  time.Time `json:"u"`
	Asked  string    `json:"q"` // the request, as the client wrote it
	Spoken bool      `json:"s"` // the code of the log is needed
}

const cookiePrefix = "toolward_page_"

// ask shows the page (RFC 6749 §4.1.1).
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	if f := s.fromHere(r); f != "" {
		s.show(w, http.StatusForbidden, page{Title: "This is not for you", Fault: f}, "")
		return
	}
	q, err := s.parse(r.Context(), r.URL.RawQuery)
	if err != nil {
		s.misled(w, r, q, err)
		return
	}
	p := sealed{ID: rand.Text()[:12], Until: s.opt.Now().Add(pageLife), Asked: r.URL.RawQuery, Spoken: !s.owner(r)}
	if p.Spoken {
		if !s.asked.take(s.opt.Now()) {
			s.show(w, http.StatusTooManyRequests, page{Title: "Too often", Fault: "This page was asked for too often by users that are not the gateway's own: try again in a minute"}, "")
			return
		}
		s.opt.Log.Warn("somebody asks to let a client in: if it is you, type this code into the page", "code", s.spoken(p.ID), "client", q.client.name, "answer_goes_to", q.redirect.place())
	}
	cookie := rand.Text()
	p.Cookie = hashed(cookie)
	http.SetCookie(w, &http.Cookie{
		Name: cookiePrefix + p.ID, Value: cookie, Path: PathConsent, MaxAge: int(pageLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(s.opt.Base, "https:"),
	})
	s.question(w, q, p, "", s.opt.Owner.Subject, strings.Join(s.opt.Roles, " "))
}

// question shows the question of a request.
func (s *Server) question(w http.ResponseWriter, q *request, p sealed, again, agent, roles string) {
	status := http.StatusOK
	if again != "" {
		status = http.StatusUnprocessableEntity
	}
	view := page{
		Name: q.client.name, Unread: q.client.unread, Host: q.client.document, Place: q.redirect.place(), Endpoint: q.endpoint, Scopes: q.scopes,
		Away: q.redirect.scheme == "https", Program: q.redirect.scheme != "https" && q.redirect.scheme != "http",
		Ends: s.opt.Now().Add(grantLife).Format(time.DateOnly), Base: s.opt.Base, Action: PathConsent,
		Page: s.seal(p), Agent: agent, Roles: roles, Code: p.Spoken, Again: again,
	}
	if !q.client.unread {
		view.Document = q.client.document
	}
	to := " " + q.redirect.place()
	if strings.HasPrefix(q.redirect.host, "[") {
		to = " http:" // a policy has no way to write an address of IPv6 (CSP 3 §2.3.1)
	}
	s.show(w, status, view, to)
}

// fromHere says why a request is nobody's who may be asked: it has to be a browser's
// top window, on this machine.
func (s *Server) fromHere(r *http.Request) string {
	switch dest := r.Header.Get("Sec-Fetch-Dest"); {
	case !s.opt.Nearby(r):
		return "This page is for the machine that the gateway runs on, without a proxy between"
	case dest != "" && dest != "document":
		return "This page stands in no other page"
	}
	return ""
}

// owner reports whether the system says that the gateway's own user is at the other
// end. Their programs are theirs: who runs as them can read the signing key, too.
func (s *Server) owner(r *http.Request) bool {
	uid, ok := s.uid(r)
	return ok && uid == os.Geteuid()
}

// misled answers a request that is wrong. A client is told by a redirect, as the
// standard has it, only where that stays on this machine: anybody may register a client,
// and a redirect without a person's yes would send whoever follows a link to the
// gateway wherever the client likes (RFC 9700 §4.11.2).
func (s *Server) misled(w http.ResponseWriter, r *http.Request, q *request, err error) {
	f := (*fault)(nil)
	if errors.As(err, &f) && q.redirect.local {
		s.back(w, r, q, url.Values{"error": {f.code}, "error_description": {f.about}})
		return
	}
	about := err.Error()
	if f != nil {
		about = f.about
	}
	if s.told.take(s.opt.Now()) {
		s.opt.Log.Warn("a client's request to be let in was refused", "reason", about)
	}
	s.show(w, http.StatusBadRequest, page{Title: "This request is not right", Fault: strings.ToUpper(about[:1]) + about[1:]}, "")
}

// back sends the browser back to the client, which learns from whom that is (RFC 9207).
func (s *Server) back(w http.ResponseWriter, r *http.Request, q *request, v url.Values) {
	if q.state != "" {
		v.Set("state", q.state)
	}
	v.Set("iss", s.opt.Base)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", q.redirect.with(v))
	w.WriteHeader(http.StatusSeeOther) // a form's POST becomes a GET (RFC 9700 §4.12)
}

// answer takes what the person said.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	v, f := form(w, r)
	why := s.fromHere(r)
	if why == "" {
		why = s.crossed(r)
	}
	if why == "" && f != nil {
		why = "The form did not arrive as it was shown"
	}
	var p sealed
	if why == "" {
		p, why = s.open(r, v.Get("page"))
	}
	if why == "" && !p.Spoken && !s.owner(r) {
		why = "Another user than the one who was shown the page answered it"
	}
	if why != "" {
		s.show(w, http.StatusForbidden, page{Title: "Not let in", Fault: why}, "")
		return
	}
	q, err := s.parse(r.Context(), p.Asked)
	if err != nil {
		s.misled(w, r, q, err)
		return
	}
	if v.Get("answer") != "yes" {
		s.back(w, r, q, url.Values{"error": {accessDenied}, "error_description": {"the person said no"}})
		return
	}
	s.allow(w, r, q, p, v)
}

// allow makes the code.
func (s *Server) allow(w http.ResponseWriter, r *http.Request, q *request, p sealed, v url.Values) {
	agent, roles := strings.TrimSpace(v.Get("agent")), strings.Fields(v.Get("roles"))
	if p.Spoken {
		if !s.guessed.take(s.opt.Now()) {
			s.show(w, http.StatusTooManyRequests, page{Title: "Too often", Fault: "Too many codes were tried: try again in a minute"}, "")
			return
		}
		typed := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(v.Get("code")))
		want := strings.ReplaceAll(s.spoken(p.ID), "-", "")
		if subtle.ConstantTimeCompare([]byte(typed), []byte(want)) != 1 {
			s.question(w, q, p, "That is not the code that the gateway wrote", agent, v.Get("roles"))
			return
		}
	}
	if err := auth.CheckAgent(agent, roles); err != nil {
		s.question(w, q, p, "It cannot be so: "+err.Error(), agent, v.Get("roles"))
		return
	}
	text := s.codes.add(s.opt.Now(), &code{request: *q, agent: agent, roles: roles})
	if text == "" {
		s.show(w, http.StatusServiceUnavailable, page{Title: "Too many at once", Fault: "Too many clients wait to be let in: try again in a minute"}, "")
		return
	}
	s.back(w, r, q, url.Values{"code": {text}})
}

// crossed says why an answer is not from the page itself. A browser says where a form
// stood (Fetch, "append a request Origin header"); what says nothing is none.
func (s *Server) crossed(r *http.Request) string {
	site := r.Header.Get("Sec-Fetch-Site")
	origin := r.Header.Values("Origin")
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	if site != "" && site != "same-origin" || len(origin) != 1 || !strings.EqualFold(origin[0], scheme+r.Host) {
		return "The answer did not come from the gateway's own page"
	}
	return ""
}

func (s *Server) seal(p sealed) string {
	text, _ := json.Marshal(p) // strings, a time and a flag: cannot fail
	return b64.EncodeToString(append(text, s.mac("page", text)...))
}

// open reads a sealed page, or says why it is not good.
func (s *Server) open(r *http.Request, text string) (p sealed, why string) {
	const strange = "The page is not one that this gateway showed to this browser: open it again from the client"
	raw, err := b64.DecodeString(text)
	if err != nil || len(raw) <= sha256.Size {
		return p, strange
	}
	body, mac := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(mac, s.mac("page", body)) || json.Unmarshal(body, &p) != nil {
		return p, strange
	}
	cookie, err := r.Cookie(cookiePrefix + p.ID)
	if err != nil || subtle.ConstantTimeCompare([]byte(hashed(cookie.Value)), []byte(p.Cookie)) != 1 {
		return p, strange
	}
	if !s.opt.Now().Before(p.Until) {
		return p, "The page is too old: open it again from the client"
	}
	return p, ""
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// spoken is the code of a page that the log shows: 40 bits, "K7QD-2MXA".
func (s *Server) spoken(id string) string {
	text := base32.StdEncoding.EncodeToString(s.mac("spoken code", []byte(id))[:5])
	return text[:4] + "-" + text[4:]
}
