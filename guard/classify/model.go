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

// The file of a model is gzip over, all little-endian:
//
//	magic   [8]byte  "twclass2"
//	digest  uint32   of the word list and the rules that the features were made with
//	bits    uint32   logarithm of the number of buckets
//	dense   uint32   number of dense weights
//	scale, slope, offset     float64
//	found, suspect, certain  float64  (Limits)
//	dense weights  float32 each
//	bucket weights int8 each, in units of scale
const magic = "twclass2"

// Weights are what training makes.
type Weights struct {
	Sparse []float32 // 1<<Bits
	Dense  []float32 // DenseSize
	Slope  float64   // probability = 1/(1+exp(-(Slope*logit+Offset)))
	Offset float64
	Limits
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
	Magic                [8]byte
	Digest, Bits, Dense  uint32
	Scale, Slope, Offset float64
	Limits               Limits
}

// Write stores weights, quantised to 8 bits. Equal weights make equal files.
func (w *Weights) Write(out io.Writer, set *rules.Set) error {
	top := float32(0)
	for _, x := range w.Sparse {
		top = max(top, x, -x)
	}
	scale := float64(top) / 127
	zw, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	h := header{Digest: featureDigest(set), Bits: Bits, Dense: denseSize, Scale: scale, Slope: w.Slope, Offset: w.Offset, Limits: w.Limits}
	copy(h.Magic[:], magic)
	quantised := make([]int8, len(w.Sparse))
	for i, x := range w.Sparse {
		quantised[i] = int8(math.Round(float64(x) / scale))
	}
	return errors.Join(
		binary.Write(zw, binary.LittleEndian, h),
		binary.Write(zw, binary.LittleEndian, w.Dense),
		binary.Write(zw, binary.LittleEndian, quantised),
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
	m := &Model{weights: new([1 << Bits]int8), scale: float32(h.Scale), slope: h.Slope, offset: h.Offset, limits: h.Limits, lex: newLexicon(lexiconText), set: set}
	if err := errors.Join(binary.Read(zr, binary.LittleEndian, m.dense[:]), binary.Read(zr, binary.LittleEndian, m.weights)); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m.nearly, m.surely = m.logit(nearly), m.logit(surely)
	return m, nil
}

// featureDigest changes whenever the word list or the rules do.
func featureDigest(set *rules.Set) uint32 {
	h := foldHash(lexiconText)
	for _, r := range set.Rules() {
		h = mix(h, foldHash(r.ID+r.Pattern), foldHash(strings.Join(r.Words, "\n")))
	}
	return h
}
