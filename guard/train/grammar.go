package main

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed attacks.txt
var attacksText string

//go:embed benign.txt
var benignText string

//go:embed tongues.txt
var tonguesText string

// grammar makes texts from symbols. It is deterministic for a given random
// source.
type grammar struct {
	rules map[string][]string
	rng   *rand.Rand
}

// newGrammar reads the embedded wordings.
func newGrammar(seed uint64) *grammar {
	g := &grammar{rules: map[string][]string{}, rng: rand.New(rand.NewPCG(seed, 0x6775617264))}
	for _, text := range []string{attacksText, benignText, tonguesText} {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			name, list, ok := strings.Cut(line, ": ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			for alt := range strings.SplitSeq(list, " | ") {
				g.rules[name] = append(g.rules[name], strings.ReplaceAll(alt, `\n`, "\n"))
			}
		}
	}
	return g
}

// expand makes one text of a symbol.
func (g *grammar) expand(symbol string) string {
	var b strings.Builder
	g.write(&b, symbol, 0)
	return strings.TrimSpace(b.String())
}

// deepest bounds the nesting of symbols: the grammar recurses, through poison
// into attack for one.
const deepest = 24

func (g *grammar) write(b *strings.Builder, symbol string, depth int) {
	alts := g.rules[symbol]
	if len(alts) == 0 || depth > deepest {
		b.WriteString(g.value(symbol))
		return
	}
	alt := pick(g.rng, alts)
	for alt != "" {
		open := strings.IndexByte(alt, '{')
		if open < 0 {
			b.WriteString(alt)
			return
		}
		b.WriteString(alt[:open])
		alt = alt[open:]
		end := strings.IndexByte(alt, '}')
		name, capital := "", false
		if end > 0 {
			name, capital = strings.CutPrefix(alt[1:end], "^")
		}
		if !g.known(name) {
			b.WriteByte('{')
			alt = alt[1:]
			continue
		}
		alt = alt[end+1:]
		if !capital {
			g.write(b, name, depth+1)
			continue
		}
		var inner strings.Builder
		g.write(&inner, name, depth+1)
		r, n := utf8.DecodeRuneInString(inner.String())
		b.WriteRune(unicode.ToUpper(r))
		b.WriteString(inner.String()[n:])
	}
}

func (g *grammar) known(name string) bool {
	_, ok := g.rules[name]
	return ok || values[name] != nil
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// value makes a name, an address or the like.
func (g *grammar) value(name string) string {
	if f := values[name]; f != nil {
		return f(g.rng)
	}
	return "{" + name + "}"
}

var (
	given     = strings.Fields("Anna Ben Carla David Elena Farid Grace Hugo Ines Jamal Kate Liam Mina Noah Olga Pedro Quinn Rosa Sam Tina Uwe Vera Wei Xenia Yusuf Zoe Amy John Maria Ravi Chen Fatima Lars Sofia Tom Ada")
	family    = strings.Fields("Adler Brown Costa Dubois Evans Fischer Garcia Hansen Ito Jones Kim Lopez Meyer Novak Okafor Patel Rossi Smith Tanaka Ueda Vargas Weber Xu Young Zhang Watson Miller Khan Silva Petrov")
	domains   = strings.Fields("gmail.com example.com example.org corp.example.net outlook.com mailbox.example proton.example acme.example fastmail.example yahoo.com data-sync.example cdn-metrics.example")
	nouns     = strings.Fields("invoice report user order ticket event message file product customer page note search index config state token session account device payment issue branch calendar contact photo job task sensor query cache record comment album shipment")
	verbs     = strings.Fields("get set create delete update list send search read write fetch find cancel book post add remove run check share upload export")
	cities    = strings.Fields("Berlin Paris London Madrid Rome Tokyo Seoul Austin Boston Oslo Lima Cairo Delhi Sydney Toronto Chicago Vienna Prague Lisbon Denver")
	products  = strings.Fields("Orbit Nimbus Lumen Falcon Atlas Quartz Ember Willow Comet Raven Tango Pixel Delta Maple Cobalt widget laptop headphones router printer camera lamp phone sofa kettle")
	companies = strings.Fields("Acme Globex Initech Umbra Hooli Stark Wayne Soylent Vandelay Contoso Northwind Fabrikam Tyrell Cyberdyne Massive Aperture")
	exts      = strings.Fields("txt pdf md json yaml csv docx xlsx py go js sh log env pem sql zip png")
	months    = strings.Fields("January February March April May June July August September October November December")
)

var values = map[string]func(*rand.Rand) string{
	"name": func(r *rand.Rand) string {
		if r.IntN(3) == 0 {
			return pick(r, given)
		}
		return pick(r, given) + " " + pick(r, family)
	},
	"email": func(r *rand.Rand) string {
		local := strings.ToLower(pick(r, given) + pick(r, []string{".", "_", "", "-"}) + pick(r, family))
		if r.IntN(3) == 0 {
			local = pick(r, nouns) + fmt.Sprint(r.IntN(99))
		}
		return local + "@" + pick(r, domains)
	},
	"host": func(r *rand.Rand) string {
		if r.IntN(3) == 0 {
			return fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(222), r.IntN(256), r.IntN(256), 1+r.IntN(254))
		}
		return pick(r, nouns) + "." + pick(r, domains)
	},
	"url": func(r *rand.Rand) string {
		u := pick(r, []string{"https://", "https://", "http://", "https://www."}) + pick(r, nouns) + "-" + pick(r, nouns) + "." + pick(r, []string{"com", "io", "net", "example", "org", "dev", "ru", "xyz"})
		for range r.IntN(3) {
			u += "/" + pick(r, nouns)
		}
		return u
	},
	"path": func(r *rand.Rand) string {
		return pick(r, []string{"~/.ssh/id_rsa", "/etc/passwd", "~/.aws/credentials", ".env", "/etc/shadow", "~/.bash_history", "~/.netrc", "~/.config/" + pick(r, nouns) + ".json",
			"/home/" + strings.ToLower(pick(r, given)) + "/" + pick(r, nouns) + "." + pick(r, exts), "/var/log/" + pick(r, nouns) + ".log", "./" + pick(r, nouns) + "/" + pick(r, nouns) + "." + pick(r, exts),
			"config/" + pick(r, nouns) + ".yml", `C:\Users\` + pick(r, given) + `\` + pick(r, nouns) + "." + pick(r, exts), "/data/" + pick(r, nouns), "/tmp/" + pick(r, nouns) + "." + pick(r, exts), "~/Documents/" + pick(r, nouns)})
	},
	"file": func(r *rand.Rand) string {
		return pick(r, nouns) + pick(r, []string{"", "_v2", "-2024", "_final"}) + "." + pick(r, exts)
	},
	"tool": toolName,
	"param": func(r *rand.Rand) string {
		return pick(r, []string{pick(r, nouns), pick(r, nouns) + "_id", pick(r, verbs) + "_" + pick(r, nouns), pick(r, nouns) + "Name", "context", "sidenote", "query", "path", "format", "limit", "title", "body", "recipient"})
	},
	"id": func(r *rand.Rand) string {
		return pick(r, []string{fmt.Sprint(10000 + r.IntN(9000000)), fmt.Sprintf("%c%c-%05d", 'A'+r.IntN(26), 'A'+r.IntN(26), r.IntN(100000)), fmt.Sprintf("%08x", r.Uint32()), pick(r, nouns) + fmt.Sprintf("_%d", 100+r.IntN(900))})
	},
	"hex": func(r *rand.Rand) string { return fmt.Sprintf("%016x%016x%08x", r.Uint64(), r.Uint64(), r.Uint32()) },
	"b64": func(r *rand.Rand) string {
		b := make([]byte, 33)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return base64.StdEncoding.EncodeToString(b)
	},
	"num": func(r *rand.Rand) string { return fmt.Sprint(1 + r.IntN(pick(r, []int{10, 60, 400, 3000}))) },
	"amount": func(r *rand.Rand) string {
		return pick(r, []string{"$", "€", "£", "USD "}) + fmt.Sprint((1+r.IntN(90))*pick(r, []int{1, 10, 50, 100, 1000}))
	},
	"city": func(r *rand.Rand) string { return pick(r, cities) },
	"date": func(r *rand.Rand) string {
		return pick(r, []string{fmt.Sprintf("202%d-%02d-%02d", 2+r.IntN(5), 1+r.IntN(12), 1+r.IntN(28)), pick(r, months) + " " + fmt.Sprint(1+r.IntN(28)), "Friday", "tomorrow", "Monday", "next week"})
	},
	"company": func(r *rand.Rand) string {
		return pick(r, companies) + pick(r, []string{"", " Corp", " Inc", " GmbH", " Bank", " Media"})
	},
	"product": func(r *rand.Rand) string { return pick(r, products) },
	"repo": func(r *rand.Rand) string {
		return strings.ToLower(pick(r, family)) + "/" + pick(r, nouns) + "-" + strings.ToLower(pick(r, products))
	},
	"branch": func(r *rand.Rand) string {
		return pick(r, []string{"main", "master", "develop", "release/" + fmt.Sprint(r.IntN(9)), "feature-" + pick(r, nouns)})
	},
	"channel": func(r *rand.Rand) string {
		return "#" + pick(r, []string{"general", "random", "dev", "sales", "alerts", pick(r, nouns)})
	},
	"phone": func(r *rand.Rand) string { return fmt.Sprintf("+1 %d-555-%04d", 200+r.IntN(700), r.IntN(10000)) },
}

func toolName(r *rand.Rand) string {
	v, n := pick(r, verbs), pick(r, nouns)
	title := func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
	return pick(r, []string{v + "_" + n, v + title(n), title(n) + title(v), pick(r, products) + title(v) + title(n), n + "." + v, v + "-" + n, v + "_" + n + "s", "send_email", "http_request", "read_file", "write_file", "execute_command", title(n) + "Manager"})
}
