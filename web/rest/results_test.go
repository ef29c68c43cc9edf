package rest

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// calls is a turn of one call of a tool, in each format.
var calls = map[string]string{
	"openai":              `[{"id":"c","type":"function","function":{"name":"s__one","arguments":"{}"}}]`,
	"openai-responses":    `[{"type":"function_call","call_id":"c","name":"s__one","arguments":"{}"}]`,
	"anthropic":           `[{"type":"tool_use","id":"c","name":"s__one","input":{}}]`,
	"gemini":              `[{"functionCall":{"name":"s__one","args":{}}}]`,
	"gemini-interactions": `[{"type":"function_call","id":"c","name":"s__one","arguments":{}}]`,
}

// results are kinds of results that tools return, by name.
func results(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	b, err := os.ReadFile("testdata/results.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	anthropicImage = regexp.MustCompile(`^image/(png|jpeg|gif|webp)$`)
	openAIImage    = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp);base64,`)
	geminiBlob     = regexp.MustCompile(`^(image/(png|jpeg|webp)|application/pdf)$`)
	longBase64     = regexp.MustCompile(`[A-Za-z0-9+/]{200,}`)
)

// walk visits every object of a JSON value.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, x := range v {
			walk(x, visit)
		}
	case []any:
		for _, x := range v {
			walk(x, visit)
		}
	}
}

func str(v any) string { s, _ := v.(string); return s }

// What providers refuse a message for, beyond what their SDKs' types say; each
// refusal ends the conversation, because the message stays in it.
func TestNoResultBecomesAMessageThatItsProviderRefuses(t *testing.T) {
	for name, result := range results(t) {
		for format, body := range calls {
			w := send(t, &open{answer: map[string]string{"s__one": string(result)}}, "POST", "/v1/tool_calls", "good", body)
			var got struct{ Messages []map[string]any }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Messages) != 1 {
				t.Fatalf("%s, %s: %v %s", format, name, err, w.Body)
			}
			bad := func(why string) { t.Errorf("%s, %s: %s: %s", format, name, why, marshal(got.Messages)) }
			walk(any(got.Messages[0]), func(o map[string]any) {
				for _, member := range []string{"text", "input_text", "output", "content", "result", "error"} {
					if longBase64.MatchString(str(o[member])) {
						bad("base64 as text")
					}
				}
				if kind := str(o["type"]); (kind == "text" || kind == "input_text") && strings.TrimSpace(str(o["text"])) == "" {
					bad("a blank text")
				}
				for _, member := range []string{"data", "image_url", "file_data"} {
					data, has := o[member]
					if !has {
						continue
					}
					_, b64, url := strings.Cut(str(data), ";base64,")
					if !url {
						b64 = str(data)
					}
					if raw, err := base64.StdEncoding.Strict().DecodeString(b64); err != nil || len(raw) == 0 || strings.ContainsAny(b64, "\r\n") {
						bad("data that is no base64")
					}
				}
				switch {
				case format == "anthropic" && o["is_error"] == true:
					walk(o["content"], func(part map[string]any) {
						if str(part["type"]) != "text" {
							bad("an error with more than text")
						}
					})
				case format == "anthropic" && str(o["type"]) == "base64":
					if mime := str(o["media_type"]); !anthropicImage.MatchString(mime) && mime != "application/pdf" {
						bad("media that it does not take")
					}
				case format == "openai-responses" && str(o["type"]) == "input_image":
					if !openAIImage.MatchString(str(o["image_url"])) {
						bad("an image that it does not take")
					}
				case format == "gemini" && o["mimeType"] != nil:
					if !geminiBlob.MatchString(str(o["mimeType"])) {
						bad("media that it does not take")
					}
				case format == "gemini" && o["response"] != nil:
					if _, object := o["response"].(map[string]any); !object {
						bad("a response that is no object")
					}
				}
			})
		}
	}
}

// What a tool said is said: each text of a result stands in the messages, and
// what a format cannot show is named.
func TestNothingOfAResultIsLost(t *testing.T) {
	for name, want := range map[string][]string{
		"two texts": {"one", "two"}, "an empty text beside another": {"x"}, "svg": {"image/svg+xml"}, "tiff": {"image/tiff"},
		"image that is no base64": {"not valid base64"}, "resource text": {"inside"}, "resource zip": {"application/zip", "file:///srv/a.bin"},
		"resource pdf": {"the report"}, "link": {"file:///srv/a.txt"}, "unknown kind": {"hologram"}, "unknown kind with data": {"video/mp4"},
		"block without a type": {"loose"}, "structured alone": {"1.50"}, "structured beside an empty text": {`"n`}, "structured and another text": {"two rows"},
		"error text": {"bad luck"}, "error with an image": {"see", "image/png"}, "error with a pdf": {"application/pdf"}, "error with structure": {"why"},
	} {
		result, ok := results(t)[name]
		if !ok {
			t.Fatalf("there is no result %q", name)
		}
		for format, body := range calls {
			w := send(t, &open{answer: map[string]string{"s__one": string(result)}}, "POST", "/v1/tool_calls", "good", body)
			for _, text := range want {
				said := strings.ReplaceAll(w.Body.String(), `\"`, `"`)
				if format == "gemini-interactions" && text == "image/tiff" {
					text = `"mime_type":"image/tiff"` // it takes those
				}
				if !strings.Contains(said, text) {
					t.Errorf("%s, %s: %q is not in %s", format, name, text, said)
				}
			}
		}
	}
}

// Images go where each format has a place for them.
func TestImagesArePartsOfTheirOwn(t *testing.T) {
	all := results(t)
	for _, name := range []string{"png", "only an image", "png called jpeg", "type in capitals", "image without a type", "image with line breaks", "resource png", "large image"} {
		for format, want := range map[string]string{
			"openai": `[image/png of`, "openai-responses": `"image_url":"data:image/png;base64,iVBOR`, "anthropic": `"media_type":"image/png"`,
			"gemini": `"mimeType":"image/png"`, "gemini-interactions": `"mime_type":"image/png"`,
		} {
			w := send(t, &open{answer: map[string]string{"s__one": string(all[name])}}, "POST", "/v1/tool_calls", "good", calls[format])
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s, %s: no %s in %s", format, name, want, w.Body)
			}
		}
	}
}
