package audit

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep JSON may be nested for SQLite (JSON_MAX_DEPTH).
const maxDepth = 1000

// valid refuses an event that the tables would not take. It has a number, and others are
// chained to it, before the database sees it, so it is looked at before that. What the
// writer makes itself (digests, MACs, marks) is not.
func (e *Event) valid() error {
	switch {
	case e.Type == "":
		return errors.New("it has no type")
	case !storable(e.Body):
		return errors.New("its body is no JSON that the database takes")
	case e.Text != "" && !e.sound && !storable(e.Text), e.Beside != "" && !storable(e.Beside):
		return errors.New("what stands beside it is no JSON that the database takes")
	case e.Digest == nil && e.Text+e.Beside != "", e.Digest != nil && len(e.Salt) == 0:
		return errors.New("what stands beside it is not sealed")
	}
	for _, s := range e.Uses {
		if len(s.Digest) == 0 || len(s.Salt) == 0 || !s.sound && !storable(s.Text) {
			return errors.New("what it has in common with others is no JSON that the database takes")
		}
	}
	return nil
}

// storable reports whether SQLite's json_valid says yes. jsontext is asked: encoding/json
// takes eight times as long. Of what the road parsed it need not be asked: arguments, and a
// result that is [gateway.Result.Checked], have [gateway.MaxDepth] levels at most.
func storable(text Raw) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) && (strings.Count(string(text), "[")+strings.Count(string(text), "{") <= maxDepth || depth(text) <= maxDepth)
}

// depth is how deep valid JSON is nested.
func depth(text Raw) (deepest int) {
	now := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			now++
			deepest = max(deepest, now)
		case ']', '}':
			now--
		}
	}
	return deepest
}
