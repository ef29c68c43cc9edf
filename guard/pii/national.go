package pii

// numberRules are the numbers that are written with digits alone. The layouts
// before index plain are so particular, or their check so strong, that they count
// without a word that names them. Sources are the issuing authorities' published
// rules, named where they have a title.
var numberRules = []numberRule{
	{id: "card", bare: true, plain: 11, check: isCard, words: []string{"card", "credit", "debit", "visa", "mastercard", "amex", "pan", "payment", "karte", "carte", "tarjeta", "cartão", "carta"},
		layouts: []string{"16", "4 4 4 4", "4-4-4-4", "4.4.4.4", "15", "4 6 5", "4-6-5", "4 4 4 3", "4-4-4-3", "4 6 4", "4-6-4", "14", "19", "13", "18", "4 4 4 4 3", "4-4-4-4-3", "6 13", "4 4 5"}},

	// North America
	{id: "us-ssn", bare: true, plain: 1, layouts: []string{"3-2-4", "3 2 4", "9", "3.2.4"}, words: []string{"ssn", "social", "tax_id", "tax id", "taxid", "tin", "itin", "taxpayer", "ss#"}, // SSA, randomization of 2011
		check: func(d string) bool {
			area, group, serial := num(d[:3]), num(d[3:5]), num(d[5:])
			itin := area >= 900 && (group >= 50 && group <= 65 || group >= 70 && group <= 99 && group != 89 && group != 93)
			return area != 0 && area != 666 && (area < 900 || itin) && group != 0 && serial != 0 && d != "123456789" && d != "078051120"
		}},
	{id: "us-bank-routing", bare: true, layouts: []string{"9"}, words: []string{"routing", "aba", "rtn"}, low: true,
		check: func(d string) bool {
			return varied(d) && weighted(d, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0
		}},
	{id: "ca-sin", layouts: []string{"3 3 3", "3-3-3", "9"}, words: []string{"sin", "social insurance", "nas", "assurance sociale"},
		check: func(d string) bool { return varied(d) && d[0] != '0' && d[0] != '8' && luhn(d) }},

	// South America
	{id: "br-cpf", plain: 1, layouts: []string{"3.3.3-2", "11", "3 3 3 2", "3.3.3.2", "9-2"}, words: []string{"cpf", "documento", "contribuinte", "cadastro"}, check: isCPF},
	{id: "br-cnpj", plain: 1, layouts: []string{"2.3.3/4-2", "14"}, words: []string{"cnpj"}, low: true,
		check: func(d string) bool {
			return varied(d) && mod11Digit(weighted(d, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[12]-'0') &&
				mod11Digit(weighted(d, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[13]-'0')
		}},
	{id: "ar-cuit", plain: 1, layouts: []string{"2-8-1", "11"}, words: []string{"cuit", "cuil"},
		check: func(d string) bool {
			n := num(d[:2])
			return (n == 20 || n >= 23 && n <= 27 || n == 30 || n == 33 || n == 34) && (11-weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11 == int(d[10]-'0')
		}},
	{id: "cl-rut", plain: 2, layouts: []string{"2.3.3-1", "1.3.3-1", "8-1", "7-1"}, words: []string{"rut", "run"}, check: isRUT},
	{id: "latin-id", bare: true, layouts: []string{"8", "2.3.3", "10", "1.3.3.3", "7", "1.3.3"}, words: []string{"cédula", "cedula", "dni", "documento nacional", "documento de identidad"}, check: varied},

	// Europe
	{id: "uk-nhs", layouts: []string{"3 3 4", "3-3-4", "10"}, words: []string{"nhs", "patient", "health number", "health no"},
		check: func(d string) bool {
			c := 11 - weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
			return varied(d) && c%11 == int(d[9]-'0') && c != 10
		}},
	{id: "uk-sort-code", bare: true, layouts: []string{"2-2-2"}, words: []string{"sort code", "sortcode"}, low: true, check: varied},
	{id: "fr-nir", plain: 1, layouts: []string{"1 2 2 2 3 3 2", "15", "13 2", "1 2 2 2 3 3"}, words: []string{"nir", "insee", "sécurité sociale", "securite sociale", "sécu", "numéro de sécurité", "social security"}, check: isNIR},
	{id: "de-steuer-id", layouts: []string{"11", "2 3 3 3"}, words: []string{"steuer", "idnr", "identifikationsnummer", "tax", "tin"},
		check: func(d string) bool { return d[0] != '0' && varied(d) && mod11then10(d) }},
	{id: "nl-bsn", layouts: []string{"9", "4.2.3", "3 3 3", "4 2 3", "8"}, words: []string{"bsn", "burgerservice", "sofi"},
		check: func(d string) bool {
			if len(d) == 8 {
				d = "0" + d
			}
			return varied(d) && weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0
		}},
	{id: "be-national", plain: 1, layouts: []string{"2.2.2-3.2", "11", "6-3-2"}, words: []string{"rijksregister", "registre national", "national number", "nrn", "insz", "niss"},
		check: func(d string) bool {
			n, c := num(d[:9]), num(d[9:])
			return 97-n%97 == c || 97-(2000000000+n)%97 == c
		}},
	{id: "ch-ahv", plain: 2, layouts: []string{"3.4.4.2", "13"}, words: []string{"ahv", "avs"},
		check: func(d string) bool {
			return d[:3] == "756" && (10-weighted(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)%10)%10 == int(d[12]-'0')
		}},
	{id: "at-svnr", layouts: []string{"10", "4 6", "4-6"}, words: []string{"svnr", "sozialversicherung", "versicherungsnummer"},
		check: func(d string) bool {
			return weighted(d[:3]+d[4:], 3, 7, 9, 5, 8, 4, 2, 1, 6)%11 == int(d[3]-'0')
		}},
	{id: "pl-pesel", layouts: []string{"11"}, words: []string{"pesel"},
		check: func(d string) bool {
			return (10-weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10 == int(d[10]-'0') && isDate(num(d[:2]), num(d[2:4])%20, num(d[4:6]))
		}},
	{id: "pl-nip", layouts: []string{"3-3-2-2", "10", "3-2-2-3"}, words: []string{"nip"}, low: true,
		check: func(d string) bool {
			return varied(d) && weighted(d, 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == int(d[9]-'0')
		}},
	{id: "pt-nif", layouts: []string{"9", "3 3 3"}, words: []string{"nif", "contribuinte"},
		check: func(d string) bool {
			c := 11 - weighted(d, 9, 8, 7, 6, 5, 4, 3, 2)%11
			return varied(d) && c%11%10 == int(d[8]-'0')
		}},
	{id: "se-personnummer", plain: 2, layouts: []string{"6-4", "8-4", "10", "12"}, words: []string{"personnummer", "person number", "personal identity", "pnr", "samordningsnummer", "swedish"}, check: isPersonnummer},
	{id: "fi-hetu", plain: 1, layouts: []string{"6-4"}, words: []string{"henkilötunnus", "hetu"},
		check: func(d string) bool { return isHetu(d) }},
	{id: "no-fodselsnummer", plain: 2, layouts: []string{"11", "6 5"}, words: []string{"fødselsnummer", "fodselsnummer", "personnummer", "fnr", "d-nummer"}, check: isFodselsnummer},
	{id: "dk-cpr", bare: true, layouts: []string{"6-4", "10"}, words: []string{"cpr", "personnummer"}, check: ddmmyy},
	{id: "cz-rodne-cislo", plain: 1, layouts: []string{"6/4", "10", "6/3"}, words: []string{"rodné", "rodne", "rč", "birth number"},
		check: func(d string) bool {
			month := num(d[2:4]) % 50
			if month > 20 {
				month -= 20
			}
			return isDate(num(d[:2]), month, num(d[4:6])) && (len(d) == 9 || num(d[:9])%11%10 == int(d[9]-'0'))
		}},
	{id: "ro-cnp", plain: 1, layouts: []string{"13"}, words: []string{"cnp", "cod numeric"},
		check: func(d string) bool {
			return d[0] >= '1' && d[0] <= '8' && yymmdd(d[1:7]) && num(d[7:9]) >= 1 && num(d[7:9]) <= 52 && weighted(d, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)%11%10 == int(d[12]-'0')
		}},
	{id: "bg-egn", layouts: []string{"10"}, words: []string{"egn", "егн"},
		check: func(d string) bool {
			return isDate(num(d[:2]), num(d[2:4])%20, num(d[4:6])) && weighted(d, 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == int(d[9]-'0')
		}},
	{id: "gr-amka", layouts: []string{"11"}, words: []string{"amka", "αμκα"}, check: func(d string) bool { return ddmmyy(d) && luhn(d) }},
	{id: "hr-oib", layouts: []string{"11"}, words: []string{"oib"}, check: mod11then10},
	{id: "jmbg", layouts: []string{"13"}, words: []string{"jmbg", "emšo", "emso"},
		check: func(d string) bool {
			c := 11 - weighted(d, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
			return isDate(num(d[4:7]), num(d[2:4]), num(d[:2])) && c%11%10 == int(d[12]-'0')
		}},
	{id: "baltic-id", layouts: []string{"11"}, words: []string{"isikukood", "asmens kodas", "personal code", "asmens"},
		check: func(d string) bool {
			c := weighted(d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
			if c == 10 {
				c = weighted(d, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
			}
			return yymmdd(d[1:7]) && c == int(d[10]-'0')
		}},
	{id: "lv-personas-kods", bare: true, layouts: []string{"6-5", "11"}, words: []string{"personas kods", "pk"}, check: ddmmyy},
	{id: "hu-taj", layouts: []string{"3 3 3", "9", "3-3-3"}, words: []string{"taj"},
		check: func(d string) bool { return weighted(d, 3, 7, 3, 7, 3, 7, 3, 7)%10 == int(d[8]-'0') && varied(d) }},
	{id: "ru-snils", plain: 2, layouts: []string{"3-3-3 2", "3-3-3-2", "11"}, words: []string{"снилс", "СНИЛС", "snils"},
		check: func(d string) bool {
			return varied(d) && weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, 1)%101%100 == num(d[9:])
		}},
	{id: "ru-inn", layouts: []string{"12"}, words: []string{"инн", "ИНН", "inn"},
		check: func(d string) bool {
			return weighted(d, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == int(d[10]-'0') && weighted(d, 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == int(d[11]-'0')
		}},
	{id: "ua-rnokpp", layouts: []string{"10"}, words: []string{"рнокпп", "РНОКПП", "ІПН", "іпн", "rnokpp"},
		check: func(d string) bool { return weighted(d, -1, 5, 7, 9, 4, 6, 10, 5, 7)%11%10 == int(d[9]-'0') }},
	{id: "tr-kimlik", layouts: []string{"11"}, words: []string{"kimlik", "tckn", "tc no", "t.c.", "tc kimlik"},
		check: func(d string) bool {
			odd, even := weighted(d, 1, 0, 1, 0, 1, 0, 1, 0, 1), weighted(d, 0, 1, 0, 1, 0, 1, 0, 1)
			return d[0] != '0' && ((odd*7-even)%10+10)%10 == int(d[9]-'0') && (odd+even+int(d[9]-'0'))%10 == int(d[10]-'0')
		}},

	// Asia, Africa, Oceania
	{id: "in-aadhaar", layouts: []string{"4 4 4", "12", "4-4-4"}, words: []string{"aadhaar", "aadhar", "adhaar", "uidai", "uid", "आधार"},
		check: func(d string) bool { return d[0] >= '2' && varied(d) && verhoeff(d) }},
	{id: "cn-resident", plain: 1, layouts: []string{"18"}, words: []string{"身份证", "resident", "shenfenzheng", "identity"}, check: isChinaResident},
	{id: "kr-rrn", bare: true, plain: 1, layouts: []string{"6-7", "13"}, words: []string{"주민", "rrn", "resident registration"},
		check: func(d string) bool { return yymmdd(d) && d[6] >= '1' && d[6] <= '8' }},
	{id: "jp-my-number", layouts: []string{"12", "4 4 4", "4-4-4"}, words: []string{"マイナンバー", "個人番号", "my number", "mynumber", "individual number"},
		check: func(d string) bool {
			c := weighted(d, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
			return (c <= 1 && d[11] == '0') || (c > 1 && 11-c == int(d[11]-'0'))
		}},
	{id: "au-tfn", layouts: []string{"9", "3 3 3", "8"}, words: []string{"tfn", "tax file"},
		check: func(d string) bool {
			if len(d) == 8 {
				return weighted(d, 10, 7, 8, 4, 6, 3, 5, 1)%11 == 0
			}
			return varied(d) && weighted(d, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0
		}},
	{id: "au-medicare", layouts: []string{"10", "4 5 1", "11", "4 5 1 1"}, words: []string{"medicare"},
		check: func(d string) bool {
			return d[0] >= '2' && d[0] <= '6' && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9)%10 == int(d[8]-'0')
		}},
	{id: "nz-ird", bare: true, layouts: []string{"3-3-3", "2-3-3", "9", "8"}, words: []string{"ird"}, check: varied},
	{id: "za-id", plain: 1, layouts: []string{"13", "6 4 2 1", "6 4 3"}, words: []string{"said", "south african", "identity", "id number", "rsa id"},
		check: func(d string) bool { return yymmdd(d) && d[10] <= '2' && luhn(d) }},
	{id: "th-citizen", plain: 1, layouts: []string{"1-4-5-2-1", "13", "1 4 5 2 1"}, words: []string{"บัตรประชาชน", "thai", "citizen"},
		check: func(d string) bool {
			return (11-weighted(d, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10 == int(d[12]-'0')
		}},
	{id: "my-nric", bare: true, layouts: []string{"6-2-4", "12"}, words: []string{"nric", "mykad", "kad pengenalan", "ic no", "ic number"}, check: yymmdd},
	{id: "id-nik", bare: true, layouts: []string{"16"}, words: []string{"nik", "ktp"},
		check: func(d string) bool { return isDate(num(d[10:12]), num(d[8:10]), num(d[6:8])%40) }},
	{id: "pk-cnic", bare: true, layouts: []string{"5-7-1", "13"}, words: []string{"cnic", "nadra"}, check: varied},
	{id: "il-teudat-zehut", layouts: []string{"9", "8-1"}, words: []string{"teudat", "תעודת זהות", "ת.ז", "israeli id"}, check: func(d string) bool { return varied(d) && luhn(d) }},
	{id: "sa-national", layouts: []string{"10"}, words: []string{"iqama", "saudi", "الهوية", "absher"}, check: func(d string) bool { return (d[0] == '1' || d[0] == '2') && luhn(d) }},
	{id: "ae-emirates-id", bare: true, plain: 1, layouts: []string{"3-4-7-1", "15"}, words: []string{"emirates", "هوية"}, check: func(d string) bool { return d[:3] == "784" }},
	{id: "imei", bare: true, layouts: []string{"15", "2-6-6-1"}, words: []string{"imei"}, low: true, check: luhn},
	{id: "bank-account", bare: true, layouts: []string{"8", "9", "10", "11", "12", "13", "14", "4 4 4", "4 4 2"}, words: []string{"account number", "account no", "acct no", "account_number", "accountnumber", "kontonummer", "numéro de compte", "número de cuenta", "bank account"}, low: true, check: varied},
	{id: "medical-record", bare: true, layouts: []string{"6", "7", "8", "9", "10", "2-2-2", "3-3-3"}, words: []string{"mrn", "medical record", "patient id", "patient_id"}, low: true, check: varied},
}

func mod11Digit(sum int) int {
	if r := sum % 11; r >= 2 {
		return 11 - r
	}
	return 0
}

// isCPF is the check of Receita Federal, IN RFB 1548/2015.
func isCPF(d string) bool {
	return varied(d) && mod11Digit(weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[9]-'0') && mod11Digit(weighted(d, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[10]-'0')
}

// isRUT checks a Chilean RUT whose last digit is a digit; K is a word.
func isRUT(d string) bool {
	sum, w := 0, 2
	for i := len(d) - 2; i >= 0; i-- {
		sum += int(d[i]-'0') * w
		if w++; w > 7 {
			w = 2
		}
	}
	return varied(d) && (11-sum%11)%11 == int(d[len(d)-1]-'0')
}

// isNIR checks a French social security number: sex, year, month, department,
// commune, order, and the key modulo 97 where it is written.
func isNIR(d string) bool {
	month := num(d[3:5])
	if d[0] != '1' && d[0] != '2' || month < 1 || month > 12 && month < 20 || month > 42 && month < 50 {
		return false
	}
	return len(d) == 13 || 97-num(d[:13])%97 == num(d[13:])
}

// isPersonnummer checks a Swedish number: a date, to which coordination numbers
// add 60 days, and the Luhn check over ten digits (SFS 1991:481 §18).
func isPersonnummer(d string) bool {
	if len(d) == 12 {
		if d[:2] != "19" && d[:2] != "20" {
			return false
		}
		d = d[2:]
	}
	return isDate(num(d[:2]), num(d[2:4]), num(d[4:6])%60) && luhn(d)
}

// isFodselsnummer checks a Norwegian number with both of its check digits; D
// numbers add 40 to the day, H numbers 40 to the month.
func isFodselsnummer(d string) bool {
	k1 := (11 - weighted(d, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11) % 11
	k2 := (11 - weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	return k1 == int(d[9]-'0') && k2 == int(d[10]-'0') && isDate(num(d[4:6]), num(d[2:4])%40, num(d[:2])%40)
}

// isChinaResident checks GB 11643-1999 with a numeric check digit; X is a word.
func isChinaResident(d string) bool {
	return isChinaBody(d) && chinaCheck(d) == d[17]
}

func isChinaBody(d string) bool {
	year := num(d[6:10])
	return d[0] >= '1' && d[0] <= '8' && year >= 1900 && year <= 2099 && isDate(year, num(d[10:12]), num(d[12:14]))
}

func chinaCheck(d string) byte {
	return "10X98765432"[weighted(d, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)%11]
}
