#!/bin/sh
# Ordinary runs with a default kernel that is no good: one that stores nothing or does not build is found before it is used,
# one that ends its process or never ends by the run after it. `clade devices` names it, and it is not taken again.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
. "$CLADE_SOURCE/tests/cli/support/kernels.sh"

spoil wrong 'return;'
spoil build 'this is no kernel'
spoil crash '*(volatile __global int *)(size_t)8 = 1;'
spoil hang 'for (volatile int spin = 1; spin;) { }'

for fault in wrong:reference 'build:does not build'; do
    fresh
    export CLADE_KERNELS="$PWD/${fault%:*}"
    choose
    told "${fault%:*}" "${fault#*:}"
    [ "$chosen" != "$default" ] || die "$fault: the bad one was taken"
    choose
    silent "$fault, again"
    [ "$chosen" != "$default" ] || die "$fault: taken again"
    named ''
    unset CLADE_KERNELS
    choose
    [ "$chosen" = "$default" ] || die "$fault: the good kernels are taken for the bad ones"
done

# A crash ends the process; the next run says what it was.
fresh
export CLADE_KERNELS="$PWD/crash"
# shellcheck disable=SC2086
! "$CLADE" bench $work --steps 1 > out.txt 2> err.txt || die "the crashing kernel was not run"
choose
told crash 'its process ended'
[ "$chosen" != "$default" ] || die "crash: taken again"
named 'its process ended'

# start: an ordinary run in the background, up to the first try of a kernel.
start() {
    # shellcheck disable=SC2086
    "$CLADE" bench $work --steps 1 > out.txt 2> err.txt &
    pid=$!
    tries=0
    until [ -n "$(find "$XDG_CACHE_HOME" -path '*/journal/*' 2> /dev/null)" ] || [ $tries -ge 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

# Whoever kills a process that never ends leaves an entry to the next run; who interrupts one at once does not.
fresh
export CLADE_KERNELS="$PWD/hang"
start
kill -TERM $pid
wait $pid 2> /dev/null || true
[ -z "$(find "$XDG_CACHE_HOME" -path '*/journal/*')" ] || die "interrupted: the journal holds it against the kernel"
start
kill -KILL $pid
wait $pid 2> /dev/null || true
choose
told hang 'its process ended'
[ "$chosen" != "$default" ] || die "hang: taken again"
