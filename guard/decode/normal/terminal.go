package normal

import "strings"

// Longest control sequence and control string that are read as one, in bytes;
// what is longer is text behind a stray ESC.
const (
	maxSequence = 64
	maxString   = 4096
)

// control handles one control character at p.at: terminal sequences (ECMA-48)
// as a whole, others alone. None of them is text.
func (p *pass) control() {
	if p.src[p.at] != 0x1b || p.at+1 == len(p.src) {
		if p.src[p.at] != 0 {
			p.mark(Control, p.at, p.at+1, 1)
		}
		p.replace("", p.at+1)
		return
	}
	switch p.src[p.at+1] {
	case '[':
		p.sequence(p.at + 2)
	case ']', 'P', 'X', '^', '_':
		p.controlString(p.at + 2)
	default:
		p.replace("", p.at+2-boolInt(p.src[p.at+1] >= 0x80 || p.src[p.at+1] < ' '))
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sequence drops a control sequence whose parameters start at i.
func (p *pass) sequence(i int) {
	from := i
	for i < len(p.src) && i-from < maxSequence && p.src[i] >= ' ' && p.src[i] < '@' {
		i++
	}
	if i == len(p.src) || p.src[i] < '@' || p.src[i] > '~' {
		p.replace("", from)
		return
	}
	switch p.src[i] {
	case 'm':
		was := p.style.hidden
		p.style.set(p.src[from:i])
		if p.style.hidden && !was {
			p.style.from = i + 1
		} else if was && !p.style.hidden {
			p.conceal(p.style.from, p.at)
		}
	case 'A', 'F', 'J', 'K', 'P', 'X':
		p.mark(Control, p.at, i+1, 1)
	}
	p.replace("", i+1)
}

// conceal marks src[from:to], which a terminal does not show, if it says
// anything at all.
func (p *pass) conceal(from, to int) {
	if strings.TrimSpace(p.src[from:to]) != "" {
		p.mark(Concealed, from, to, 1)
	}
}

// controlString drops a control string (a window title, a link's target) whose
// text starts at i, and keeps its text as a decoding when it is long enough to
// say something.
func (p *pass) controlString(i int) {
	end := strings.IndexAny(p.src[i:min(len(p.src), i+maxString)], "\a\x1b\n")
	if end < 0 {
		p.replace("", i)
		return
	}
	text := p.src[i : i+end]
	if len(text) > 16 {
		p.later(text, "osc", i, i+end)
	}
	to := i + end
	switch {
	case p.src[to] == '\a':
		to++
	case strings.HasPrefix(p.src[to:], "\x1b\\"):
		to += 2
	}
	p.replace("", to)
}

// style is what Select Graphic Rendition says about visibility.
type style struct {
	conceal bool
	fg, bg  int // 0: the default; else an id that is equal for equal colours
	hidden  bool
	from    int // where hidden text began
}

// set applies the parameters of one SGR sequence, "8" or "37;47".
func (s *style) set(params string) {
	if params == "" {
		params = "0"
	}
	var nums [16]int
	n := 0
	for part := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == ';' || r == ':' }) {
		if n == len(nums) {
			break
		}
		v := 0
		for i := 0; i < len(part) && part[i] >= '0' && part[i] <= '9' && v < 1000; i++ {
			v = v*10 + int(part[i]-'0')
		}
		nums[n] = v
		n++
	}
	for i := 0; i < n; i++ {
		switch v := nums[i]; {
		case v == 0:
			s.conceal, s.fg, s.bg = false, 0, 0
		case v == 8:
			s.conceal = true
		case v == 28:
			s.conceal = false
		case v >= 30 && v <= 37:
			s.fg = 1 + v - 30
		case v >= 90 && v <= 97:
			s.fg = 9 + v - 90
		case v >= 40 && v <= 47:
			s.bg = 1 + v - 40
		case v >= 100 && v <= 107:
			s.bg = 9 + v - 100
		case v == 39:
			s.fg = 0
		case v == 49:
			s.bg = 0
		case (v == 38 || v == 48) && i+2 < n:
			id, used := colour(nums[i+1 : n])
			if v == 38 {
				s.fg = id
			} else {
				s.bg = id
			}
			i += used
		}
	}
	s.hidden = s.conceal || s.fg != 0 && s.fg == s.bg
}

// colour reads an extended colour: "5;n" or "2;r;g;b".
func colour(nums []int) (id, used int) {
	if nums[0] == 2 && len(nums) >= 4 {
		return 1<<24 | nums[1]<<16 | nums[2]<<8 | nums[3], 4
	}
	if nums[0] == 5 && nums[1] < 16 {
		return 1 + nums[1], 2
	}
	return 1<<25 | nums[1], 2
}
