package normal

import (
	"encoding/base64"
	"strings"
)

// decode looks for encoded text in view i and adds what it finds. Depth
// is that of view i.
func (t *Text) decode(i, depth int) {
	src := t.Views[i].Text
	for at := 0; at < len(src); {
		if !base64Byte[src[at]] {
			at++
			continue
		}
		from := at
		for at < len(src) && base64Byte[src[at]] {
			at++
		}
		if at-from < 16 {
			continue
		}
		v := &t.Views[i]
		if text := base64Text(src[from:at]); text != "" {
			t.add(text, join(v.Via, "base64"), v.Raw(from, at), depth+1)
		}
	}
}

// base64Byte has the bytes of both alphabets of RFC 4648.
var base64Byte = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=") {
		set[c] = true
	}
	return set
}()

func base64Text(s string) string {
	s = strings.TrimRight(s, "=")
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	if len(s)%4 == 1 {
		return ""
	}
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || !printable(b) {
		return ""
	}
	return string(b)
}
