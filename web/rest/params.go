package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolward/gateway"
)

// local is the parameter that names tools which the program runs itself.
const local = "local"

// unknownParams refuses a query that says what this route does not read: a
// misspelt filter must not read as none. Only [local] may stand twice.
func (rt route) unknownParams(r *http.Request) *gateway.Refusal {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return gateway.Refuse("surface", gateway.Malformed, "the query cannot be read")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(rt.params, name) && rt.params == nil:
			return gateway.Refuse("surface", gateway.Malformed, "this path has no parameters")
		case !slices.Contains(rt.params, name):
			return gateway.Refuse("surface", gateway.Malformed, "there is no parameter "+strconv.QuoteToASCII(name[:min(len(name), 40)])+" here; there are: "+strings.Join(rt.params, ", "))
		case len(values) > 1 && name != local:
			return gateway.Refuse("surface", gateway.Malformed, "the parameter "+name+" stands twice")
		}
	}
	return nil
}

// own is a call of a tool that the program runs itself.
type own struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
}

// ours parts a turn's calls: those for the gateway, and those of the tools that
// the program named as its own. A name that is a tool of the gateway's is refused,
// so that none can mean two things. Calls of a turn that was cut short are all
// answered here: nobody should run half of what was meant.
func (h *Handler) ours(f *format, calls []emitted, names []string) (ours []emitted, theirs []own, _ *gateway.Refusal) {
	for _, name := range names {
		if _, err := h.opt.Road.Catalog.Find(gateway.KindTool, "", f.wireName(name)); err == nil {
			return nil, nil, gateway.Refuse("surface", gateway.Malformed, "a name in `local` is a tool of the gateway")
		}
	}
	for _, e := range calls {
		if !e.cut && slices.Contains(names, e.name) {
			theirs = append(theirs, own{e.id, e.name})
		} else {
			ours = append(ours, e)
		}
	}
	return ours, theirs, nil
}
