package audit

import "maps"

// nameAttempt finds the number of the attempt that an outcome is of.
func (w *writer) nameAttempt(e *Event, db answering) error {
	if e.Type != TypeOutcome || e.Call == "" {
		return nil
	}
	if of, held := w.open[e.Call]; held {
		e.Of = of
		return nil
	}
	// Another process recorded it, or it is forgotten.
	rows, err := db.rows("SELECT seq FROM events WHERE call = ? AND type = ?", e.Call, TypeAttempt)
	if err == nil && len(rows) > 0 {
		e.Of, _ = rows[0][0].(int64)
	}
	return err
}

// noteAttempt remembers which calls have no outcome.
func (w *writer) noteAttempt(e *Event) {
	switch e.Type {
	case TypeAttempt:
		if len(w.open) >= 1<<16 { // what is settled can be asked for
			maps.DeleteFunc(w.open, func(_ string, seq int64) bool { return seq <= w.settled.Load() })
		}
		w.open[e.Call] = e.Seq
	case TypeOutcome:
		delete(w.open, e.Call)
	}
}
