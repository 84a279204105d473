#!/usr/bin/env bash
# check.sh: vet, build and test the tag cu against the toolkit's headers.
#
# The headers are those of CUDA 12 or 13 in include/ of the folder CUDA_TOOLS,
# CUDA_HOME or /usr/local/cuda. Where there are none, those of CUDA 13.0 are installed
# by pip (PIP) into a scratch folder, which goes away at the end. Tests run over
# fake/driver.c, a stand-in for the driver, so no GPU is needed. What cannot be checked
# for want of a tool is said, and is no failure; CHECK_REQUIRE=1 makes it one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
	echo "SKIPPED: the tag cu has NOT been checked: $*" >&2
	[ -z "${CHECK_REQUIRE:-}" ] || exit 1
	exit 0
}

command -v "${CC:-gcc}" >/dev/null || skip "no C compiler"
headers=
for folder in "${CUDA_TOOLS:-}" "${CUDA_HOME:-}" /usr/local/cuda; do
	if [ -z "$headers" ] && [ -n "$folder" ] && [ -f "$folder/include/cuda.h" ]; then
		headers=$(cd "$folder/include" && pwd)
	fi
done
if [ -z "$headers" ]; then
	${PIP:-python3 -m pip} install -q --disable-pip-version-check --no-compile --no-deps --target "$scratch/wheel" \
		'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-crt==13.0.*' >/dev/null 2>&1 || skip "no cuda.h, and pip cannot install it"
	headers=$(dirname "$(find "$scratch/wheel" -name cuda.h | head -1)")
fi
version=$(sed -n 's/^#define CUDA_VERSION //p' "$headers/cuda.h")

# The stand-in has every name of cuda.h: those that driver.c does not do are refused.
{
	echo '#define REFUSED __attribute__((weak)) int'
	{
		grep -ohE '\bcu[A-Z][A-Za-z0-9_]*' "$headers/cuda.h"
		printf '%s\n' cuCtxCreate_v2 # of CUDA 12
	} | sort -u | grep -vE '^cu[A-Z][a-z]+_st$' | sed 's/.*/REFUSED &(void) { return 801; }/'
} >"$scratch/names.c"
"${CC:-gcc}" -shared -fPIC -w -O1 -Wl,-soname,libcuda.so.1 -o "$scratch/libcuda.so" "$here/fake/driver.c" "$scratch/names.c"
ln -s libcuda.so "$scratch/libcuda.so.1"

cd "$here/../.."
export CGO_ENABLED=1 CGO_CFLAGS="-I$here/compat13 -I$headers" CGO_LDFLAGS="-L$scratch" LD_LIBRARY_PATH="$scratch${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
go vet -tags cu . ./internal/gorgonia
go build -tags cu ./...
go test -tags cu ./internal/gorgonia
go test -tags cu -run 'TestCu' .
echo "the tag cu: vetted, built and tested with the headers of CUDA $version"
