package shape

import "bytes"

// members goes over the members of an object, and takes some of them out:
//
//	{"a":1,"b":2}  without a  {"b":2}
//	{"a":1,"b":2}  without b  {"a":1}
type members struct {
	w     *walker
	begun bool
	kept  bool   // a member stayed, so that a comma stands before the next
	comma int    // where the comma before this member is
	start int    // where this member begins, with its name
	name  []byte // without quotes and escapes
}

// next goes to the value of the next member; false at the object's end. The
// caller passes the value, and calls keep if it stays.
func (m *members) next() bool {
	w := m.w
	if !m.begun {
		m.begun = true
		w.i++
		w.path = append(w.path, step{})
	}
	w.space()
	switch w.b[w.i] {
	case '}':
		w.i++
		w.path = w.path[:len(w.path)-1]
		return false
	case ',':
		m.comma = w.i
		w.i++
		w.space()
	}
	m.start = w.i
	m.name = w.Text()
	if bytes.IndexByte(m.name, '\\') >= 0 {
		m.name = []byte(text(w.b[m.start:w.i])) // "na\u006de" is "name"
	}
	w.path[len(w.path)-1].name = m.name
	w.space()
	w.i++ // the colon
	w.space()
	return true
}

func (m *members) keep() { m.kept = true }

// judge holds the member's value against its type: it stays, goes, or is an
// error.
func (m *members) judge(t *typ) (kept bool, err error) {
	w := m.w
	start, edits, changed, depth := w.i, len(w.edits), len(w.changed), len(w.path)
	if w.b[start] == 'n' && !t.null && !t.says {
		v := w.Skip()
		if t.mark == '!' {
			return false, w.misfit(t, v)
		}
		return m.replace(start, t), nil
	}
	if err := w.value(t); err != nil {
		if t.mark != '~' {
			return false, err
		}
		w.edits, w.changed, w.path = w.edits[:edits], w.changed[:changed], w.path[:depth]
		w.i = start
		w.Skip()
		return m.replace(start, t), nil
	}
	m.keep()
	return true, nil
}

// replace puts in what stands for the value that was just passed, if something
// does, or takes the member out.
func (m *members) replace(start int, t *typ) (kept bool) {
	if !t.puts() {
		m.cut()
		return false
	}
	with, _ := t.filled()
	m.w.note(edit{start, m.w.i, with})
	m.keep()
	return true
}

// cut takes the member out, with the comma that would be one too many.
func (m *members) cut() {
	w := m.w
	if m.kept {
		w.note(edit{m.comma, w.i, ""})
		return
	}
	end := w.i
	look := walker{Cursor: w.Cursor}
	if look.space(); look.b[look.i] == ',' {
		end = look.i + 1
		w.i = end
	}
	w.note(edit{m.start, end, ""})
}
