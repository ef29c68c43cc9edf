package audit

import (
	"strconv"
	"time"
)

// object appends the members of a JSON object in place. Members whose value is
// the zero value are left out: a reader takes what is missing for it.
type object struct{ b []byte }

func (o *object) name(name string) {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) open(name string) { o.name(name); o.b = append(o.b, '{') }
func (o *object) close()           { o.b = append(o.b, '}') }

func (o *object) text(name, s string) {
	if s != "" {
		o.name(name)
		o.b = appendString(o.b, s)
	}
}

func (o *object) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	o.name(name)
	o.b = append(o.b, '[')
	for i, s := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendString(o.b, s)
	}
	o.b = append(o.b, ']')
}

// json writes what already is JSON on one line.
func (o *object) json(name string, line []byte) {
	o.name(name)
	o.b = append(o.b, line...)
}

func (o *object) number(name string, n int) {
	if n != 0 {
		o.name(name)
		o.b = strconv.AppendInt(o.b, int64(n), 10)
	}
}

func (o *object) float(name string, f float64) {
	if f != 0 {
		o.name(name)
		o.b = strconv.AppendFloat(o.b, f, 'g', 4, 64)
	}
}

func (o *object) yes(name string, b bool) {
	if b {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

// ms writes a duration in milliseconds, to the microsecond.
func (o *object) ms(name string, d time.Duration) {
	if d != 0 {
		o.name(name)
		o.b = strconv.AppendFloat(o.b, d.Seconds()*1e3, 'f', 3, 64)
	}
}
