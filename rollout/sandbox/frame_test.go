package sandbox

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func encodeReply(ready, late byte, status int32, cpu, wall, memory int64) []byte {
	b := []byte{'d', ready, late, 0}
	b = binary.LittleEndian.AppendUint32(b, uint32(status))
	for _, n := range []int64{cpu, wall, memory, 0} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func TestReply(t *testing.T) {
	r, err := parseReply(encodeReply(1, 0, 9, 1e6, 2e6, 10<<20))
	require.NoError(t, err)
	require.Equal(t, reply{Ready: true, Status: 9, CPU: time.Millisecond, Wall: 2 * time.Millisecond, Memory: 10 << 20}, r)
	for _, bad := range [][]byte{
		nil, {'d'}, encodeReply(2, 0, 0, 0, 0, 0), encodeReply(0, 9, 0, 0, 0, 0), encodeReply(1, 0, 0, -1, 0, 0),
		encodeReply(1, 0, 0, 0, -1, 0), encodeReply(1, 0, 0, 0, 0, -1), append(encodeReply(1, 0, 0, 0, 0, 0), 0),
	} {
		_, err := parseReply(bad)
		require.ErrorIs(t, err, errFrame)
	}
}

func TestRequest(t *testing.T) {
	b := appendRequest(nil, 'R', &Program{Entry: "solve", Strict: true}, Limits{Wall: time.Second}.WithDefaults())
	require.Len(t, b, requestSize+len("solve"))
	require.Equal(t, "R\x01", string(b[:2]))
	require.EqualValues(t, time.Second, binary.LittleEndian.Uint64(b[8:]))
	require.Equal(t, uint64(4<<30), binary.LittleEndian.Uint64(b[16:]))
	require.Equal(t, "solve", string(b[requestSize:]))
}

// Whatever the bytes, a reply is refused or reads back as itself.
func FuzzReply(f *testing.F) {
	f.Add(encodeReply(1, 0, 0, 1, 2, 3))
	f.Add(encodeReply(0, 1, 9, 0, 0, 0))
	f.Add([]byte("e[Errno 12] Cannot allocate memory"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseReply(b)
		if err != nil {
			require.Zero(t, r)
			return
		}
		flag := map[bool]byte{true: 1}
		require.Equal(t, b, encodeReply(flag[r.Ready], flag[r.Late], r.Status, int64(r.CPU), int64(r.Wall), r.Memory))
	})
}
