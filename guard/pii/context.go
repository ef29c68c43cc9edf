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
	topicRules // first of the rules
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

// read adds the topics of the words in s[from:to].
func (v *vocabulary) read(into *topics, s string, from, to int) {
	row := 0
	for i := from; i < to; i++ {
		next, hit := v.machine.Step(row, s[i])
		row = next
		if !hit {
			continue
		}
		for _, n := range v.machine.Ends(row) {
			if standsAlone(s, i+1-len(v.words[n]), i+1) {
				into.join(v.topics[n])
			}
		}
	}
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

// around reads the context of s[start:end]. The last answer is kept, since
// several rules ask about the same value.
func (t *text) around(start, end int) *context {
	if t.asked && t.start == start {
		return &t.context
	}
	t.asked, t.start = true, start
	v := t.d.words
	t.context = context{said: t.key, close: t.key}
	from, middle := max(0, start-before), max(0, start-nearby)
	v.read(&t.context.close, t.s, middle, start)
	if from < middle {
		v.read(&t.context.said, t.s, from, min(start, middle+8)) // a word may lie across
	}
	tail := t.s[end:min(len(t.s), end+after)]
	if i := strings.IndexByte(tail, '\n'); i >= 0 {
		tail = tail[:i]
	}
	v.read(&t.context.said, tail, 0, len(tail))
	t.context.said.join(t.context.close)
	return &t.context
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

// topicWords lists the words of every topic.
func topicWords() map[topic][]string {
	all := map[topic][]string{topicDenied: denials, topicPhone: phoneWords, topicBirth: birthWords, topicPassport: passportWords, topicLicence: licenceWords}
	for i := range numberRules {
		all[topicRules+topic(i)] = numberRules[i].words
	}
	for i := range wordRules {
		all[topicRules+topic(len(numberRules)+i)] = wordRules[i].words
	}
	return all
}
