#!/usr/bin/env bash
# check.sh [-update]: hold the committed PTX against its sources and against hardware
# that is not here.
#
#  1. The kernels are compiled again. With the compiler of compiler.txt the PTX must be
#     the committed one; with another, the tests of the module run over the fresh PTX.
#  2. ptxas compiles the PTX for four architectures. No kernel may spill or have a
#     stack, or use more registers than registers.txt says; -update writes that file.
#  3. nvcc, the other compiler of the dialect, takes the sources.
#
# What lacks a tool is skipped, and says so. CLANG names the compiler. CUDA_TOOLS is a
# folder with bin/ptxas and bin/nvcc; where it has none, they are installed there from
# NVIDIA's wheels by pip (PIP), which nothing here redistributes. Unset: those on PATH.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
clang=${CLANG:-clang-22}
failed=0
skip() { printf 'SKIPPED: %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*"; failed=1; }

if command -v "$clang" >/dev/null; then
	CLANG=$clang "$here/build.sh" "$scratch"
	if cmp -s "$scratch/compiler.txt" "$here/compiler.txt"; then
		for ptx in "$scratch"/*.ptx; do
			cmp "$ptx" "$here/$(basename "$ptx")" || fail "$(basename "$ptx") is not what build.sh makes of its source"
		done
		printf 'rebuilt: the committed PTX\n'
	else
		printf 'rebuilt by %s, not %s: testing that PTX\n' "$(cat "$scratch/compiler.txt")" "$(cat "$here/compiler.txt")"
		{
			printf '{"Replace":{'
			comma=
			for ptx in "$scratch"/*.ptx; do
				printf '%s"%s":"%s"' "$comma" "$here/$(basename "$ptx")" "$ptx"
				comma=,
			done
			printf '}}\n'
		} >"$scratch/overlay.json"
		(cd "$here/../.." && go test -count=1 -overlay "$scratch/overlay.json" ./...) || fail "tests of the fresh PTX"
	fi
else
	skip "rebuilding the kernels: there is no $clang"
fi

tools=${CUDA_TOOLS:-}
if [ -n "$tools" ] && [ ! -x "$tools/bin/ptxas" ]; then
	mkdir -p "$tools"
	if ${PIP:-python3 -m pip} install -q --disable-pip-version-check --no-compile --no-deps --upgrade --target "$tools/wheels" \
		'nvidia-cuda-nvcc==13.0.*' 'nvidia-nvvm==13.0.*' 'nvidia-cuda-crt==13.0.*' 'nvidia-cuda-runtime==13.0.*'; then
		top=$tools/wheels/nvidia/cu13
		[ -e "$top/lib64" ] || ln -s lib "$top/lib64" # where nvcc looks
		for part in bin include lib nvvm; do ln -sfn "wheels/nvidia/cu13/$part" "$tools/$part"; done
	else
		skip "installing ptxas and nvcc: pip cannot"
	fi
fi
ptxas=$tools/bin/ptxas nvcc=$tools/bin/nvcc
[ -x "$ptxas" ] || ptxas=$(command -v ptxas || true)
[ -x "$nvcc" ] || nvcc=$(command -v nvcc || true)

if [ -n "$ptxas" ]; then
	version=$("$ptxas" --version | sed -n "s/.* \(V[0-9][0-9.]*\)$/\1/p" | head -n 1)
	for ptx in "$here"/*.ptx; do
		for arch in 80 90 100 120; do
			"$ptxas" -v -arch="sm_$arch" "$ptx" -o "$scratch/cubin" >"$scratch/said" 2>&1 || fail "ptxas of $(basename "$ptx") for sm_$arch: $(cat "$scratch/said")"
			# A kernel has three lines: its name, its stack and spills, its registers.
			awk -v arch="sm_$arch" '
				/Compiling entry function/ { split($0, part, "\047"); kernel = part[2] }
				/bytes stack frame/ { for (i = 1; i <= NF; i++) if ($i == "bytes") { total += $(i-1) } }
				/Used [0-9]+ registers/ { for (i = 1; i <= NF; i++) if ($i == "Used") print kernel, arch, $(i+1), total; total = 0 }
			' "$scratch/said" >>"$scratch/used"
		done
	done
	table() { # a line a kernel, a column an architecture
		printf '%-22s %7s %7s %7s %7s\n' "# $version" sm_80 sm_90 sm_100 sm_120
		awk '{ if (!($1 in seen)) { seen[$1]; order[++n] = $1 } r[$1, $2] = $3 }
			END { for (i = 1; i <= n; i++) { k = order[i]; printf "%-22s %7d %7d %7d %7d\n", k, r[k, "sm_80"], r[k, "sm_90"], r[k, "sm_100"], r[k, "sm_120"] } }' "$scratch/used"
	}
	while read -r kernel arch _ memory; do
		[ "$memory" = 0 ] || fail "$kernel on $arch has $memory bytes of stack and spills"
	done <"$scratch/used"
	if [ "${1:-}" = -update ]; then
		table >"$here/registers.txt"
	else
		while read -r kernel arch registers _; do
			limit=$(awk -v kernel="$kernel" -v arch="$arch" '/^#/ { for (i = 1; i <= NF; i++) if ($i == arch) column = i - 1 } $1 == kernel { print $column }' "$here/registers.txt")
			[ -n "$limit" ] || { fail "$kernel is not in registers.txt"; continue; }
			[ "$registers" -le "$limit" ] || fail "$kernel on $arch uses $registers registers, more than $limit"
		done <"$scratch/used"
	fi
	printf 'ptxas %s: %d kernels on four architectures\n' "$version" "$(($(wc -l <"$scratch/used") / 4))"
else
	skip "registers and spills: there is no ptxas"
fi

if [ -n "$nvcc" ]; then
	for source in "$here"/*.cu; do
		"$nvcc" -fmad=false -arch=sm_80 --ptx "$source" -o "$scratch/nvcc.ptx" || fail "nvcc of $(basename "$source")"
	done
	printf 'nvcc: takes the sources\n'
else
	skip "nvcc's view of the sources: there is no nvcc"
fi
exit $failed
