package audit

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// What changes what a record holds, other than by appending, is stated under the
// gateway's key. A statement is a signed note like a checkpoint, and can be taken
// for none: its first line says what is stated, where a checkpoint has the name
// of a key, which has no spaces. The second is the key's name, the third JSON.
//
//	toolward audit prune
//	toolward-audit-5e1f00d1
//	{"from":1,"through":4711,…}
//
//	— toolward-audit-5e1f00d1 mK3xPY…

// What is stated. Each is the type of the event that holds the statement, in
// other words.
const (
	statesPrune   = "toolward audit prune"
	statesSegment = "toolward audit segment"
	statesKeys    = "toolward audit keys"
	statesBackup  = "toolward audit backup"
)

// Segment says that a person decided to go on behind a break: which rows are not
// the record's, or which events are gone. What follows is chained to the last
// event that held. The gateway's key signs it.
type Segment struct {
	Event   int64      `json:"event"`             // the event that states it: the first of the new segment
	After   int64      `json:"after"`             // the event that it is chained to
	Hash    []byte     `json:"hash"`              // of that one
	Foreign [][2]int64 `json:"foreign,omitempty"` // rows that are not the record's: from, through
	Missing [][2]int64 `json:"missing,omitempty"` // events that are gone: from, through
	Time    string     `json:"time"`              // RFC 3339, UTC
	By      string     `json:"by"`
	Why     string     `json:"why"`
}

// Rotation says that a key took over from another. Both sign it.
type Rotation struct {
	Event int64  `json:"event"` // the event that states it: what follows is signed by the new key
	Old   string `json:"old"`   // the public keys
	New   string `json:"new"`
	Time  string `json:"time"` // RFC 3339, UTC
	By    string `json:"by"`
	Why   string `json:"why"`
}

// Backup says of a copy of a record that the record went up to an event when it
// was made, and goes on elsewhere. The gateway's key signs it.
type Backup struct {
	Of   int64  `json:"of"`   // the last event of the record
	Hash []byte `json:"hash"` // of that one
	Time string `json:"time"` // RFC 3339, UTC
	By   string `json:"by"`
}

// state signs a statement.
func (k *Keys) state(what string, detail any) (string, error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: what + "\n" + k.signer.Name() + "\n" + string(text) + "\n"}, k.signer)
	return string(signed), err
}

// stated reads a statement of a kind that this record's key signed.
func (k *Keys) stated(what, signed string, detail any) error {
	known, err := k.verifiers()
	if err != nil {
		return err
	}
	n, err := note.Open([]byte(signed), known)
	if err != nil {
		return err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != what {
		return fmt.Errorf("what it signs is no %q", what)
	}
	return json.Unmarshal([]byte(lines[2]), detail)
}

// isStatement tells a note's text from a checkpoint's.
func isStatement(text string) bool { return strings.HasPrefix(text, "toolward audit ") }
