package upstream

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
)

// Fingerprint is the SHA-256, in hex, of a definition in canonical form: RFC
// 8785, but for numbers, which stay as they are written. RFC 8785 would round
// integers past 2^53, and two definitions that differ would look the same.
func Fingerprint(definition json.RawMessage) (string, error) {
	v := jsontext.Value(bytes.Clone(definition))
	err := v.Format(
		jsontext.ReorderRawObjects(true),
		jsontext.CanonicalizeRawInts(false),
		jsontext.CanonicalizeRawFloats(false),
		jsontext.PreserveRawStrings(false),
		jsontext.AllowDuplicateNames(false),
	)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(v)
	return hex.EncodeToString(sum[:]), nil
}
