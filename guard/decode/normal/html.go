package normal

import "strings"

// markup marks what HTML hides in view 0, and what it keeps for those who
// cannot see: comments, elements whose style or attributes make them
// invisible, and attributes of several words. The text stays where it is,
// since a model reads the source.
func (t *Text) markup() {
	v := &t.Views[0]
	src := v.Text
	if strings.IndexByte(src, '<') < 0 {
		return // most texts, at a tenth of what the next line costs
	}
	lastComment := strings.LastIndex(src, "-->") // none begins behind it
	for at := 0; ; {
		k := strings.IndexByte(src[at:], '<')
		if k < 0 {
			return
		}
		at += k
		if at < lastComment && strings.HasPrefix(src[at:], "<!--") {
			at = t.comment(v, at)
			continue
		}
		end, closed := tagEnd(src, at)
		if closed {
			t.element(v, at, end)
		}
		at = end
	}
}

// longestTag bounds a start tag, in bytes.
const longestTag = 2048

// tagEnd returns the end of the start tag at src[at], and whether it is one; if
// not, where to go on. Quoted attributes may hold ">".
func tagEnd(src string, at int) (end int, closed bool) {
	if at+2 >= len(src) || !letter(src[at+1]) {
		return at + 1, false
	}
	quote := byte(0)
	i := at + 2
	for ; i < len(src) && i-at < longestTag; i++ {
		switch c := src[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && src[i-1] == '=':
			quote = c
		case c == '>':
			return i + 1, true
		case c == '<':
			return i, false
		}
	}
	return i, false
}

// comment marks the HTML comment at src[at] if it says more than a word or
// two, and returns where it ends.
func (t *Text) comment(v *View, at int) int {
	end := strings.Index(v.Text[at:], "-->") // there is one
	end += at + 3
	if strings.Count(v.Text[at:end], " ") >= 4 {
		t.mark(HiddenHTML, v.Raw(at, end), 1)
	}
	return end
}

// element marks the element whose start tag is src[at:end] if it is invisible,
// and its attributes that say something.
func (t *Text) element(v *View, at, end int) {
	tag := v.Text[at:end]
	if invisibleTag(tag) {
		name := tag[1:]
		if k := strings.IndexAny(name, " \t\n/>"); k >= 0 {
			name = name[:k]
		}
		stop := min(len(v.Text), end+longestTag)
		if k := strings.Index(v.Text[end:stop], "</"+name); k >= 0 {
			stop = end + k
		} else if k := strings.IndexByte(v.Text[end:stop], '<'); k >= 0 {
			stop = end + k
		}
		if strings.Count(v.Text[end:stop], " ") >= 2 {
			t.mark(HiddenHTML, v.Raw(at, stop), 1)
		}
	}
	for _, name := range []string{"alt=", "title=", "aria-label=", "content=", "value=", "placeholder=", "data-"} {
		k := strings.Index(tag, name)
		if k < 0 {
			continue
		}
		if q := strings.IndexAny(tag[k:], `"'`); q >= 0 {
			text := tag[k+q+1:]
			if stop := strings.IndexByte(text, tag[k+q]); stop >= 0 && strings.Count(text[:stop], " ") >= 4 {
				t.mark(HiddenAttr, v.Raw(at+k+q+1, at+k+q+1+stop), 1)
			}
		}
	}
}

var compactStyle = strings.NewReplacer(" ", "", "\t", "", "\n", "", "'", "", `"`, "")

// invisibleTag reports whether a start tag makes its element invisible: by the
// hidden attribute, by display or visibility, by size, by place, or by text in
// the colour of its background or of the page.
func invisibleTag(tag string) bool {
	if !strings.Contains(tag, "style") && !strings.Contains(tag, "hidden") && !strings.Contains(tag, "color") {
		return false
	}
	s := compactStyle.Replace(strings.ToLower(tag))
	for _, sign := range []string{"display:none", "visibility:hidden", "visibility:collapse", "opacity:0;", "opacity:0>", "opacity:0.0", "font-size:0", "font-size:1px", "font-size:.", "font-size:0.",
		"left:-9", "top:-9", "text-indent:-9", "clip:rect(0", "clip-path:inset(100%", "width:0;", "width:0px", "height:0;", "height:0px", "max-height:0", "transform:scale(0", "color:transparent", "mso-hide:all"} {
		if strings.Contains(s, sign) {
			return true
		}
	}
	if (strings.Contains(tag, " hidden") || strings.Contains(tag, " HIDDEN")) && !strings.Contains(s, "aria-hidden=false") && !strings.Contains(s, "overflow:hidden") && !strings.Contains(s, "type=hidden") {
		return true
	}
	fg, bg := property(s, "color:"), property(s, "background")
	return fg != "" && (fg == bg || bg == "" && white(fg))
}

// property returns the colour that a compacted style gives for name.
func property(s, name string) string {
	for rest := s; ; {
		k := strings.Index(rest, name)
		if k < 0 {
			return ""
		}
		if name == "color:" && k > 0 && rest[k-1] == '-' { // background-color
			rest = rest[k+len(name):]
			continue
		}
		value := strings.TrimPrefix(strings.TrimPrefix(rest[k+len(name):], "-color"), ":")
		if stop := strings.IndexAny(value, ";>!"); stop >= 0 {
			value = value[:stop]
		}
		if white(value) {
			return "white"
		}
		return value
	}
}

func white(colour string) bool {
	switch colour {
	case "white", "#fff", "#ffffff", "#fefefe", "#fdfdfd", "rgb(255,255,255)", "rgba(255,255,255,1)", "hsl(0,0%,100%)":
		return true
	}
	return false
}
