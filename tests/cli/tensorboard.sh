#!/bin/sh
# clade train --tensorboard: where the event files go, what a resumed run adds, and disks that refuse. With the Python named
# in CLADE_PYTHON (default python3) TensorBoard's own reader checks the curves, where that has it.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

events() { find "$1" -name 'events.out.tfevents.*' | wc -l; }

run="train lenet --data digits:320,40 --seed 3 --batch 16 --held-out 32 --validate-every 10 --gradient-norms --quiet"
# shellcheck disable=SC2086
works $run --epochs 1 --out run --tensorboard
[ "$(events run)" -eq 1 ] || die "not one event file in the run's folder"
[ "$(events .)" -eq 1 ] || die "an event file elsewhere"
# shellcheck disable=SC2086
works $run --epochs 1 --out other --tensorboard board --json
[ "$(events board)" -eq 1 ] && [ "$(events other)" -eq 0 ] || die "the event file is not where it was to be"
# shellcheck disable=SC2086
works $run --epochs 1 --out third
[ "$(events third)" -eq 0 ] || die "an event file that nobody asked for"

# A run that is killed between checkpoints, and goes on.
: > progress.txt
# shellcheck disable=SC2086
"$CLADE" train lenet --data digits:3200,40 --seed 3 --batch 16 --held-out 32 --validate-every 10 --epochs 2 \
    --checkpoint-every 30 --out broken --tensorboard > progress.txt 2> err.txt &
pid=$!
tries=0
until [ "$(wc -l < progress.txt)" -ge 5 ] || [ $tries -ge 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -KILL $pid 2> /dev/null || true
wait $pid 2> /dev/null || true
works train lenet --data digits:3200,40 --seed 3 --batch 16 --held-out 32 --validate-every 10 --epochs 2 \
    --checkpoint-every 30 --out broken --tensorboard --resume --quiet
[ "$(events broken)" -eq 2 ] || die "the resumed run has no event file of its own"

# Nothing can be written: one line, before anything is trained.
: > taken
# shellcheck disable=SC2086
fails 1 'taken' $run --epochs 1 --out run --tensorboard taken
ls run/checkpoint-*.clade > /dev/null || die "the finished run of that folder is gone"
mkdir locked
chmod 500 locked
if ! touch locked/probe 2> /dev/null; then
    fails 1 'locked' train mlp --data digits:64,10 --epochs 1 --out run3 --tensorboard locked --quiet
fi
chmod 700 locked
# A disk that is full on the way: one line, and what is there can be read.
(
    trap '' XFSZ
    ulimit -f 2 # blocks of 512 or 1024 bytes
    # shellcheck disable=SC2086
    fails 1 'full/events.*(File too large|No space)' $run --epochs 1 --out full --tensorboard
)

python=${CLADE_PYTHON:-python3}
if "$python" -c 'import tensorboard' 2> /dev/null; then
    "$python" "$CLADE_SOURCE/tests/cli/support/read_events.py" run board broken full
else
    echo "TensorBoard's own reader is absent: $python has no tensorboard; CLADE_PYTHON may name one that has"
fi
