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
)

//go:embed model.bin
var modelBytes []byte

// The file of a model is gzip over, all little-endian:
//
//	magic   [8]byte  "twclass1"
//	digest  uint32   of the word list that the features were made with
//	bits    uint32   logarithm of the number of buckets
//	dense   uint32   number of dense weights
//	scale, slope, offset, threshold  float64
//	dense weights  float32 each
//	bucket weights int8 each, in units of scale
const magic = "twclass1"

// Weights are what training makes.
type Weights struct {
	Sparse    []float32 // 1<<Bits
	Dense     []float32 // DenseSize
	Slope     float64   // probability = 1/(1+exp(-(Slope*logit+Offset)))
	Offset    float64
	Threshold float64 // default threshold, a probability
}

// DenseSize is the number of dense weights.
const DenseSize = denseSize

type header struct {
	Magic                           [8]byte
	Digest, Bits, Dense             uint32
	Scale, Slope, Offset, Threshold float64
}

// Write stores weights, quantised to 8 bits. Equal weights make equal files.
func (w *Weights) Write(out io.Writer) error {
	top := float32(0)
	for _, x := range w.Sparse {
		top = max(top, x, -x)
	}
	scale := float64(top) / 127
	zw, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	h := header{Digest: digest(lexiconText), Bits: Bits, Dense: denseSize, Scale: scale, Slope: w.Slope, Offset: w.Offset, Threshold: w.Threshold}
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

// Load returns the embedded model.
func Load() (*Model, error) { return Read(bytes.NewReader(modelBytes)) }

// Read reads a model that [Weights.Write] stored.
func Read(r io.Reader) (*Model, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	var h header
	if err := binary.Read(zr, binary.LittleEndian, &h); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if string(h.Magic[:]) != magic || h.Bits != Bits || h.Dense != denseSize || h.Digest != digest(lexiconText) {
		return nil, errors.New("model: made for other features; train it again (go run ./guard/train)")
	}
	m := &Model{weights: make([]int8, 1<<Bits), scale: float32(h.Scale), slope: h.Slope, offset: h.Offset, threshold: h.Threshold, lex: newLexicon(lexiconText)}
	if err := errors.Join(binary.Read(zr, binary.LittleEndian, m.dense[:]), binary.Read(zr, binary.LittleEndian, m.weights)); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return m, nil
}

func digest(s string) uint32 {
	h := uint32(hashSeed)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * hashPrime
	}
	return h
}
