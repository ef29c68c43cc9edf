package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
)

// asker is what review commands ask of a record: of its file, or of the gateway
// that has it, for who may not read the file.
type asker interface {
	List(ctx context.Context, f audit.Filter, limit int, before int64) ([]audit.Call, int64, error)
	ListOldest(ctx context.Context, f audit.Filter, limit int, after int64) ([]audit.Call, int64, error)
	Sorted(ctx context.Context, f audit.Filter, name string, down bool, limit int) ([]audit.Call, error)
	All(ctx context.Context, f audit.Filter) iter.Seq2[audit.Call, error]
	Show(ctx context.Context, id string) (audit.Call, []audit.Event, error)
	Trace(ctx context.Context, id string) (*audit.Trace, error)
	CallDiff(ctx context.Context, a, b string) (callDiff, error)
	Stats(ctx context.Context, f audit.Filter) (audit.Stats, error)
	Series(ctx context.Context, f audit.Filter, by []string, every time.Duration) ([]audit.Point, error)
	Changes(ctx context.Context, f audit.Filter, by []string) ([]audit.Change, error)
	View(ctx context.Context, q audit.ViewQuery) (audit.Table, error)
	Events(ctx context.Context, q audit.EventQuery, limit int, before int64) ([]audit.Event, int64, error)
	Export(ctx context.Context, w io.Writer, format audit.Format, f audit.Filter) (int64, error)
	Ship(ctx context.Context, w io.Writer, format audit.Format, f audit.Filter, after audit.Cursor, events bool) (int64, audit.Cursor, error)
	Follow(ctx context.Context, f audit.Filter, after *audit.Cursor) iter.Seq2[audit.Ended, error]
	Revisions(ctx context.Context, limit int, before int64) ([]audit.Revision, int64, error)
	PolicyText(ctx context.Context, revision string) (policyText, error)
	PolicyDiff(ctx context.Context, from, to string) (policyDiff, error)
	Close() error
}

// inFile is a record of which the file is read.
type inFile struct{ *audit.Reader }

var (
	_ asker = inFile{}
	_ asker = (*remote)(nil)
)

// desk says whom a review command asks.
type desk struct {
	record
	where whereFlags
}

func newDesk(g *globals) desk { return desk{record{g: g}, whereFlags{g: g}} }

func (d *desk) flag(cmd *cobra.Command) {
	d.record.flag(cmd)
	cmd.Flags().StringVar(&d.where.url, "url", "", "base URL of a gateway to ask instead of a file, with an operator's token in TOOLWARD_TOKEN")
	cmd.MarkFlagsMutuallyExclusive("db", "url")
}

// read finds the record, and lets go of it.
func (d *desk) read(ctx context.Context, do func(asker) error) (err error) {
	reader, err := d.ask(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return do(reader)
}

// ask finds the record: behind --url, or in the file. Who may not read that, and has
// a token, asks the gateway of the configuration.
func (d *desk) ask(ctx context.Context) (asker, error) {
	if d.where.url == "" {
		reader, err := d.open(ctx)
		if !errors.Is(err, fs.ErrPermission) || d.db != "" || os.Getenv("TOOLWARD_TOKEN") == "" {
			if err != nil {
				return nil, err
			}
			return inFile{reader}, nil
		}
	}
	o, err := d.where.open(ctx)
	if err != nil {
		return nil, err
	}
	return &remote{o}, nil
}

// remote asks the operators' API. It is the other side of [rooms.questions].
type remote struct{ *operations }

func (r *remote) Close() error { return r.close() }

func (r *remote) get(ctx context.Context, path string, q url.Values, into any) error {
	return r.operations.ask(ctx, http.MethodGet, "audit/"+path+"?"+q.Encode(), nil, into)
}

func (r *remote) calls(ctx context.Context, q url.Values, limit int, before int64) ([]audit.Call, int64, error) {
	q.Set("limit", strconv.Itoa(limit))
	if before != 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	var p callPage
	err := r.get(ctx, "calls", q, &p)
	return p.Calls, p.Next, err
}

func (r *remote) List(ctx context.Context, f audit.Filter, limit int, before int64) ([]audit.Call, int64, error) {
	return r.calls(ctx, queryOf(f), limit, before)
}

func (r *remote) ListOldest(ctx context.Context, f audit.Filter, limit int, after int64) ([]audit.Call, int64, error) {
	q := queryOf(f)
	q.Set("oldest", "true")
	return r.calls(ctx, q, limit, after)
}

func (r *remote) Sorted(ctx context.Context, f audit.Filter, name string, down bool, limit int) ([]audit.Call, error) {
	if down {
		name = "-" + name
	}
	q := queryOf(f)
	q.Set("sort", name)
	calls, _, err := r.calls(ctx, q, limit, 0)
	return calls, err
}

func (r *remote) All(ctx context.Context, f audit.Filter) iter.Seq2[audit.Call, error] {
	return func(yield func(audit.Call, error) bool) {
		for after := int64(0); ; {
			calls, next, err := r.ListOldest(ctx, f, 500, after)
			if err != nil {
				yield(audit.Call{}, err)
				return
			}
			for _, c := range calls {
				if !yield(c, nil) {
					return
				}
			}
			if after = next; next == 0 {
				return
			}
		}
	}
}

func (r *remote) Show(ctx context.Context, id string) (audit.Call, []audit.Event, error) {
	var s shownCall
	err := r.get(ctx, "calls/"+segment(id), nil, &s)
	return s.Call, s.Events, err
}

func (r *remote) Trace(ctx context.Context, id string) (*audit.Trace, error) {
	t := new(audit.Trace)
	return t, r.get(ctx, "calls/"+segment(id)+"/trace", nil, t)
}

func (r *remote) Stats(ctx context.Context, f audit.Filter) (s audit.Stats, err error) {
	err = r.get(ctx, "stats", queryOf(f), &s)
	return s, err
}

func (r *remote) Series(ctx context.Context, f audit.Filter, by []string, every time.Duration) ([]audit.Point, error) {
	q := queryOf(f)
	if q["by"] = by; every != 0 {
		q.Set("every", every.String())
	}
	var s series
	err := r.get(ctx, "series", q, &s)
	return s.Points, err
}

func (r *remote) Changes(ctx context.Context, f audit.Filter, by []string) ([]audit.Change, error) {
	q := queryOf(f)
	q["by"] = by
	var c changes
	err := r.get(ctx, "changes", q, &c)
	return c.Changes, err
}

func (r *remote) View(ctx context.Context, v audit.ViewQuery) (t audit.Table, err error) {
	q := queryOf(audit.Filter{Since: v.Since, Until: v.Until})
	q.Set("limit", strconv.Itoa(v.Limit))
	if v.Sort != "" {
		q.Set("sort", v.Sort)
	}
	for name, list := range map[string][]audit.Equals{"where": v.Where, "not": v.Not} {
		for _, e := range list {
			q.Add(name, e.Column+"="+e.Value)
		}
	}
	err = r.get(ctx, "views/"+segment(v.Name), q, &t)
	return t, err
}

func (r *remote) Events(ctx context.Context, e audit.EventQuery, limit int, before int64) ([]audit.Event, int64, error) {
	q := queryOf(audit.Filter{Since: e.Since, Until: e.Until})
	q.Set("limit", strconv.Itoa(limit))
	if before != 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(e.Types) > 0 {
		q["type"] = e.Types
	}
	if !e.Own {
		q.Set("calls", "true")
	}
	var p eventPage
	err := r.get(ctx, "events", q, &p)
	return p.Events, p.Next, err
}

func (r *remote) Export(ctx context.Context, w io.Writer, format audit.Format, f audit.Filter) (n int64, err error) {
	q := queryOf(f)
	q.Set("format", string(format))
	err = r.lines(ctx, "audit/export?"+q.Encode(), func(line []byte) error {
		n++
		_, err := w.Write(line)
		return err
	})
	return n - heads(format, n), err
}

func (r *remote) Ship(ctx context.Context, w io.Writer, format audit.Format, f audit.Filter, after audit.Cursor, events bool) (n int64, end audit.Cursor, err error) {
	q := queryOf(f)
	q.Set("format", string(format))
	q.Set("after", after.String())
	if events {
		q.Set("events", "true")
	}
	last := []byte(nil)
	err = r.lines(ctx, "audit/export?"+q.Encode(), func(line []byte) error {
		n++
		last = append(last[:0], line...)
		_, err := w.Write(line)
		return err
	})
	n -= heads(format, n)
	if end = after; n > 0 {
		var atErr error
		end, atErr = cursorIn(format, last)
		err = errors.Join(err, atErr)
	}
	return n, end, err
}

// heads is how many of n lines are no rows.
func heads(format audit.Format, n int64) int64 {
	if format == audit.FormatCSV {
		return min(n, 1)
	}
	return 0
}

// cursorIn reads the cursor of a line: the last field, or the member.
func cursorIn(format audit.Format, line []byte) (audit.Cursor, error) {
	text := strings.TrimRight(string(line), "\r\n")
	if format == audit.FormatCSV {
		return audit.ParseCursor(strings.Trim(text[strings.LastIndexByte(text, ',')+1:], `"`))
	}
	var at struct {
		Cursor   string
		Unmapped struct{ Cursor string } // of OCSF
	}
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		return audit.Cursor{}, err
	}
	return audit.ParseCursor(cmp.Or(at.Cursor, at.Unmapped.Cursor))
}

func (r *remote) Follow(ctx context.Context, f audit.Filter, after *audit.Cursor) iter.Seq2[audit.Ended, error] {
	q := queryOf(f)
	if after != nil {
		q.Set("after", after.String())
	}
	return func(yield func(audit.Ended, error) bool) {
		stopped := errors.New("nobody reads on")
		err := r.lines(ctx, "audit/tail?"+q.Encode(), func(line []byte) error {
			var e audit.Ended
			if err := json.Unmarshal(line, &e); err != nil {
				return err
			}
			if !yield(e, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) && ctx.Err() == nil {
			yield(audit.Ended{}, err)
		}
	}
}
