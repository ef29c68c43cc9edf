package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Revision is a policy that was in force, by what the record has of it.
type Revision struct {
	Revision string   `json:"revision"`
	First    string   `json:"first"` // when it was put in force, and when last
	Last     string   `json:"last"`
	Loads    int64    `json:"loads"`            // how often, starts of a gateway among them
	Seq      int64    `json:"seq"`              // of the event that did so last
	Shadow   string   `json:"shadow,omitempty"` // the revision that decided beside it then
	Files    []string `json:"files"`            // of which it is made, without the library
	InForce  bool     `json:"in_force"`         // nothing came after it
}

// loads are the [TypePolicy] events by their original numbers, also where only a copy
// is left.
const loads = `WITH loads AS (
	SELECT seq, seq AS of, time_unix_ms AS at, body AS said FROM events WHERE type = '` + TypePolicy + `' AND call IS NULL UNION ALL
	SELECT seq, body ->> '$.seq', body ->> '$.time_unix_ms', body -> '$.body' FROM events k WHERE type = '` + TypeKept + `' AND call IS NULL AND body ->> '$.type' = '` + TypePolicy + `'
		AND NOT EXISTS (SELECT 1 FROM events o WHERE o.seq = k.body ->> '$.seq')) `

// Revisions returns up to limit policies that were in force, the latest first, and a
// cursor for the rest as [Reader.List] does.
func (r *Reader) Revisions(ctx context.Context, limit int, before int64) (list []Revision, next int64, err error) {
	limit = min(max(limit, 1), 1000)
	rows, err := r.now(ctx).QueryContext(ctx, loads+`, each AS (
			SELECT said ->> '$.revision' AS revision, min(at) AS first, max(at) AS last, count(DISTINCT of) AS n, max(of) AS of FROM loads GROUP BY 1)
		SELECT DISTINCT revision, first, last, n, of, coalesce(said ->> '$.shadow', ''), coalesce(said -> '$.digests', '{}'), of = (SELECT max(of) FROM loads)
		FROM each JOIN loads USING (of) WHERE revision IS NOT NULL AND (?1 = 0 OR of < ?1) ORDER BY of DESC LIMIT ?2`, before, limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("revisions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			v           Revision
			first, last int64
			digests     string
			files       map[string]string
		)
		if err := rows.Scan(&v.Revision, &first, &last, &v.Loads, &v.Seq, &v.Shadow, &digests, &v.InForce); err != nil {
			return nil, 0, fmt.Errorf("revisions: %w", err)
		}
		if err := json.Unmarshal([]byte(digests), &files); err != nil {
			return nil, 0, fmt.Errorf("revision %s: %w", v.Revision, err)
		}
		v.First, v.Last = isoTime(first), isoTime(last)
		v.Files = slices.AppendSeq([]string{}, maps.Keys(files))
		slices.Sort(v.Files)
		list = append(list, v)
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].Seq
	}
	return list, next, rows.Err()
}

func isoTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// PolicyText is what the record has of a policy.
type PolicyText struct {
	Revision string
	Loaded   string          // when it was put in force last; as a shadow, if it decided nothing itself
	Files    json.RawMessage // as they were given to the record; nil if the record has none
}

// ErrNoRevision says that no policy of the record has this revision.
var ErrNoRevision = errors.New("no policy with this revision was in force")

// PolicyNamed is the text of the policy whose revision begins so, also of one that was
// the shadow of another. It returns [ErrNoRevision], or [ErrAmbiguous].
func (r *Reader) PolicyNamed(ctx context.Context, beginning string) (PolicyText, error) {
	if err := tooLong("revision", beginning); err != nil {
		return PolicyText{}, err
	}
	for _, member := range []string{"revision", "shadow"} {
		var least, most sql.NullString
		err := r.now(ctx).QueryRowContext(ctx, loads+`SELECT min(it), max(it) FROM (SELECT said ->> ?1 AS it FROM loads) WHERE substr(it, 1, length(?2)) = ?2 AND it <> ''`, "$."+member, beginning).Scan(&least, &most)
		switch {
		case err != nil:
			return PolicyText{}, fmt.Errorf("revision %s: %w", beginning, err)
		case !least.Valid || beginning == "":
			continue
		case least.String != most.String:
			return PolicyText{}, fmt.Errorf("%w: several revisions begin with %s, such as %s and %s", ErrAmbiguous, beginning, least.String, most.String)
		}
		said, err := r.loaded(ctx, "said ->> '$."+member+"' = ?", least.String)
		text := PolicyText{least.String, said.Loaded, said.Files}
		if member == "shadow" {
			text.Files = said.ShadowFiles
		}
		return text, err
	}
	return PolicyText{}, fmt.Errorf("%w: %s", ErrNoRevision, strconv.Quote(beginning))
}

// Policy is the text of a revision as it was put in force last.
func (r *Reader) Policy(ctx context.Context, revision string) (PolicyText, error) {
	e, err := r.loaded(ctx, "said ->> '$.revision' = ?", revision)
	return PolicyText{revision, e.Loaded, e.Files}, err
}

// ShadowAt is the shadow policy that was in force when an event was recorded.
func (r *Reader) ShadowAt(ctx context.Context, seq int64) (PolicyText, error) {
	e, err := r.loaded(ctx, "of < ?", seq)
	return PolicyText{e.Shadow, e.Loaded, e.ShadowFiles}, err
}

// loaded reads the newest of the loads of which something is true.
func (r *Reader) loaded(ctx context.Context, which string, value any) (said struct {
	Loaded      string `json:"-"`
	Shadow      string
	Files       json.RawMessage
	ShadowFiles json.RawMessage `json:"shadow_files"`
}, err error) {
	var seq, at int64
	err = r.now(ctx).QueryRowContext(ctx, loads+"SELECT seq, at FROM loads WHERE "+which+" ORDER BY of DESC LIMIT 1", value).Scan(&seq, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return said, nil
	}
	if err != nil {
		return said, fmt.Errorf("policies of the record: %w", err)
	}
	events, err := r.whole(ctx, "WHERE seq = ?", seq)
	if err != nil || len(events) == 0 {
		return said, err
	}
	said.Loaded = isoTime(at)
	kept := keptBody{Body: events[0].Body}
	if events[0].Type == TypeKept {
		err = json.Unmarshal([]byte(events[0].Body), &kept)
	}
	if err == nil {
		err = json.Unmarshal([]byte(kept.Body), &said)
	}
	if err == nil && events[0].Text != "" {
		err = json.Unmarshal([]byte(events[0].Text), &said)
	}
	if err != nil {
		err = fmt.Errorf("event %d: %w", events[0].Seq, err)
	}
	return said, err
}
