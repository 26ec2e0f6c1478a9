#!/bin/sh
# A kernel that does not compile: exit 1, and the compiler's log with the kernel's file and line.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

export XDG_CACHE_HOME="$PWD/cache"
mkdir kernels
cp "$CLADE_SOURCE"/kernels/* kernels/
printf '\nthis is no kernel\n' >> kernels/roof.cl
status=0
CLADE_KERNELS="$PWD/kernels" "$CLADE" profile mlp > out.txt 2> err.txt || status=$?
[ $status -eq 1 ] || die "exit $status: $(cat err.txt)"
grep -q 'roof.cl' err.txt || die "the log does not name the file: $(cat err.txt)"
grep -q ":$(wc -l < kernels/roof.cl):" err.txt || die "the log does not name the line: $(cat err.txt)"

(export CLADE_KERNELS="$PWD/nowhere"; fails 1 'nowhere' profile mlp)

# `clade kernels`: a line for each kernel, which the written programs answer to, within the limits of a device's groups.
mkdir sources
works kernels lenet --infer --batch 3 --out sources
shows '^[0-9]+	conv_direct\.cl	convolve	conv2d	direct	0	[0-9]+	[0-9]+	' '^[0-9]+	fused	fused	'
awk -F '\t' 'NF != 9 { exit 1 }' out.txt || die "a line without nine fields"
cut -f 1,2,3,9 out.txt | grep -v '^-' | sort -u | while IFS='	' read -r number file kernel options; do
    grep -q "void $kernel(\|^$kernel(" "sources/$number.cl" || die "program $number ($file) has no kernel $kernel"
    [ "$(cat "sources/$number.options")" = "$options" ] || die "the options of program $number are not \"$options\""
done
(export CLADE_TREAT_AS=gpu; works kernels; shows '	gemm_tiled\.cl	.*	256	' '	winograd_gpu	'
 export CLADE_TREAT_AS=gpu:64:16384; works kernels; shows '	gemm_tiled\.cl	multiply_tiled	matmul	tiled	2	64	'
 ! grep -q '	winograd_gpu	' out.txt || die "a group of 64 work-items is given winograd_gpu"
 awk -F '\t' '$1 != "-" && $7 > 64 || $8 > 16384 { exit 1 }' out.txt || die "a kernel over the limits of a group")
status=0
"$CLADE" kernels --out nowhere > out.txt 2> err.txt || status=$?
{ [ $status -eq 1 ] && grep -q 'cannot write nowhere/' err.txt; } || die "exit $status: $(cat err.txt)"
fails 2 'unknown model "nothing"' kernels nothing
