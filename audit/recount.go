package audit

import "errors"

// forget takes what was pruned out of the counts: whole spans, and of the one
// that the rest begins in, by counting it anew.
func (c *conn) forget(through int64) error {
	if err := c.exec("DELETE FROM interned WHERE last <= ?", through-renew); err != nil {
		return err
	}
	span := (through + 1) / spanSize
	stale, err := c.rows("SELECT 1 FROM counts WHERE span <= ? AND first <= ? LIMIT 1", span, through)
	if err != nil || len(stale) == 0 {
		return err
	}
	return c.anew(func() error {
		if err := c.apartAll("span <= ?", span); err != nil {
			return err
		}
		for _, statement := range []string{
			"DELETE FROM counts WHERE span <= ?", "DELETE FROM hours WHERE span <= ?", "DELETE FROM words WHERE block IN " + allBlocks + " AND span <= ?",
		} {
			if err := c.exec(statement, span); err != nil {
				return err
			}
		}
		if err := c.exec("DELETE FROM sources WHERE seq <= ?", through); err != nil {
			return err
		}
		if err := c.exec(dropFacets); err != nil {
			return err
		}
		return c.recount(span*spanSize, span*spanSize+spanSize)
	})
}

// anew runs what counts calls anew, as a transaction of its own.
func (c *conn) anew(f func() error) (err error) {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	clear(c.counting.ids)
	clear(c.counting.open)
	clear(c.counting.apart)
	clear(c.counting.rows)
	c.counting.latest = [2]int64{}
	if err = f(); err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil {
		err = errors.Join(err, c.exec("ROLLBACK"))
		clear(c.counting.ids) // of rows that are not there
		clear(c.counting.batch)
		clear(c.counting.apart)
		clear(c.counting.rows)
		c.counting.latest = [2]int64{}
	}
	return err
}

// recountSpans counts spans anew, one in a transaction, and calls between after
// each.
func (c *conn) recountSpans(spans []int64, between func()) error {
	for _, span := range spans {
		if err := c.anew(func() error {
			if err := c.apartAll("span = ?", span); err != nil {
				return err
			}
			if err := c.exec("DELETE FROM counts WHERE span = ?", span); err != nil {
				return err
			}
			return c.recount(span*spanSize, span*spanSize+spanSize)
		}); err != nil {
			return err
		}
		between()
	}
	clear(c.counting.ids)
	return c.exec(dropFacets)
}

// dropFacets removes combinations that no call has any more.
const dropFacets = "DELETE FROM facets WHERE NOT EXISTS (SELECT 1 FROM counts WHERE facet = id)"

// spans are those in which there are calls of an agent.
func (c *conn) spans(agent string) (spans []int64, err error) {
	rows, err := c.rows("SELECT DISTINCT span FROM counts WHERE facet IN (SELECT id FROM facets WHERE agent = ?)", agent)
	for _, row := range rows {
		span, _ := row[0].(int64)
		spans = append(spans, span)
	}
	return spans, err
}

// recount counts the calls that begin in a range of events, which are in no counts.
func (c *conn) recount(from, to int64) error {
	rows, err := c.rows("SELECT "+readColumns+" FROM events WHERE seq >= ? AND seq < ? AND call IS NOT NULL AND type IN (?, ?)", from, to, TypeAttempt, TypeRefusal)
	if err != nil {
		return err
	}
	for _, columns := range rows {
		r, err := parseRow(columns)
		if err != nil {
			continue // foreign: no call of this gateway's
		}
		last := r.Event
		outcomes, err := c.rows("SELECT "+readColumns+" FROM events WHERE call = ? AND type = ?", r.Seq, TypeOutcome)
		if err != nil {
			return err
		}
		if len(outcomes) > 0 {
			if o, err := parseRow(outcomes[0]); err == nil {
				last = o.Event
			}
		}
		for _, e := range []*Event{&r.Event, &last} {
			if err := c.used(e); err != nil {
				return err
			}
		}
		t, err := c.tallyOf(facetBy(&r.Event, &last), last.Us, r.TimeUnixMs/hourMs, r.Seq)
		if err != nil {
			return err
		}
		c.counting.add(t, r.Seq, 1)
		for _, source := range sources(&r.Event) {
			if err := c.do(c.source, source, r.Seq); err != nil {
				return err
			}
		}
		if err := c.noteHour(t); err != nil {
			return err
		}
	}
	return c.flush()
}
