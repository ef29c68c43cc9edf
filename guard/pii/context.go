package pii

import (
	"strings"

	"toolward/guard/literal"
)

// A value's context is what is written up to before bytes ahead of it, up to
// after bytes behind it on the same line ("… is my passport number"), and the
// name of its field. nearby is the part ahead that still counts where the words
// are ordinary ones, such as "born".
const (
	before = 56
	nearby = 32
	after  = 24
)

// topic numbers what a word names: a number rule, a word rule, or one of the rest.
type topic int

const (
	topicDenied topic = iota // something that is not personal
	topicPhone
	topicBirth
	topicPassport
	topicLicence
	topicIdentity // some country's number, whichever its check says
	topicRules    // first of the rules
)

// topics is a set of topics.
type topics [2]uint64

func (s *topics) add(t topic)     { s[t/64] |= 1 << (t % 64) }
func (s topics) has(t topic) bool { return s[t/64]&(1<<(t%64)) != 0 }
func (s *topics) join(o topics)   { s[0] |= o[0]; s[1] |= o[1] }

// vocabulary finds the words that name values.
type vocabulary struct {
	machine *literal.Machine
	words   []string
	topics  []topics // by word
}

func newVocabulary(byTopic map[topic][]string) *vocabulary {
	v := &vocabulary{}
	index := map[string]int{}
	for t, words := range byTopic {
		for _, word := range words {
			n, ok := index[word]
			if !ok {
				n = len(v.words)
				index[word] = n
				v.words = append(v.words, word)
				v.topics = append(v.topics, topics{})
			}
			v.topics[n].add(t)
		}
	}
	v.machine = literal.New(v.words)
	return v
}

// mention is a word that was read in a text.
type mention struct {
	start, end int
	topics     topics
}

// reader reads the words of a text once, as far as values ask for their
// context, and keeps the last ones.
type reader struct {
	row, read int // the machine's row after s[:read]
	recent    [recentWords]mention
	n         int // words read so far; the last are in recent
}

// recentWords is how many words of a context are kept. More do not fit into its
// bytes unless they are planted.
const recentWords = 32

// readTo reads s up to end, leaving out what lies before from.
func (r *reader) readTo(v *vocabulary, s string, from, end int) {
	if r.read < from {
		r.read, r.row = from, 0
	}
	for hit := true; r.read < end; {
		if r.row, r.read, hit = v.machine.Run(r.row, s[:end], r.read); !hit {
			return
		}
		for _, n := range v.machine.Ends(r.row) {
			if start := r.read - len(v.words[n]); standsAlone(s, start, r.read) {
				r.recent[r.n%recentWords] = mention{start, r.read, v.topics[n]}
				r.n++
			}
		}
	}
}

// topicsOf is what the words of a name say together.
func (v *vocabulary) topicsOf(name string) (said topics) {
	if name == "" {
		return said
	}
	var r reader
	r.readTo(v, name, 0, len(name))
	for _, m := range r.recent[:min(r.n, recentWords)] {
		said.join(m.topics)
	}
	return said
}

// standsAlone reports whether s[i:j] is a word: no letter of the same case
// before it ("tax_id" and "taxId" have id, "void" has not), and none after it if
// it is short: "phones" and "Steuernummer" still name what they name.
func standsAlone(s string, i, j int) bool {
	if i > 0 && isLetter(s[i-1]) && isLetter(s[i]) && !isHump(s[i-1], s[i]) && !isEscaped(s, i-1) {
		return false
	}
	return j-i > 4 || j == len(s) || !isLetter(s[j]) || !isLetter(s[j-1]) || isHump(s[j-1], s[j])
}

func isHump(a, b byte) bool { return 'a' <= a && 'A' <= b && b <= 'Z' }

// context is what the words around a value name.
type context struct {
	said  topics // anywhere around it
	close topics // shortly before it, or in the field's name
}

// around returns the context of s[start:end].
func (t *text) around(start, end int) context {
	stop := min(len(t.s), end+after)
	if i := strings.IndexByte(t.s[end:stop], '\n'); i >= 0 {
		stop = end + i
	}
	t.words.readTo(t.d.words, t.s, max(0, start-before), stop)
	if !t.named {
		t.key, t.named = t.d.words.topicsOf(t.name), true
	}
	c := context{said: t.key, close: t.key}
	for i := max(0, t.words.n-recentWords); i < t.words.n; i++ {
		m := &t.words.recent[i%recentWords]
		switch {
		case m.end <= start && m.start >= start-nearby:
			c.close.join(m.topics)
			c.said.join(m.topics)
		case m.end <= start && m.start >= start-before, m.start >= end && m.end <= stop:
			c.said.join(m.topics)
		}
	}
	return c
}

// denied reports whether the words before s[start:] name a number of another kind.
func (t *text) denied(start int) bool { return t.around(start, start).close.has(topicDenied) }

// isEscaped reports whether s[i] is the letter of an escape like \n.
func isEscaped(s string, i int) bool {
	return i > 0 && s[i-1] == '\\' && strings.IndexByte("nrtbf", s[i]) >= 0
}

// denials name numbers that are not personal.
var denials = []string{"order", "tracking", "invoice", "sku", "part no", "part number", "isbn", "issn", "serial", "ticket", "timestamp", "\"ts\"", "ts=", "epoch", "version", "build", "product", "model",
	"upc", "ean", "gtin", "asin", "transaction", "txn", "parcel", "shipment", "awb", "po number", "batch", "lot", "commit", "sha", "sha256", "hash", "latitude", "longitude", "coord", "pixel", "bytes", "offset", "sequence", "port", "snowflake",
	"trace", "span", "request_id", "request id", "message_id", "message id", "job", "run_id", "build_id", "uuid", "zip", "postal", "checksum", "loss", "price", "amount", "total", "\"id\"", "id=", "order_id", "orderid"}

var phoneWords = []string{"phone", "mobile", "tel", "telephone", "call", "cell", "fax", "whatsapp", "sms", "contact", "reach", "dial", "desk", "office", "home", "work", "text me", "telefon", "telefono", "teléfono", "téléphone",
	"telefone", "celular", "móvil", "movil", "handy", "mobil", "rufnummer", "portable", "numéro", "cellulare", "komórka", "телефон", "Телефон", "тел", "Тел", "電話", "携帯", "电话", "手机", "전화", "휴대폰", "هاتف", "gsm", "msisdn"}

var birthWords = []string{"birth", "dob", "born", "birthday", "birthdate", "geburt", "geboren", "naissance", "né le", "née le", "nacimiento", "nascimento", "nascita", "nato il", "nata il", "urodz", "geboorte", "födel", "рожд", "Рожд", "生年月日", "出生", "생년월일", "doğum"}

var passportWords = []string{"passport", "passeport", "reisepass", "pasaporte", "passaporte", "passaporto", "paszport", "паспорт", "Паспорт", "護照", "护照", "パスポート", "여권"}

var licenceWords = []string{"driver's license", "drivers license", "driver license", "driving licence", "driving license", "driver_license", "licence number", "führerschein", "permis de conduire", "licencia de conducir", "dl no", "dl number"}

// identityWords name a person's number without saying whose. Rules with a check
// digit take them for their name.
var identityWords = []string{"national id", "national_id", "nationalid", "id number", "id_number", "idnumber", "identity number", "identity_number", "identity card", "identity_card", "id card", "id_card", "personal number", "personal_number", "personal id", "personal_id",
	"tax id", "tax_id", "taxid", "tax number", "tax_number", "tax code", "tax_code", "fiscal", "citizen", "government id", "identification number", "identification_number", "identifier", "social security", "social_security", "insurance number", "insurance_number", "health number", "ausweis", "identité", "identidad", "identità", "identidade", "身份", "身分"}

// topicWords lists the words of every topic.
func topicWords() map[topic][]string {
	all := map[topic][]string{topicDenied: denials, topicPhone: phoneWords, topicBirth: birthWords, topicPassport: passportWords, topicLicence: licenceWords, topicIdentity: identityWords}
	for i := range numberRules {
		all[topicRules+topic(i)] = numberRules[i].words
	}
	for i := range wordRules {
		all[topicRules+topic(len(numberRules)+i)] = wordRules[i].words
	}
	return all
}
