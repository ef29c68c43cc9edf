package pii_test

import (
	"strings"
	"testing"

	"toolward/guard/pii"
)

// specimens are published examples of each format: of the issuing authorities,
// of standards, and of the literature on them. None is a person's.
var specimens = []struct{ rule, text, value string }{
	{"card", "pay with 4111 1111 1111 1111 today", "4111 1111 1111 1111"},
	{"card", `{"card_number": "5555555555554444"}`, "5555555555554444"},
	{"card", "amex 3782 822463 10005.", "3782 822463 10005"},
	{"card", "my card 3782-8224-6310-005 expires", "3782-8224-6310-005"},
	{"card", "diners card 30569309025904", "30569309025904"},
	{"card", "JCB 3530111333300000", "3530111333300000"},
	{"card", "union pay card 6250941006528599", "6250941006528599"},
	{"iban", "to GB82 WEST 1234 5698 7654 32 please", "GB82 WEST 1234 5698 7654 32"},
	{"iban", "IBAN:DE89370400440532013000", "DE89370400440532013000"},
	{"iban", "fr1420041010050500013m02606", "fr1420041010050500013m02606"},
	{"iban", "NO9386011117947", "NO9386011117947"},
	{"iban", "MT84MALT011000012345MTLCAST001S,x", "MT84MALT011000012345MTLCAST001S"},
	{"us-ssn", "SSN 219-09-9998", "219-09-9998"},
	{"us-ssn", `{"ssn":"219099998"}`, "219099998"},
	{"us-ssn", "her ITIN is 912-70-1234", "912-70-1234"},
	{"us-bank-routing", "routing number 021000021", "021000021"},
	{"ca-sin", "SIN: 130 692 544", "130 692 544"},
	{"br-cpf", "529.982.247-25", "529.982.247-25"},
	{"br-cpf", "cpf,nome\n52998224725,Ana", "52998224725"},
	{"br-cnpj", "11.222.333/0001-81", "11.222.333/0001-81"},
	{"ar-cuit", "CUIT 20-12345678-6", "20-12345678-6"},
	{"cl-rut", "RUT 12.345.678-5", "12.345.678-5"},
	{"uk-nhs", "NHS number 943 476 5919", "943 476 5919"},
	{"uk-nino", "National Insurance AB123456C", "AB123456C"},
	{"uk-nino", "it is AB 12 34 56 C, thanks", "AB 12 34 56 C"},
	{"fr-nir", "n° 2 55 08 14 168 025 38", "2 55 08 14 168 025 38"},
	{"de-steuer-id", "Steuer-ID 86095742719", "86095742719"},
	{"nl-bsn", "BSN 111222333", "111222333"},
	{"be-national", "85.07.30-033.28", "85.07.30-033.28"},
	{"ch-ahv", "756.9217.0769.85", "756.9217.0769.85"},
	{"at-svnr", "SVNR 1237 010180", "1237 010180"},
	{"es-dni", "DNI 12345678Z", "12345678Z"},
	{"es-nie", "NIE X1234567L", "X1234567L"},
	{"it-codice-fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562S"},
	{"pl-pesel", "PESEL 44051401359", "44051401359"},
	{"pt-nif", "NIF 501442600", "501442600"},
	{"se-personnummer", "811228-9874", "811228-9874"},
	{"se-personnummer", "personnummer 198112289874", "198112289874"},
	{"fi-hetu", "131052-308T", "131052-308T"},
	{"dk-cpr", "CPR 070761-4285", "070761-4285"},
	{"no-fodselsnummer", "fødselsnummer 15076500565", "15076500565"},
	{"ro-cnp", "CNP 1800101221144", "1800101221144"},
	{"bg-egn", "EGN 7523169263", "7523169263"},
	{"hr-oib", "OIB 69435151530", "69435151530"},
	{"baltic-id", "isikukood 37605030299", "37605030299"},
	{"ru-snils", "СНИЛС 112-233-445 95", "112-233-445 95"},
	{"ru-inn", "ИНН 500100732259", "500100732259"},
	{"tr-kimlik", "TC kimlik no 10000000146", "10000000146"},
	{"in-aadhaar", "Aadhaar 9999 4105 7058", "9999 4105 7058"},
	{"in-pan", "PAN card: ABCPE1234F", "ABCPE1234F"},
	{"cn-resident", "11010519491231002X", "11010519491231002X"},
	{"kr-rrn", "900101-1234567", "900101-1234567"},
	{"jp-my-number", "マイナンバー 123456789018", "123456789018"},
	{"au-tfn", "TFN 123 456 782", "123 456 782"},
	{"au-medicare", "Medicare 2123 45670 1", "2123 45670 1"},
	{"za-id", "8001015009087", "8001015009087"},
	{"mx-curp", "HEGG560427MVZRRL04", "HEGG560427MVZRRL04"},
	{"sg-nric", "S1234567D", "S1234567D"},
	{"tw-national", "身分證 A123456789", "A123456789"},
	{"hk-hkid", "HKID A123456(3)", "A123456(3"},
	{"ie-pps", "PPS number 1234567FA", "1234567FA"},
	{"vin", "VIN 1M8GDM9AXKP042788", "1M8GDM9AXKP042788"},
	{"imei", "IMEI 490154203237518", "490154203237518"},
	{"phone", "call +44 20 7946 0958", "+44 20 7946 0958"},
	{"phone", "+1 (212) 555-0187", "+1 (212) 555-0187"},
	{"phone", "(212) 555-0187", "(212) 555-0187"},
	{"phone", "06 12 34 56 78", "06 12 34 56 78"},
	{"phone", "Telefon: 030 901820", "030 901820"},
	{"phone", `{"mobile":"09171234567"}`, "09171234567"},
	{"email", "mail <ana.silva+x@mail.example.org>.", "ana.silva+x@mail.example.org"},
	{"email", "Größe: jörg@müller.de", "jörg@müller.de"},
	{"birth-date", "date of birth: 1984-03-12", "1984-03-12"},
	{"birth-date", "née le 12/03/1984 à Lyon", "12/03/1984"},
	{"birth-date", "born on 12 March 1984 in Leeds", "12 March 1984"},
	{"birth-date", "Birthday: March 12th, 1984.", "March 12th, 1984"},
	{"birth-date", "geboren am 3. März 1971", "3. März 1971"},
	{"pl-pesel", `{"national_id": "44051401359"}`, "44051401359"},
	{"es-dni", "id number 12345678Z", "12345678Z"},
	{"passport", "passport no. C01X00T47", "C01X00T47"},
	{"passport", "passport 533380006", "533380006"},
	{"address", "221B Baker Street", "221B Baker Street"},
	{"address", "wohnt Hauptstraße 12 in Bonn", "Hauptstraße 12"},
	{"address", "vive en Calle Gran Vía 28, Madrid", "Calle Gran Vía 28"},
	{"address", "Via Roma 5", "Via Roma 5"},
	{"address", "12 rue de la Paix", "12 rue de la Paix"},
}

func TestSpecimensAreFound(t *testing.T) {
	d := pii.New(pii.Options{})
	for _, tt := range specimens {
		found := d.Scan(nil, "", tt.text)
		if len(found) != 1 || found[0].Rule != "pii."+tt.rule || tt.text[found[0].Span[0]:found[0].Span[1]] != tt.value {
			t.Errorf("%q: got %v, want one %s over %q", tt.text, found, tt.rule, tt.value)
		}
	}
}

// TestOneWrongDigitIsNotFound changes the last digit of each number with a check
// digit, which the check must notice.
func TestOneWrongDigitIsNotFound(t *testing.T) {
	d := pii.New(pii.Options{})
	unchecked := map[string]bool{"us-ssn": true, "kr-rrn": true, "dk-cpr": true, "phone": true, "birth-date": true, "passport": true, "address": true, "email": true, "uk-nino": true, "in-pan": true,
		"at-svnr": true, "vin": true, "ie-pps": true, "mx-rfc": true, "au-medicare": true}
	for _, tt := range specimens {
		if unchecked[tt.rule] {
			continue
		}
		wrong := []byte(tt.value)
		for i := len(wrong) - 1; i >= 0; i-- {
			if c := wrong[i]; '0' <= c && c <= '9' {
				wrong[i] = '0' + (c-'0'+1)%10
				break
			}
		}
		text := strings.Replace(tt.text, tt.value, string(wrong), 1)
		for _, f := range d.Scan(nil, "", text) {
			if f.Rule == "pii."+tt.rule {
				t.Errorf("%q: found %s", text, f.Rule)
			}
		}
	}
}

func TestNumbersOfOtherThingsAreNotFound(t *testing.T) {
	d := pii.New(pii.Options{IP: true})
	for _, text := range []string{
		"order 4242424242424242", `"sku": "219-09-9998"`, "SKU 219-09-9998-R", "v219-09-9998", "tracking 1Z999AA10123456784", "2026-03-12T10:22:31Z", "127.0.0.1", "10.1.2.3", "version 4.18.2.1",
		"48.858222, 2.294500", "0.4111111111111111", "ISBN 978-3-16-148410-0", "ts=1671713605857", "#86331", "ZIP 94107-5558", "chrome/126.0.7454.116", "build 20260312.1", "sha256:4111111111111111aa",
		"postgres://app:s3cret@db.example.com/x", "git@github.com:a/b.git", "logo@2x.png", "image@sha256:00", "pkg@1.2.3", "the 1st Place", "in 5 Ways Through", "UTC+02:00", "+12", "a+14155550100",
		"uuid 123e4567-e89b-12d3-a456-426614174000", "price 1,234,567.89", "1 2 3 4 5 6 7 8 9 10", "123456789", "https://example.com/items/4242424242424242", "mac 00:1B:44:11:3A:B7",
		"3.14159265358979", "2001:db8::8a2e:370:7334", "00000000-0000-0000-0000-000000000000", "due 2026-11-24", "12/24/2026", "room 12 way", "0x4111111111111111",
	} {
		if found := d.Scan(nil, "", text); len(found) > 0 {
			t.Errorf("%q: found %s over %q", text, found[0].Rule, text[found[0].Span[0]:found[0].Span[1]])
		}
	}
}

func TestFieldNameIsContext(t *testing.T) {
	d := pii.New(pii.Options{})
	for _, tt := range []struct{ key, value, rule string }{
		{"/customer/nhs_number", "9434765919", "pii.uk-nhs"},
		{"ssn", "219099998", "pii.us-ssn"},
		{"dateOfBirth", "1984-03-12", "pii.birth-date"},
		{"phone", "2125550187", "pii.phone"},
		{"passportNumber", "533380006", "pii.passport"},
	} {
		if found := d.Scan(nil, tt.key, tt.value); len(found) != 1 || found[0].Rule != tt.rule {
			t.Errorf("%s=%s: got %v, want %s", tt.key, tt.value, found, tt.rule)
		}
		if found := d.Scan(nil, "order_id", tt.value); len(found) > 0 {
			t.Errorf("order_id=%s: got %v, want nothing", tt.value, found)
		}
	}
}

func TestPublicAddressesOnlyWhenAsked(t *testing.T) {
	const text = "from 66.249.66.91 port 443"
	if found := pii.New(pii.Options{}).Scan(nil, "", text); len(found) > 0 {
		t.Errorf("by default: got %v, want nothing", found)
	}
	found := pii.New(pii.Options{IP: true}).Scan(nil, "", text)
	if len(found) != 1 || found[0].Rule != "pii.ip-address" {
		t.Errorf("with IP: got %v, want pii.ip-address", found)
	}
}

func FuzzScan(f *testing.F) {
	for _, tt := range specimens {
		f.Add("", tt.text)
		f.Add("value", tt.text)
	}
	d := pii.New(pii.Options{IP: true})
	f.Fuzz(func(t *testing.T, key, s string) {
		last := 0
		for _, m := range d.Scan(nil, key, s) {
			if m.Span[0] < last || m.Span[1] <= m.Span[0] || m.Span[1] > len(s) {
				t.Fatalf("span %v after %d in %d bytes", m.Span, last, len(s))
			}
			last = m.Span[1]
			if m.Span[1]-m.Span[0] > 8 && strings.Contains(m.Sample, s[m.Span[0]:m.Span[1]]) {
				t.Fatalf("sample %q shows what was found", m.Sample)
			}
		}
	})
}

func TestCleanTextDoesNotAllocate(t *testing.T) {
	d := pii.New(pii.Options{})
	text := strings.Repeat(`{"id": 5091, "name": "web", "ts": 1671713605857, "ratio": 0.4508470331, "at": "2026-09-21T10:22:31Z", "note": "restarted 3 pods"} `, 20)
	if n := testing.AllocsPerRun(100, func() { d.Scan(nil, "", text) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// TestPlantedTextsAreReadOnce scans a mebibyte of each text that an attacker
// repeats. There is no clock in it: work that grows with the square of the text
// runs into the test's timeout.
func TestPlantedTextsAreReadOnce(t *testing.T) {
	d := pii.New(pii.Options{IP: true})
	for _, unit := range []string{"4 4 4 4 12 123-12 ", "4111 1111 1111 1112 ", "4111111111111111,", "a@b@c@", "AB12CD34 ", "1", "a1", "1.1.", "passport 1 dob ", "DE89 3704 ", "+1 (2", "12 March ", "   1,"} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		for _, f := range d.Scan(nil, "", text) {
			if f.Span[1] > len(text) || f.Span[0] >= f.Span[1] {
				t.Errorf("%q: span %v", unit, f.Span)
			}
		}
	}
}

func BenchmarkScan(b *testing.B) {
	d := pii.New(pii.Options{})
	for _, bm := range []struct{ name, unit string }{
		{"json", `{"id": 5091, "name": "web", "ts": 1671713605857, "ratio": 0.4508470331, "at": "2026-09-21T10:22:31Z", "note": "restarted 3 pods"} `},
		{"prose", "The deployment finished without errors and the team can look at the results on the dashboard, where each of the services has its own page. "},
		{"digits", "4 4 4 4 12 123 1234 123-12 "},
		{"cards", "4111 1111 1111 1112 "},
		{"ats", "a@b@c@"},
		{"words", "AB12CD34 "},
	} {
		b.Run(bm.name, func(b *testing.B) {
			text := strings.Repeat(bm.unit, 64<<10/len(bm.unit))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				d.Scan(nil, "", text)
			}
		})
	}
}
