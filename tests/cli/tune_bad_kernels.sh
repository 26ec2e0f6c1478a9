#!/bin/sh
# `clade tune` with a default kernel that stores nothing, does not build, ends its process or never ends: it is caught, the
# others are tuned, `clade devices` names it, and it is not taken again.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
. "$CLADE_SOURCE/tests/cli/support/kernels.sh"

# Built with AddressSanitizer, a crash is to end the process as it does without.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0"

spoil wrong 'return;'
spoil build 'this is no kernel'
spoil crash '*(volatile __global int *)(size_t)8 = 1;'
spoil hang 'for (volatile int spin = 1; spin;) { }'

for fault in 'wrong:reference' 'build:does not' 'crash:ended its process' 'hang:did not end in time'; do
    fresh
    export CLADE_KERNELS="$PWD/${fault%%:*}"
    # shellcheck disable=SC2086
    "$CLADE" tune $work --limit 30 --json > out.txt 2> err.txt || die "$fault: exit $?: $(cat err.txt)"
    is_json sites chosen
    [ "$(value tuned)" -eq 1 ] || die "$fault: nothing tuned: $(cat out.txt)"
    ! grep -qE "\"chosen\":\"$default(/|\")" out.txt || die "$fault: the bad one was chosen: $(cat out.txt)"
    named "${fault#*:}"
    choose
    silent "$fault, after tuning"
    [ "$chosen" != "$default" ] || die "$fault: taken again"
done
