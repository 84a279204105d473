package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func unpickle(b []byte) (string, error) {
	text, err := io.ReadAll(newPickleReader(bytes.NewReader(b)))
	return string(text), err
}

// pickle is a str as Python pickles it: short ones in a frame from protocol 4 on,
// those of 64 KiB and more outside of frames.
func pickle(text string, protocol byte) []byte {
	b := []byte{opProto, protocol}
	n := len(text)
	var body []byte
	if protocol >= 4 && n < 256 {
		body = append(body, opShort, byte(n))
	} else {
		body = binary.LittleEndian.AppendUint32(append(body, opText), uint32(n))
	}
	body = append(body, text...)
	if protocol >= 4 {
		body = append(body, opMemo, opStop)
		if n < 1<<16 {
			b = binary.LittleEndian.AppendUint64(append(b, opFrame), uint64(len(body)))
		}
	} else {
		body = append(body, opPut, 0, opStop)
	}
	return append(b, body...)
}

// What CPython 3.11 writes for pickle.dumps("h\u00e9llo \U0001f600", protocol).
func TestPicklesOfPython(t *testing.T) {
	for protocol, dump := range map[byte]string{
		2: "8002580b00000068c3a96c6c6f20f09f988071002e",
		3: "8003580b00000068c3a96c6c6f20f09f988071002e",
		4: "8004950f000000000000008c0b68c3a96c6c6f20f09f9880942e",
		5: "8005950f000000000000008c0b68c3a96c6c6f20f09f9880942e",
	} {
		b, err := hex.DecodeString(dump)
		require.NoError(t, err)
		require.Equal(t, b, pickle("héllo 😀", protocol))
		text, err := unpickle(b)
		require.NoError(t, err)
		require.Equal(t, "héllo 😀", text)
	}
}

func TestPickleSizes(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 32<<10 - 1, 32 << 10, 1<<16 - 3, 1 << 16, 200000} {
		text := strings.Repeat("aé😀", n)[:n]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
		for protocol := byte(2); protocol <= 5; protocol++ {
			r := newPickleReader(iotest.OneByteReader(bytes.NewReader(pickle(text, protocol))))
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, text, string(got))
		}
	}
}

func TestPickleRefuses(t *testing.T) {
	for _, c := range []struct{ what, dump, reason string }{
		{"nothing", "", "EOF"},
		{"protocol 0", "56610a2e", "protocol"},
		{"protocol 1", "8001580100000061 2e", "protocol"},
		{"protocol 6", "8006580100000061 2e", "protocol"},
		{"a number", "80024b012e", "not allowed"},
		{"a call", "8002636f730a73797374656d0a", "not allowed"},
		{"a short str in protocol 3", "80038c01612e", "not allowed"},
		{"two strs", "80025801000000615801000000622e", "not allowed after"},
		{"a call after the str", "8002580100000061 71005286 2e", "not allowed after"},
		{"a memo of protocol 4 in 2", "8002580100000061942e", "not allowed after"},
		{"bytes after the end", "8002580100000061 71002e 00", "after the end"},
		{"a length beyond the end", "8002580500000061 71002e", "EOF"},
		{"a length of 2^63", "80048d000000000000008061", "too long"},
		{"a frame that is too long", "800495 0600000000000000 8c0161942e", "longer than the pickle"},
		{"a frame that is too short", "800495 0500000000000000 8c016172000000002e", "end of its frame"},
		{"a text longer than its frame", "800495 0300000000000000 8c0561 6161616161942e", "longer than its frame"},
		{"a frame of no bytes", "800495 0000000000000000 8c0161942e", "frame of 0"},
		{"a frame of 2^63 bytes", "800495 0000000000000080 8c0161942e", "frame of"},
		{"a frame in a frame", "800495 1000000000000000 95 0500000000000000 8c0161942e", "not allowed"},
		{"a frame in protocol 3", "800395 0500000000000000 580100000061 2e", "not allowed"},
		{"invalid UTF-8", "8002580100000 0ff 71002e", "UTF-8"},
		{"half a character", "80025802000000 61c3 71002e", "UTF-8"},
		{"half of a surrogate pair", "80025803000000 eda080 71002e", "UTF-8"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.dump, " ", ""))
		require.NoError(t, err, c.what)
		text, err := unpickle(b)
		require.ErrorContains(t, err, c.reason, "%s gave %q", c.what, text)
	}
	for protocol := byte(2); protocol <= 5; protocol++ {
		whole := pickle("héllo", protocol)
		for n := range whole {
			_, err := unpickle(whole[:n])
			require.Error(t, err, "protocol %d, cut after %d bytes", protocol, n)
		}
	}
}

func FuzzPickle(f *testing.F) {
	for protocol := byte(2); protocol <= 5; protocol++ {
		f.Add(pickle("héllo", protocol))
	}
	f.Add(pickle(strings.Repeat("x", 300), 4))
	f.Add(pickle(strings.Repeat("x", 1<<16), 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := unpickle(b)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(text))
		require.Contains(t, string(b), text)
		require.Equal(t, byte(opStop), b[len(b)-1])
	})
}
