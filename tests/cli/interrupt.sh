#!/bin/sh
# SIGINT finishes the step, saves, says how to go on, and the resumed run has the bits of the unbroken one.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

run="train mlp --data digits:12800,200 --epochs 6 --seed 3"
# shellcheck disable=SC2086
works $run --json --out whole
whole=$(value weights_sha256)

# A shell starts background jobs deaf to SIGINT, so SIGTERM it is, which the command takes alike.
: > progress.txt
# shellcheck disable=SC2086
"$CLADE" $run --out broken > progress.txt 2> err.txt &
pid=$!
tries=0
until [ -s progress.txt ] || [ $tries -ge 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -TERM $pid 2> /dev/null || true
status=0
wait $pid || status=$?
if [ $status -ne 0 ]; then
    [ $status -eq 1 ] || die "interrupted: exit $status"
    [ "$(wc -l < err.txt)" -eq 1 ] || die "interrupted: $(cat err.txt)"
    grep -q -e '--resume' err.txt || die "does not say how to go on: $(cat err.txt)"
fi

# Killed outright, some times, at whatever moment that is; then to the end.
for moment in 0.3 0.7 1.1; do
    # shellcheck disable=SC2086
    "$CLADE" $run --out broken --resume --checkpoint-every 50 > /dev/null 2>&1 &
    pid=$!
    sleep $moment
    kill -KILL $pid 2> /dev/null || true
    wait $pid 2> /dev/null || true
done
# shellcheck disable=SC2086
works $run --json --out broken --resume
[ "$(value weights_sha256)" = "$whole" ] || die "resumed, other bits"
