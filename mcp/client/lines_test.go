package client

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	const limit = 2 << 10
	long := `{"jsonrpc":"2.0","id":7,"result":"` + strings.Repeat("z", 3<<10) + `"}`
	tests := []struct {
		name, in string
		want     []string // whole lines; "long" is one over the limit
		end      error
	}{
		{"lines", "a\nb\r\n\nc\n", []string{"a", "b", "", "c"}, io.EOF},
		{"cut at the end", "a\nb", []string{"a"}, io.ErrUnexpectedEOF},
		{"one over the limit between others", "a\n" + long + "\nb\n", []string{"a", "long", "b"}, io.EOF},
		{"several over the limit", long + "\n" + long + "\r\nb\n", []string{"long", "long", "b"}, io.EOF},
		{"longer than the reader's buffer", strings.Repeat("z", 20<<10) + "\nb\n", []string{"long", "b"}, io.EOF},
		{"at the limit", strings.Repeat("z", limit) + "\n", []string{strings.Repeat("z", limit)}, io.EOF},
		{"without an end", strings.Repeat("z", 200<<10), nil, errEndless},
		{"over the limit and cut", strings.Repeat("z", 3<<10), nil, io.EOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newLines(strings.NewReader(tt.in), limit)
			var got []string
			for {
				l, err := in.next()
				if err != nil {
					if !errors.Is(err, tt.end) {
						t.Errorf("ended with %v, want %v", err, tt.end)
					}
					break
				}
				if l.whole == nil {
					if len(l.head) > maxEdge || len(l.tail) > maxEdge {
						t.Errorf("%d and %d bytes are kept", len(l.head), len(l.tail))
					}
					got = append(got, "long")
					continue
				}
				got = append(got, string(l.whole))
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("got %.100q, want %.100q", got, tt.want)
			}
		})
	}
}

func TestIDOfWhatCannotBeRead(t *testing.T) {
	z := strings.Repeat("z", 2*maxEdge)
	for name, tt := range map[string]struct{ in, want string }{
		"ID first":               {`{"jsonrpc":"2.0","id":7,"result":"` + z + `"}`, "7"},
		"ID last":                {`{"result":{"text":"` + z + `"},"jsonrpc":"2.0","id":7}`, "7"},
		"ID before the version":  {`{"result":{"text":"` + z + `"},"id":7,"jsonrpc":"2.0"}`, "7"},
		"as a string":            {`{"jsonrpc":"2.0","id":"7","result":"` + z + `"}`, `"7"`},
		"blanks":                 {"{ \"id\" : 7 , \"result\" : \"" + z + "\" }\r", "7"},
		"an ID in the result":    {`{"result":{"id":1,"text":"` + z + `"},"jsonrpc":"2.0","id":7}`, "7"},
		"only one in the result": {`{"jsonrpc":"2.0","result":{"text":"` + z + `","id":1}}`, ""},
		"only one in a text":     {`{"jsonrpc":"2.0","result":"` + z + `\"id\":1}"}`, ""},
		"nonsense after it":      {`{"jsonrpc":"2.0","id":7,"result":nonsense}`, "7"},
		"nonsense before it":     {`{"result":nonsense,"jsonrpc":"2.0","id":7}`, "7"},
		"not UTF-8":              {"{\"result\":\"\xff\",\"jsonrpc\":\"2.0\",\"id\":7}", "7"},
		"text before it":         {`loading...{"jsonrpc":"2.0","result":{},"id":7}`, "7"},
		"nothing":                {z, ""},
		"cut":                    {`{"jsonrpc":"2.0","id":`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			head, tail := []byte(tt.in[:min(maxEdge, len(tt.in))]), []byte(tt.in[max(0, len(tt.in)-maxEdge):])
			if got := string(lenientID(head, tail)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
