package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
)

// A file is a header and records, one after the other, little-endian:
//
//	header   16 bytes  name and version of the format
//	          8 bytes  salt, drawn when the file was made
//	          4 bytes  CRC-32C of the 24 bytes before
//	record    4 bytes  magic
//	          4 bytes  length of the payload
//	          8 bytes  sync: which fsync made it durable, 1, 2, 3, ...; the top bit marks the last record of its sync
//	          4 bytes  CRC-32C of the payload
//	          4 bytes  CRC-32C of the 20 bytes before
//	          length   payload
//
// Both checksums of a record start from the salt, so no payload can hold what
// looks like a record of this file, and what an older file left on the disk is
// none. Records of one sync are written together and those of the next only after
// the fsync has returned: so a damaged record is a torn tail, which nobody has been
// told of, unless a whole record of a later sync stands behind it.
const (
	format       = "grouprl journal1"
	fileHeader   = 28
	recordHeader = 24
	magic        = 0xf8f7f6f5 // no UTF-8 text and no array of token ids below 2^24 has these four bytes in a row
	last         = 1 << 63

	// MaxRecord is the largest payload.
	MaxRecord = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A header is the head of one file: its salt.
type header struct{ salt [8]byte }

func (h *header) sum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(h.salt[:], castagnoli), castagnoli, b)
}

func (h *header) encode() []byte {
	b := append([]byte(format), h.salt[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (h *header) decode(b []byte) (why string) {
	switch {
	case len(b) < fileHeader:
		return "it is shorter than a file header"
	case string(b[:len(format)]) != format:
		return "it does not begin as a journal of this version"
	case binary.LittleEndian.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli):
		return "the checksum of the file header does not match"
	}
	copy(h.salt[:], b[16:])
	return ""
}

// A mark is the head of one record.
type mark struct {
	length int
	sync   uint64
	last   bool
	crc    uint32
}

func (h *header) appendMark(dst, payload []byte, sync uint64, isLast bool) []byte {
	if isLast {
		sync |= last
	}
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint64(dst, sync)
	dst = binary.LittleEndian.AppendUint32(dst, h.sum(payload))
	return binary.LittleEndian.AppendUint32(dst, h.sum(dst[start:]))
}

func (h *header) parseMark(b []byte) (m mark, ok bool) {
	if len(b) < recordHeader || binary.LittleEndian.Uint32(b) != magic || binary.LittleEndian.Uint32(b[20:]) != h.sum(b[:20]) {
		return m, false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	sync := binary.LittleEndian.Uint64(b[8:])
	return mark{length: int(n), sync: sync &^ last, last: sync&last != 0, crc: binary.LittleEndian.Uint32(b[16:])}, n <= MaxRecord
}

// Position is where a record stands in the file.
type Position struct {
	Offset int64 // of the record's first byte
	Length int   // of the payload
}

// Size is how many bytes the record takes.
func (p Position) Size() int64 { return recordHeader + int64(p.Length) }

// A scanner reads a file's records in order.
type scanner struct {
	header
	file   io.ReaderAt
	size   int64
	offset int64 // just behind the last whole record
	sync   uint64
	ended  bool // the last whole record was the last of its sync
	buffer []byte
}

// begin reads the file header; why is what is wrong with it.
func (s *scanner) begin() (why string, err error) {
	b := make([]byte, min(fileHeader, s.size))
	if err := readAt(s.file, b, 0); err != nil {
		return "", err
	}
	if why := s.decode(b); why != "" {
		return why, nil
	}
	s.offset, s.ended = fileHeader, true
	return "", nil
}

// next returns the next whole record. ok is false where none stands; err is the
// disk's. The payload is good until the next call.
func (s *scanner) next() (p Position, payload []byte, ok bool, err error) {
	p, m, payload, ok, err := s.at(s.offset)
	if !ok || err != nil {
		return p, nil, false, err
	}
	if m.sync < s.sync || m.sync == s.sync && s.ended {
		return p, nil, false, nil // not written behind what stands before it
	}
	s.offset += p.Size()
	s.sync, s.ended = m.sync, m.last
	return p, payload, true, nil
}

func (s *scanner) at(offset int64) (p Position, m mark, payload []byte, ok bool, err error) {
	if s.size-offset < recordHeader {
		return p, m, nil, false, nil
	}
	var b [recordHeader]byte
	if err := readAt(s.file, b[:], offset); err != nil {
		return p, m, nil, false, err
	}
	m, ok = s.parseMark(b[:])
	if !ok || int64(m.length) > s.size-offset-recordHeader {
		return p, m, nil, false, nil
	}
	if cap(s.buffer) < m.length {
		s.buffer = make([]byte, m.length+m.length/4)
	}
	payload = s.buffer[:m.length]
	if err := readAt(s.file, payload, offset+recordHeader); err != nil {
		return p, m, nil, false, err
	}
	return Position{offset, m.length}, m, payload, s.sum(payload) == m.crc, nil
}

// resume looks behind a damaged record for a whole one. torn reports that there is
// none of a later sync, so that the damage is what a crash leaves behind.
func (s *scanner) resume() (next int64, torn bool, err error) {
	sync := s.sync // what damage in a sync of its own, or in the rest of this one, must precede
	if s.ended {
		sync++
	}
	next = -1
	window := make([]byte, min(1<<18, s.size))
	for o := s.offset + 1; o <= s.size-recordHeader; {
		n := int(min(int64(len(window)), s.size-o))
		if err := readAt(s.file, window[:n], o); err != nil {
			return 0, false, err
		}
		i := bytes.Index(window[:n], []byte{0xf5, 0xf6, 0xf7, 0xf8})
		if i < 0 {
			o += int64(max(n-3, 1))
			continue
		}
		o += int64(i)
		_, m, _, ok, err := s.at(o)
		if err != nil {
			return 0, false, err
		}
		if ok {
			if next < 0 {
				next = o
			}
			if m.sync > sync {
				return next, false, nil
			}
		}
		o++
	}
	return next, true, nil
}

// skip goes on at a whole record behind damage.
func (s *scanner) skip(next int64) { s.offset, s.ended = next, false }

func readAt(r io.ReaderAt, b []byte, offset int64) error {
	if offset < 0 || offset > math.MaxInt64-int64(len(b)) {
		return io.ErrUnexpectedEOF
	}
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
