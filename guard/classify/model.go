package classify

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"toolward/guard/rules"
)

//go:embed model.bin
var modelBytes []byte

// The file of a model is gzip over, all little-endian; what there are two of is of
// the published attacks first, of the written orders second:
//
//	magic   [8]byte  "twclass3"
//	digest  uint32   of the word list and the rules that the features were made with
//	bits    uint32   logarithm of the number of buckets
//	dense   uint32   number of dense weights
//	scale, slope, offset     float64  twice
//	found, suspect, certain  float64  (Limits)
//	dense weights  float32 each, twice
//	bucket weights int8 each, in units of scale, twice
const magic = "twclass3"

// Weights are what training makes: two sets over the same features. One that learned
// both kinds of attack finds fewer of either among ordinary files.
type Weights struct {
	Published Linear // learned from published attacks, and what a grammar makes of their wordings
	Written   Linear // … from orders written by people who knew none of those: it counts from Limits.Found on, and is never Certain
	Limits
}

// Linear is one set of weights. The probability is 1/(1+exp(-(Slope*sum+Offset))).
type Linear struct {
	Sparse        []float32 // 1<<Bits
	Dense         []float32 // DenseSize
	Slope, Offset float64
}

// Limits are the scores from which by default something is made of a text, in
// rising order. Training sets them on ordinary files that the model had not seen.
type Limits struct {
	Found   float64 // it is a finding, which is recorded
	Suspect float64 // … that makes the session untrusted
	Certain float64 // … that blocks, with no other sign beside the score
}

// DenseSize is the number of dense weights.
const DenseSize = denseSize

type header struct {
	Magic               [8]byte
	Digest, Bits, Dense uint32
	Sets                [2]struct{ Scale, Slope, Offset float64 }
	Limits              Limits
}

// Write stores weights, quantised to 8 bits. Equal weights make equal files.
func (w *Weights) Write(out io.Writer, set *rules.Set) error {
	zw, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	h := header{Digest: featureDigest(set), Bits: Bits, Dense: denseSize, Limits: w.Limits}
	copy(h.Magic[:], magic)
	var quantised []int8
	for k, l := range []*Linear{&w.Published, &w.Written} {
		top := float32(0)
		for _, x := range l.Sparse {
			top = max(top, x, -x)
		}
		scale := float64(top) / 127
		for _, x := range l.Sparse {
			if x != 0 {
				x = float32(math.Round(float64(x) / scale))
			}
			quantised = append(quantised, int8(x))
		}
		h.Sets[k].Scale, h.Sets[k].Slope, h.Sets[k].Offset = scale, l.Slope, l.Offset
	}
	return errors.Join(
		binary.Write(zw, binary.LittleEndian, h),
		binary.Write(zw, binary.LittleEndian, w.Published.Dense),
		binary.Write(zw, binary.LittleEndian, w.Written.Dense),
		binary.Write(zw, binary.LittleEndian, quantised[:]),
		zw.Close())
}

// Load returns the embedded model, with the built-in rules.
func Load() (*Model, error) {
	set, err := rules.New(rules.Table)
	if err != nil {
		return nil, err
	}
	return Read(bytes.NewReader(modelBytes), set)
}

// Read reads a model that [Weights.Write] stored. The rules must be those that
// it was trained with.
func Read(r io.Reader, set *rules.Set) (*Model, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	var h header
	if err := binary.Read(zr, binary.LittleEndian, &h); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if string(h.Magic[:]) != magic || h.Bits != Bits || h.Dense != denseSize || h.Digest != featureDigest(set) {
		return nil, errors.New("model: made for other features; train it again (go run ./guard/train)")
	}
	m := &Model{weights: new(buckets), limits: h.Limits, lex: newLexicon(lexiconText), set: set}
	for k, l := range []*linear{&m.published, &m.written} {
		l.unit, l.offset = h.Sets[k].Scale*h.Sets[k].Slope, h.Sets[k].Offset
		var dense [denseSize]float32
		if err := binary.Read(zr, binary.LittleEndian, dense[:]); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
		for i, x := range dense {
			l.dense[i] = float64(x) * h.Sets[k].Slope
		}
	}
	columns := make([]int8, 2<<Bits)
	if err := binary.Read(zr, binary.LittleEndian, columns); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	for i := range m.weights {
		m.weights[i].published, m.weights[i].written = columns[i], columns[1<<Bits+i]
	}
	m.found, m.most = logit(m.limits.Found), logit((m.limits.Suspect+m.limits.Certain)/2)
	m.nearly, m.surely = logit(nearly), logit(surely)
	return m, nil
}

// featureDigest changes whenever the word list or the rules do.
func featureDigest(set *rules.Set) uint32 {
	h := foldHash(lexiconText)
	for _, r := range set.Rules() {
		h = scramble(h ^ foldHash(r.ID+"\n"+r.Pattern+"\n"+strings.Join(r.Words, "\n")))
	}
	return h
}
