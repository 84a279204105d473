package ptx

type specialSlot struct {
	name string
	slot int
}

// specials are the special registers, with their types.
var specials = map[string]string{
	"%tid.x": "u32", "%tid.y": "u32", "%tid.z": "u32",
	"%ntid.x": "u32", "%ntid.y": "u32", "%ntid.z": "u32",
	"%ctaid.x": "u32", "%ctaid.y": "u32", "%ctaid.z": "u32",
	"%nctaid.x": "u32", "%nctaid.y": "u32", "%nctaid.z": "u32",
	"%laneid": "u32", "%warpid": "u32", "%nwarpid": "u32",
	"%lanemask_eq": "u32", "%lanemask_le": "u32", "%lanemask_lt": "u32", "%lanemask_ge": "u32", "%lanemask_gt": "u32",
	"%dynamic_smem_size": "u32", "%total_smem_size": "u32",
}

// special is the value of a special register in a one-dimensional launch.
func special(name string, t *thread, g *launch, block int) uint64 {
	bit := uint32(1) << t.lane
	switch name {
	case "%tid.x":
		return uint64(t.id)
	case "%ntid.x":
		return uint64(g.threads)
	case "%ctaid.x":
		return uint64(block)
	case "%nctaid.x":
		return uint64(g.grid)
	case "%laneid":
		return uint64(t.lane)
	case "%warpid":
		return uint64(t.id / warpSize)
	case "%nwarpid":
		return uint64((g.threads + warpSize - 1) / warpSize)
	case "%lanemask_eq":
		return uint64(bit)
	case "%lanemask_lt":
		return uint64(bit - 1)
	case "%lanemask_le":
		return uint64(bit | (bit - 1))
	case "%lanemask_gt":
		return uint64(^(bit | (bit - 1)))
	case "%lanemask_ge":
		return uint64(^(bit - 1))
	case "%total_smem_size":
		return uint64(g.p.shared)
	case "%ntid.y", "%ntid.z", "%nctaid.y", "%nctaid.z":
		return 1
	}
	return 0 // tid.y, ctaid.z, dynamic_smem_size, ...
}
