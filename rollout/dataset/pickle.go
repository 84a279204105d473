package dataset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A pickleReader reads the text of a pickle that is one str and nothing else, as
// LiveCodeBench stores tests. A pickle is a program for a small machine that can
// call any function of Python; here only the instructions that make up a str are
// known, protocols 2 to 5, and everything else is an error: other instructions,
// other protocols, lengths of frames that do not fit, invalid UTF-8, anything after
// the end. What is wrong after the text is returned in place of io.EOF.
type pickleReader struct {
	r       *bufio.Reader
	version byte
	frame   int64 // bytes left in the frame; -1 outside of frames
	began   bool
	left    uint64 // bytes of text not yet read
	pending []byte // read, not yet handed out
	part    []byte // beginning of a character of which the rest is not yet read
	err     error
}

// Instructions of the machine.
const (
	opProto    = 0x80
	opFrame    = 0x95
	opShort    = 0x8c // text, length in 1 byte
	opText     = 'X'  // text, length in 4 bytes
	opLong     = 0x8d // text, length in 8 bytes
	opMemo     = 0x94
	opPut      = 'q' // to a place given in 1 byte
	opLongPut  = 'r' // in 4 bytes
	opStop     = '.'
	maxPickled = 1 << 34 // length of a text that is believed
)

func newPickleReader(r io.Reader) *pickleReader {
	return &pickleReader{r: bufio.NewReader(r), frame: -1}
}

// Read implements io.Reader.
func (p *pickleReader) Read(dst []byte) (int, error) {
	if len(dst) == 0 {
		return 0, nil
	}
	for len(p.pending) == 0 && p.err == nil {
		p.err = p.fill()
	}
	n := copy(dst, p.pending)
	p.pending = p.pending[n:]
	if n > 0 {
		return n, nil
	}
	return 0, p.err
}

// fill makes some of the text pending, or returns how it ended.
func (p *pickleReader) fill() error {
	if !p.began {
		if err := p.begin(); err != nil {
			return fmt.Errorf("pickle: %w", err)
		}
		p.began = true
	}
	if p.left == 0 {
		if len(p.part) > 0 {
			return errors.New("pickle: text is not valid UTF-8")
		}
		if err := p.finish(); err != nil {
			return fmt.Errorf("pickle: %w", err)
		}
		return io.EOF
	}
	chunk := make([]byte, len(p.part)+int(min(p.left, 32<<10)))
	fresh := chunk[copy(chunk, p.part):]
	if _, err := io.ReadFull(p.r, fresh); err != nil {
		return fmt.Errorf("pickle: text: %w", unexpected(err))
	}
	p.left -= uint64(len(fresh))
	whole := len(chunk)
	for i := 1; i <= min(utf8.UTFMax-1, len(chunk)); i++ {
		if c := chunk[len(chunk)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(chunk[len(chunk)-i:]) {
				whole -= i
			}
			break
		}
	}
	if !utf8.Valid(chunk[:whole]) {
		return errors.New("pickle: text is not valid UTF-8")
	}
	p.pending, p.part = chunk[:whole], chunk[whole:]
	return nil
}

// begin reads all that comes before the text.
func (p *pickleReader) begin() error {
	var head [2]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return unexpected(err)
	}
	if p.version = head[1]; head[0] != opProto || p.version < 2 || p.version > 5 {
		return errors.New("not of protocol 2 to 5")
	}
	op, err := p.op()
	if err != nil {
		return err
	}
	size := map[byte]int{opShort: 1, opText: 4, opLong: 8}[op]
	if size == 0 || op != opText && p.version < 4 {
		return fmt.Errorf("instruction 0x%02x is not allowed, want a str", op)
	}
	if p.left, err = p.number(size); err != nil {
		return err
	}
	if p.left > maxPickled {
		return fmt.Errorf("text of %d bytes is too long", p.left)
	}
	if p.frame >= 0 {
		if p.left > uint64(p.frame) {
			return errors.New("text is longer than its frame")
		}
		p.frame -= int64(p.left)
	}
	return nil
}

// finish reads all that comes after the text.
func (p *pickleReader) finish() error {
	op, err := p.op()
	if err != nil {
		return err
	}
	places := map[byte]int{opMemo: 0, opPut: 1, opLongPut: 4}
	if size, ok := places[op]; ok && (op != opMemo || p.version >= 4) {
		if _, err = p.number(size); err == nil {
			op, err = p.op()
		}
		if err != nil {
			return err
		}
	}
	if op != opStop {
		return fmt.Errorf("instruction 0x%02x is not allowed after a str", op)
	}
	if p.frame > 0 {
		return errors.New("a frame is longer than the pickle")
	}
	if _, err := p.r.ReadByte(); err != io.EOF {
		if err == nil {
			err = errors.New("something after the end")
		}
		return err
	}
	return nil
}

// op reads an instruction, and a frame's beginning before it if there is one.
func (p *pickleReader) op() (byte, error) {
	if p.frame == 0 {
		p.frame = -1
	}
	if next, err := p.r.Peek(1); err == nil && next[0] == opFrame && p.frame < 0 && p.version >= 4 {
		if _, err := p.r.Discard(1); err != nil {
			return 0, err
		}
		n, err := p.number(8)
		if err != nil {
			return 0, err
		}
		if n == 0 || n > maxPickled {
			return 0, fmt.Errorf("frame of %d bytes", n)
		}
		p.frame = int64(n)
	}
	op, err := p.number(1)
	return byte(op), err
}

// number reads a number of so many bytes, the lowest first.
func (p *pickleReader) number(size int) (uint64, error) {
	if p.frame >= 0 {
		if p.frame < int64(size) {
			return 0, errors.New("an instruction goes over the end of its frame")
		}
		p.frame -= int64(size)
	}
	var b [8]byte
	if _, err := io.ReadFull(p.r, b[:size]); err != nil {
		return 0, unexpected(err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// unexpected makes an end of the input that comes too early an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
