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
