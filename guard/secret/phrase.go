package secret

import "toolward/gateway"

// phraseWords announce a secret made of words.
var phraseWords = []string{"seed phrase", "recovery phrase", "secret phrase", "backup phrase", "mnemonic", "seed words", "passphrase"}

const (
	mnemonicWords   = 12 // BIP-39 has 12 to 24
	passphraseWords = 4  // diceware's least, if quoted
	maxPhrase       = 256
)

// scanPhrase finds the words after "seed phrase:" and the like (BIP-39), and
// passphrases in quotes.
func scanPhrase(dst []gateway.Finding, s string, end int) []gateway.Finding {
	from := skipAny(s, end, " \t\"'`:=*", 8)
	if len(s)-from > 3 && s[from:from+3] == "is " {
		from = skipAny(s, from+3, " \"'`:", 4)
	}
	if from == end || from >= len(s) {
		return dst
	}
	quoted := s[from-1] == '"' || s[from-1] == '\'' || s[from-1] == '`'
	to, words := from, 0
	for i := from; i < len(s) && i-from < maxPhrase; {
		start := i
		for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
			i++
		}
		if n := i - start; n < 3 || n > 8 && !quoted {
			break
		}
		words++
		to = i
		if i >= len(s) || s[i] != ' ' && s[i] != '-' {
			break
		}
		i++
	}
	closed := quoted && to < len(s) && s[to] == s[from-1]
	if words >= mnemonicWords && words <= 24 || closed && words >= passphraseWords {
		return append(dst, finding("secret.passphrase", gateway.SeverityHigh, 0.8, from, to, ""))
	}
	return dst
}
