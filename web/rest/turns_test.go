package rest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ran is what a turn came to: the arguments with which calls reached the tool,
// and the calls that were answered with a refusal.
func ran(t *testing.T, path, body string) (format string, args []string, refused int) {
	t.Helper()
	w := send(t, &open{}, "POST", path, "good", body)
	var got struct {
		Format    string
		Messages  json.RawMessage
		Decisions []decision
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%s: %d %v %s", body, w.Code, err, w.Body)
	}
	for _, d := range got.Decisions {
		if d.Code != "" {
			refused++
		}
	}
	text := string(got.Messages) // the tool echoes its arguments
	for _, want := range []string{`{}`, `{"x":1}`, `{"x": 1.0}`, `{"first":1}`, `{"second":1}`} {
		if strings.Contains(text, string(marshal(want))) {
			args = append(args, want)
		}
	}
	return got.Format, args, refused
}

// shapes are the places in which programs have a turn, with CALL for the call's
// own arguments member, and the format that is recognised.
var shapes = []struct{ name, format, turn, member, kind string }{
	{"a message's calls", "openai", `{"tool_calls":[{"id":"c","type":"function","function":{"name":"s__one"CALL}}]}`, "arguments", "string"},
	{"Python's dump of a message", "openai", `{"role":"assistant","content":null,"function_call":null,"audio":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"s__one"CALL}}]}`, "arguments", "string"},
	{"a choice", "openai", `{"index":0,"finish_reason":"tool_calls","message":{"tool_calls":[{"id":"c","function":{"name":"s__one"CALL}}]}}`, "arguments", "string"},
	{"a completion", "openai", `{"choices":[{"index":0,"finish_reason":"tool_calls","message":{"tool_calls":[{"id":"c","function":{"name":"s__one"CALL}}]}}]}`, "arguments", "string"},
	{"calls", "openai", `[{"id":"c","type":"function","function":{"name":"s__one"CALL}}]`, "arguments", "string"},
	{"one call", "openai", `{"id":"c","type":"function","function":{"name":"s__one"CALL}}`, "arguments", "string"},
	{"a custom tool's call", "openai", `{"tool_calls":[{"id":"c","type":"custom","custom":{"name":"s__one"CALL}}]}`, "input", "text"},
	{"a call of before tool_calls", "openai", `{"role":"assistant","function_call":{"name":"s__one"CALL}}`, "arguments", "written"},
	{"a response", "openai-responses", `{"status":"completed","output":[{"type":"reasoning"},{"type":"function_call","call_id":"c","name":"s__one","status":"completed"CALL}]}`, "arguments", "string"},
	{"items", "openai-responses", `[{"type":"function_call","call_id":"c","name":"s__one"CALL}]`, "arguments", "string"},
	{"one item", "openai-responses", `{"type":"function_call","call_id":"c","name":"s__one"CALL}`, "arguments", "string"},
	{"a custom tool's item", "openai-responses", `{"output":[{"type":"custom_tool_call","call_id":"c","name":"s__one"CALL}]}`, "input", "text"},
	{"an Anthropic message", "anthropic", `{"role":"assistant","stop_reason":"tool_use","content":[{"type":"text","text":"hm"},{"type":"tool_use","id":"c","name":"s__one"CALL}]}`, "input", "object"},
	{"blocks", "anthropic", `[{"type":"tool_use","id":"c","name":"s__one"CALL}]`, "input", "object"},
	{"one block", "anthropic", `{"type":"tool_use","id":"c","name":"s__one"CALL}`, "input", "object"},
	{"a Gemini response", "gemini", `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[{"text":"hm"},{"functionCall":{"name":"s__one"CALL}}]}}]}`, "args", "object"},
	{"Python's dump of a Gemini response", "gemini", `{"candidates":[{"finish_reason":"STOP","content":{"parts":[{"text":null,"function_call":{"id":null,"name":"s__one"CALL}},{"text":"hm","function_call":null}]}}]}`, "args", "object"},
	{"a candidate", "gemini", `{"content":{"parts":[{"functionCall":{"name":"s__one"CALL}}]}}`, "args", "object"},
	{"a content", "gemini", `{"role":"model","parts":[{"functionCall":{"name":"s__one"CALL}}]}`, "args", "object"},
	{"parts", "gemini", `[{"functionCall":{"name":"s__one"CALL}}]`, "args", "object"},
	{"one part", "gemini", `{"function_call":{"name":"s__one"CALL}}`, "args", "object"},
	{"an interaction", "gemini-interactions", `{"status":"requires_action","steps":[{"type":"thought"},{"type":"function_call","id":"c","name":"s__one"CALL}]}`, "arguments", "object"},
	{"an interaction's outputs", "gemini-interactions", `{"outputs":[{"type":"function_call","id":"c","name":"s__one"CALL}]}`, "arguments", "object"},
	{"steps", "gemini-interactions", `[{"type":"function_call","id":"c","name":"s__one"CALL}]`, "arguments", "object"},
}

// Models, and the servers before them, write arguments as an object, as a
// string of one, and none as "", blanks, null, or not at all. All forms run in
// all formats: https://github.com/open-webui/open-webui/issues/23778,
// https://github.com/langchain-ai/langchain/pull/34242.
func TestArgumentsInEveryFormInEveryShape(t *testing.T) {
	for _, form := range []struct{ value, want string }{
		{`{}`, `{}`}, {`"{}"`, `{}`}, {`""`, `{}`}, {`" "`, `{}`}, {`"\n\t "`, `{}`}, {`"null"`, `{}`}, {`" null\n"`, `{}`}, {`null`, `{}`}, {``, `{}`},
		{`{"x":1}`, `{"x":1}`}, {`"{\"x\":1}"`, `{"x":1}`}, {`" {\"x\": 1.0}\n"`, `{"x": 1.0}`},
		{`"{\"x\":1"`, ""}, {`"[1]"`, ""}, {`[1]`, ""}, {`7`, ""}, {`true`, ""}, {`"7"`, ""}, {`"{\"x\":1,\"x\":2}"`, ""}, {`"so be it"`, ""},
	} {
		for _, s := range shapes {
			if form.value == "" && s.kind == "written" || s.kind == "text" && !strings.HasPrefix(form.value, `"`) {
				continue // that is no such call
			}
			member := ""
			if form.value != "" {
				member = `,"` + s.member + `":` + form.value
			}
			body := strings.ReplaceAll(s.turn, "CALL", member)
			for _, path := range []string{"/v1/tool_calls", "/v1/tool_calls?format=" + s.format} {
				format, args, refused := ran(t, path, body)
				want, refusals := []string(nil), 1
				if form.want != "" {
					want, refusals = []string{form.want}, 0
				}
				if format != s.format || refused != refusals || !cmp.Equal(args, want) {
					t.Errorf("%s, arguments %s: format %s, ran %q, %d refused; want %s, %q, %d", s.name, form.value, format, args, refused, s.format, want, refusals)
				}
			}
		}
	}
}

// A turn that its provider cut short holds arguments that may be the first half
// of what was meant: nothing of it runs, and each call is answered.
func TestNothingOfATurnThatWasCutShortRuns(t *testing.T) {
	const two = `[{"id":"a","function":{"name":"s__one","arguments":"{\"first\":1}"}},{"id":"b","function":{"name":"s__one","arguments":"{\"second\":1}"}}]`
	for _, tt := range []struct{ name, turn string }{
		{"openai length", `{"choices":[{"finish_reason":"length","message":{"tool_calls":` + two + `}}]}`},
		{"openai filter", `{"choices":[{"finish_reason":"content_filter","message":{"tool_calls":` + two + `}}]}`},
		{"openai choice", `{"finish_reason":"length","message":{"tool_calls":` + two + `}}`},
		{"responses", `{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"function_call","call_id":"a","name":"s__one","arguments":"{\"first\":1}"}]}`},
		{"responses item", `{"output":[{"type":"function_call","call_id":"a","name":"s__one","status":"incomplete","arguments":"{\"first\":1}"}]}`},
		{"anthropic max_tokens", `{"stop_reason":"max_tokens","content":[{"type":"tool_use","id":"a","name":"s__one","input":{"first":1}}]}`},
		{"anthropic window", `{"stop_reason":"model_context_window_exceeded","content":[{"type":"tool_use","id":"a","name":"s__one","input":{"first":1}}]}`},
		{"anthropic refusal", `{"stop_reason":"refusal","content":[{"type":"tool_use","id":"a","name":"s__one","input":{"first":1}}]}`},
		{"gemini MAX_TOKENS", `{"candidates":[{"finishReason":"MAX_TOKENS","content":{"parts":[{"functionCall":{"name":"s__one","args":{"first":1}}}]}}]}`},
		{"gemini malformed", `{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","content":{"parts":[{"functionCall":{"name":"s__one","args":{"first":1}}}]}}]}`},
		{"gemini in Python", `{"candidates":[{"finish_reason":"FinishReason.SAFETY","content":{"parts":[{"function_call":{"name":"s__one","args":{"first":1}}}]}}]}`},
		{"gemini stream", `{"parts":[{"functionCall":{"name":"s__one","args":{"first":1},"willContinue":true}}]}`},
		{"interactions", `{"status":"incomplete","steps":[{"type":"function_call","id":"a","name":"s__one","arguments":{"first":1}}]}`},
	} {
		if _, args, refused := ran(t, "/v1/tool_calls", tt.turn); len(args) > 0 || refused == 0 {
			t.Errorf("%s: ran %q, %d refused", tt.name, args, refused)
		}
	}
	for _, whole := range []string{`"stop"`, `"tool_calls"`, `"function_call"`, `null`, `"eos"`} {
		body := `{"choices":[{"finish_reason":` + whole + `,"message":{"tool_calls":` + two + `}}]}`
		if _, args, refused := ran(t, "/v1/tool_calls", body); len(args) != 2 || refused != 0 {
			t.Errorf("finish_reason %s: ran %q, %d refused", whole, args, refused)
		}
	}
}

// A conversation goes on with one of the choices that a model offered; the
// calls of the others were never meant to run beside it.
func TestOneChoiceRuns(t *testing.T) {
	choice := func(n string) string {
		return `{"finish_reason":"tool_calls","message":{"tool_calls":[{"id":"` + n + `","function":{"name":"s__one","arguments":"{\"` + n + `\":1}"}}]}}`
	}
	candidate := func(n string) string {
		return `{"finishReason":"STOP","content":{"parts":[{"functionCall":{"name":"s__one","args":{"` + n + `":1}}}]}}`
	}
	text := `{"finish_reason":"stop","message":{"content":"no"}}`
	for _, body := range []string{
		`{"choices":[` + choice("first") + `,` + choice("second") + `]}`,
		`{"choices":[` + text + `,` + choice("first") + `,` + choice("second") + `]}`,
		`{"candidates":[` + candidate("first") + `,` + candidate("second") + `]}`,
	} {
		if _, args, _ := ran(t, "/v1/tool_calls", body); !cmp.Equal(args, []string{`{"first":1}`}) {
			t.Errorf("%s: ran %q", body, args)
		}
	}
}

// An array body is one value: what stands after it is no member of anything.
func TestAnArrayOfCallsIsOneValue(t *testing.T) {
	const call = `{"id":"c","function":{"name":"s__one","arguments":"{}"}}`
	for _, body := range []string{
		`[],"tool_calls":[` + call + `]`, `[` + call + `],"x":1`, `[` + call + `]}`, `[` + call + `] []`, `[` + call, `[` + call + `]{"a":1}`,
	} {
		o := &open{}
		if w := send(t, o, "POST", "/v1/tool_calls", "good", body); w.Code != 400 || len(o.records) != 1 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// What an answer has to repeat of its call.
func TestAnswersCarryWhatTheirCallsNeed(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"a program's call", `{"output":[{"type":"function_call","call_id":"c","name":"s__one","arguments":"{}","caller":{"type":"program","caller_id":"p1"}}]}`,
			`[{"type":"function_call_output","call_id":"c","output":"{}","caller":{"type":"program","caller_id":"p1"}}]`},
		{"the model's own", `{"output":[{"type":"function_call","call_id":"c","name":"s__one","arguments":"{}","caller":null}]}`,
			`[{"type":"function_call_output","call_id":"c","output":"{}"}]`},
		{"a program's custom call", `{"output":[{"type":"custom_tool_call","call_id":"c","name":"s__one","input":"{}","caller":{"type":"direct"}}]}`,
			`[{"type":"custom_tool_call_output","call_id":"c","output":"{}","caller":{"type":"direct"}}]`},
		{"a custom tool of chat", `{"tool_calls":[{"id":"c","type":"custom","custom":{"name":"s__one","input":""}}]}`,
			`[{"role":"tool","tool_call_id":"c","content":"{}"}]`},
		{"before tool_calls", `{"function_call":{"name":"s__one","arguments":"{}"}}`, `[{"role":"function","name":"s__one","content":"{}"}]`},
		{"camelCase", `{"parts":[{"functionCall":{"id":"g","name":"s__png","args":{}}}]}`,
			`[{"role":"user","parts":[{"functionResponse":{"id":"g","name":"s__png","response":{"output":""},"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]}}]}]`},
		{"snake_case", `{"parts":[{"function_call":{"id":"g","name":"s__png","args":{}}}]}`,
			`[{"role":"user","parts":[{"function_response":{"id":"g","name":"s__png","response":{"output":""},"parts":[{"inline_data":{"mime_type":"image/png","data":"iVBORw0KGgo="}}]}}]}]`},
		{"an interaction", `{"steps":[{"type":"function_call","id":"c","name":"s__png","arguments":{}}]}`,
			`[{"type":"function_result","call_id":"c","name":"s__png","result":[{"type":"image","mime_type":"image/png","data":"iVBORw0KGgo="}]}]`},
	} {
		o := &open{answer: map[string]string{"s__png": `{"content":[{"type":"image","mimeType":"image/png","data":"iVBORw0KGgo="}]}`}}
		w := send(t, o, "POST", "/v1/tool_calls", "good", tt.body)
		var got struct{ Messages any }
		var want any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Messages); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}
