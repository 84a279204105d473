package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A snapshot is, little-endian: the header below, then weights, first and second moments
// as float32, then the SHA-256 of all that.
type header struct {
	Magic   [8]byte
	Version uint32

	Vocabulary, End, Layers, Width, Heads, Hidden, Positions, Shards int32

	RopeBase                    float64
	Beta1, Beta2, Epsilon, Clip float64
	Steps                       int64
	Parameters                  int64
}

var magic = [8]byte{'g', 'r', 'p', 'o', 'l', 'i', 'c', 'y'}

const version = 1

// Snapshot writes the whole state: configuration, weights, Adam's settings, moments and
// step count. A policy restored from it goes on to the same bits.
//
// Errors: ErrPendingGradient between Backward and Step, or w's.
func (p *Policy) Snapshot(w io.Writer) error {
	if p.pending {
		return ErrPendingGradient
	}
	c, a := p.config, p.Adam
	h := header{
		Magic: magic, Version: version,
		Vocabulary: int32(c.Vocabulary), End: c.End, Layers: int32(c.Layers), Width: int32(c.Width), Heads: int32(c.Heads),
		Hidden: int32(c.Hidden), Positions: int32(c.Positions), Shards: int32(c.Shards),
		RopeBase: c.RopeBase, Beta1: a.Beta1, Beta2: a.Beta2, Epsilon: a.Epsilon, Clip: a.Clip,
		Steps: int64(p.steps), Parameters: int64(len(p.weights.flat)),
	}
	var b bytes.Buffer
	for _, part := range []any{&h, p.weights.flat, p.moment1, p.moment2} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	_, err := w.Write(b.Bytes())
	return err
}

// Restore reads a policy that Snapshot wrote, and no byte beyond it.
//
// Errors: a *SnapshotError for another format, version or checksum, a *ConfigError
// for a configuration or Adam setting without meaning, or r's (io.ErrUnexpectedEOF where it ends early).
func Restore(r io.Reader) (*Policy, error) {
	hash := sha256.New()
	body := io.TeeReader(r, hash)
	var h header
	if err := binary.Read(body, binary.LittleEndian, &h); err != nil {
		return nil, unexpected(err)
	}
	if h.Magic != magic {
		return nil, &SnapshotError{"does not start as one of a policy"}
	}
	if h.Version != version {
		return nil, &SnapshotError{fmt.Sprintf("has version %d, want %d", h.Version, version)}
	}
	c := Config{
		Vocabulary: int(h.Vocabulary), End: h.End, Layers: int(h.Layers), Width: int(h.Width), Heads: int(h.Heads),
		Hidden: int(h.Hidden), Positions: int(h.Positions), Shards: int(h.Shards), RopeBase: h.RopeBase,
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if h.Parameters != int64(c.parameters()) || h.Steps < 0 {
		return nil, &SnapshotError{fmt.Sprintf("has %d parameters after %d steps, its configuration has %d", h.Parameters, h.Steps, c.parameters())}
	}
	adam := Adam{Beta1: h.Beta1, Beta2: h.Beta2, Epsilon: h.Epsilon, Clip: h.Clip}
	if err := adam.Validate(); err != nil {
		return nil, err
	}

	// Read before allocating a whole policy: a damaged header may name a large one.
	data := make([][]float32, 3)
	for i := range data {
		var err error
		if data[i], err = readFloats(body, c.parameters()); err != nil {
			return nil, unexpected(err)
		}
	}
	want := hash.Sum(nil)
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, got); err != nil {
		return nil, unexpected(err)
	}
	if !bytes.Equal(got, want) {
		return nil, &SnapshotError{"is damaged: its checksum differs"}
	}
	p := allocate(c)
	p.Adam, p.steps = adam, int(h.Steps)
	copy(p.weights.flat, data[0])
	copy(p.moment1, data[1])
	copy(p.moment2, data[2])
	return p, nil
}

// readFloats reads n numbers, growing as they come.
func readFloats(r io.Reader, n int) ([]float32, error) {
	var out []float32
	buf := make([]byte, 1<<16)
	for len(out) < n {
		chunk := buf[:min(len(buf), 4*(n-len(out)))]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, err
		}
		for i := 0; i < len(chunk); i += 4 {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(chunk[i:])))
		}
	}
	return out, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
