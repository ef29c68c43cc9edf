package policy

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestWhatIsComparedCounts: an agent chooses how much there is of what a rule compares,
// over and over.
func TestWhatIsComparedCounts(t *testing.T) {
	var object, texts, deep strings.Builder
	for i := range 20000 {
		object.WriteString(`"k` + strconv.Itoa(i) + `":1,`)
		texts.WriteString(`"t",`)
		deep.WriteString(`{},`)
	}
	args := `{"list":[` + texts.String() + `1],"objects":[` + deep.String() + `1],"object":{` + object.String() + `"k":[[1]]},"lists":[[` + texts.String() + `1],[` + texts.String() + `2]],"long":"` + strings.Repeat("a", 100000) + `"}`
	for name, body := range map[string]string{
		"members of an object":  "some x in input.args.list\n\tx in input.args.object",
		"objects among objects": "some x in input.args.objects\n\tx in input.args.objects",
		"equal objects":         "some x in input.args.objects\n\tx == input.args.object",
		"other objects":         "some x in input.args.list\n\tinput.args.object == object.get(input.args, [\"none\", x], input.args.object)\n\tx == 1",
		"greater lists":         "some x in input.args.list\n\tsome l in input.args.lists\n\tl > input.args.lists[1]\n\tx == 1",
		"equal lists":           "some x in input.args.list\n\tl := [x | some x in input.args.list]\n\tl == x",
		"patterns":              "some x in input.args.list\n\t{\"k\": x, \"l\": [x]} = input.args.object",
		"texts in texts":        "some x in input.args.list\n\tcontains(input.args.long, concat(\"\", [x, \"b\"]))",
		"lists in a list":       "some x in input.args.list\n\tinput.args.lists[0] in [input.args.lists[1], x]\n\tx == 1",
		"an object's first":     "some x in input.args.list\n\tevery k, v in input.args.object { k == v; k == x }",
		"unlike objects":        "some x in input.args.objects\n\t[x] != [input.args.object]\n\tx == 1",
		"objects in lists":      "some x in input.args.objects\n\t[x] == [input.args.object]",
		"sets of objects":       "some x in input.args.objects\n\tcount({x, input.args.object, {\"a\": x}}) == 7",
		"greatest":              "some x in input.args.objects\n\tmax([x, input.args.object]) == 7",
		"less":                  "some x in input.args.objects\n\t{x} - {input.args.object} == 7",
		"member of a set":       "some x in input.args.objects\n\t{x}[input.args.object] == 7",
		"a text taken apart":    "some x in input.args.list\n\t[y, x] = input.args.long",
		"walked":                "some x in input.args.list\n\twalk(input.args.object, [p, x])\n\tp[0] == 7",
		"sets":                  "some x in input.args.list\n\t{x | some x in input.args.lists[0]} == {x | some x in input.args.lists[1]}\n\tx == 1",
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Open(t.Context(), Options{Timeout: 100 * time.Millisecond, Path: writeFiles(t, map[string]string{"a.rego": "package gateway\n\nallow := true\n\ndeny contains \"a\" if {\n\t" + body + "\n}\n"})})
			if err != nil {
				t.Fatal(err)
			}
			c := readCall(t, args)
			r := e.current.Load()
			in := r.input(c, stageOf(c), r.reads.extent)
			p := r.quick.plan(c.Tool)
			a := r.quick.pool.Get().(*answering)
			a.begin(in, c.Time, 100*time.Millisecond)
			began := time.Now()
			p.answer(nil, a)
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %s", took)
			} else {
				t.Logf("it took %s", took)
			}
		})
	}
}
