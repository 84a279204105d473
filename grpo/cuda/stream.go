package cuda

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"

	"github.com/grouprl/grouprl/grpo/cuda/internal/driver"
)

// A Stream queues calls on a CUstream of the embedder's, in order and without waiting.
// What goes wrong in a row on the device is known when Sync has waited for it. A Stream
// is for one goroutine at a time, as is a CUstream.
//
// The memory that a call is given must live until the stream has done it.
type Stream struct {
	d      *Device
	handle driver.Stream

	// Each call has a slot in device memory for its first error, which common.cuh's
	// report writes: index<<8 | code and index<<32 | detail, all ones where there is none.
	slots Ptr
	calls []call
	done  int   // calls since the last Sync whose slots have been read already
	first error // of those

	words []byte   // slots that have been read
	args  []uint64 // of a launch
}

// call is what to make of a slot.
type call struct {
	name    string
	explain func(index int64, code int, detail uint32) error
}

// slots of a stream; a call beyond them waits for all before.
const slotCount, slotSize = 1024, 16

// Stream is for calls on a CUstream of this device's context; 0 is the default stream.
// Close gives back the little memory that it holds; it does not touch the CUstream.
func (d *Device) Stream(handle uintptr) (*Stream, error) {
	p, err := d.Alloc(slotCount * slotSize)
	if err != nil {
		return nil, err
	}
	s := &Stream{d: d, handle: driver.Stream(handle), slots: p, calls: make([]call, 0, slotCount)}
	if err := d.see(d.drv.Fill(p, 0xff, slotCount*slotSize, s.handle)); err != nil {
		return nil, errors.Join(err, d.Free(p))
	}
	return s, nil
}

// Device is where the stream runs.
func (s *Stream) Device() *Device { return s.d }

// Sync waits for all calls on the stream and returns the first error in the order of
// calls, and in a call that of its first row, as a *CallError. Calls are then counted
// from 0 again.
func (s *Stream) Sync() error {
	err := s.collect()
	if s.first != nil {
		err = s.first
	}
	s.first, s.done = nil, 0
	return err
}

// Close waits for all calls, and returns the error that Sync would.
func (s *Stream) Close() error {
	if s.slots == 0 {
		return nil
	}
	err := s.Sync()
	p := s.slots
	s.slots = 0
	return errors.Join(err, s.d.Free(p))
}

// collect reads the slots in use and frees them.
func (s *Stream) collect() error {
	if err := s.d.alive(); err != nil {
		return err
	}
	if len(s.calls) == 0 {
		return s.d.see(s.d.drv.Sync(s.handle))
	}
	if s.words == nil {
		s.words = make([]byte, slotCount*slotSize)
	}
	buffer := s.words[:len(s.calls)*slotSize]
	if err := s.d.see(s.d.drv.Download(buffer, s.slots, s.handle)); err != nil {
		return err
	}
	for i, c := range s.calls {
		key, detail := binary.LittleEndian.Uint64(buffer[i*slotSize:]), binary.LittleEndian.Uint64(buffer[i*slotSize+8:])
		if key == math.MaxUint64 || s.first != nil {
			continue
		}
		index := int64(key >> 8)
		if uint32(detail>>32) != uint32(index) { // an index beyond 2^32 may have lost its detail to another
			detail = math.MaxUint32
		}
		s.first = &CallError{s.done + i, c.name, c.explain(index, int(key&0xff), uint32(detail))}
	}
	s.done += len(s.calls)
	s.calls = s.calls[:0]
	if s.first != nil {
		return s.d.see(s.d.drv.Fill(s.slots, 0xff, int64(len(buffer)), s.handle))
	}
	return nil
}

// slot is where a call's first error goes on the device.
func (s *Stream) slot(name string, explain func(index int64, code int, detail uint32) error) (Ptr, error) {
	if len(s.calls) == cap(s.calls) {
		if err := s.collect(); err != nil {
			return 0, err
		}
	}
	s.calls = append(s.calls, call{name, explain})
	return s.slots + Ptr((len(s.calls)-1)*slotSize), nil
}

// launch starts a kernel.
func (s *Stream) launch(k driver.Kernel, grid, block int, args ...uint64) error {
	if err := s.d.alive(); err != nil {
		return err
	}
	return s.d.see(k.Launch(grid, block, s.handle, args...))
}

// Element is what buffers hold.
type Element interface {
	~int32 | ~int64 | ~uint8 | ~uint16 | ~float32 | ~float64
}

// Upload copies host values to device memory in the order of the stream, and returns
// when src may be reused.
func Upload[T Element](s *Stream, dst Ptr, src []T) error {
	b := bytesOf(src)
	if err := s.d.check("dst", dst, int64(len(b)), 1); err != nil || len(b) == 0 {
		return err
	}
	return s.d.see(s.d.drv.Upload(dst, b, s.handle))
}

// Download copies device memory to host values when the calls before it are done.
func Download[T Element](s *Stream, dst []T, src Ptr) error {
	b := bytesOf(dst)
	if err := s.d.check("src", src, int64(len(b)), 1); err != nil || len(b) == 0 {
		return err
	}
	return s.d.see(s.d.drv.Download(b, src, s.handle))
}

// bytesOf is the memory of v.
func bytesOf[T any](v []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(zero)))
}
