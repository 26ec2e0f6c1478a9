#!/bin/sh
# Standard output that cannot be written is a failure in one line, wherever it ends: a full disk, a closed pipe, nothing.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

one_line() {
    [ "$1" -eq 1 ] || die "$2: exit $1, not 1"
    [ "$(wc -l < err.txt)" -eq 1 ] || die "$2: not one line: $(cat err.txt)"
    grep -q 'cannot write to standard output' err.txt || die "$2: $(cat err.txt)"
}

for words in 'help' 'summary mlp' 'summary mlp --json' 'devices --json'; do
    if [ -w /dev/full ]; then
        status=0
        # shellcheck disable=SC2086
        "$CLADE" $words > /dev/full 2> err.txt || status=$?
        one_line $status "$words on a full disk"
    fi
    status=0
    # shellcheck disable=SC2086
    "$CLADE" $words >&- 2> err.txt || status=$?
    one_line $status "$words on a closed stream"

    # A pipe whose reader has gone before anything is written.
    mkfifo pipe
    # shellcheck disable=SC2086
    { status=0; sleep 1; "$CLADE" $words 2> err.txt || status=$?; echo $status > status.txt; } > pipe &
    : < pipe
    wait
    rm pipe
    one_line "$(cat status.txt)" "$words into a closed pipe"
done
