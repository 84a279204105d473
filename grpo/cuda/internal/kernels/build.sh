#!/usr/bin/env bash
# build.sh [FOLDER]: compile the kernels to PTX, into this folder or another one.
#
# clang writes PTX without a CUDA toolkit. The flags are fixed: the oldest target and
# version that every driver since CUDA 11.0 loads, and no contraction of a*b+c, so that
# every operation is the one written down. CLANG names another compiler.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here} clang=${CLANG:-clang-22}
for source in "$here"/*.cu; do
	name=$(basename "$source" .cu)
	"$clang" -x cuda "$source" -nocudainc -nocudalib --cuda-gpu-arch=sm_80 --cuda-feature=+ptx70 \
		--cuda-device-only -S -O3 -ffp-contract=off -o "$out/$name.ptx"
done
"$clang" --version | sed -n 1p >"$out/compiler.txt"
