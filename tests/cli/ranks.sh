#!/bin/sh
# Several processes under mpirun: the whole batch's numbers whatever their number, one speaker, faults told once and by name,
# and a rank that is killed: the others end by themselves, and another number of ranks goes on.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

# A build without MPI says so in one line, started by whatever launcher.
if ! ldd "$CLADE" 2> /dev/null | grep -q libmpi; then
    status=0
    OMPI_COMM_WORLD_SIZE=2 "$CLADE" train mlp --data digits:100,50 > out.txt 2> err.txt || status=$?
    [ $status -eq 1 ] || die "without MPI: exit $status"
    [ "$(wc -l < err.txt)" -eq 1 ] || die "without MPI: $(cat err.txt)"
    grep -q 'no MPI' err.txt || die "without MPI: $(cat err.txt)"
    exit 77
fi
command -v mpirun > /dev/null || exit 77

# mpirun refuses to start as root, or more processes than cores, unless told; its own files go here.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none TMPDIR="$PWD"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # a rank that is told to end does not tidy up

# ranks N WORD...: `clade WORD...` as N processes; sets status, out.txt and err.txt (without mpirun's own words).
ranks() {
    count=$1
    shift
    status=0
    mpirun -n "$count" "$CLADE" "$@" > out.txt 2> all.txt < /dev/null || status=$?
    grep '^clade' all.txt > err.txt || true
}

run="train mlp --data digits:640,120 --epochs 2 --batch 50 --seed 3 --json"

# near A B: equal within a few roundings.
near() {
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !((d < 0 ? -d : d) <= 1e-5 * (a < 0 ? -a : a)) }' || die "$3: $1, not $2"
}

# shellcheck disable=SC2086
works $run --out one
loss=$(value train_loss) held=$(value held_out_loss) test=$(value val_loss)
for count in 2 3; do
    # shellcheck disable=SC2086
    ranks $count $run --out of$count
    [ $status -eq 0 ] || die "$count ranks: exit $status: $(cat all.txt)"
    is_json weights_sha256
    near "$(value train_loss)" "$loss" "loss of $count ranks"
    near "$(value held_out_loss)" "$held" "held-out loss of $count ranks"
    near "$(value val_loss)" "$test" "test loss of $count ranks"
done
weights=$(value weights_sha256)
[ "$(grep -c '"event":"train"' of3/metrics.jsonl)" -eq "$(grep -c '"event":"train"' one/metrics.jsonl)" ] ||
    die "3 ranks: not the lines of one"

# The same ranks, the same bits; also when the run was stopped and resumed.
# shellcheck disable=SC2086
ranks 3 $run --out again
[ "$(value weights_sha256)" = "$weights" ] || die "3 ranks again: other bits"

# Ranks with unlike devices are measured, and take parts by their speeds: the numbers are the same.
status=0
# shellcheck disable=SC2086
mpirun -n 1 -x POCL_DEVICES=pthread "$CLADE" $run --out unlike : -n 1 -x POCL_DEVICES=basic "$CLADE" $run --out unlike \
    > out.txt 2> all.txt < /dev/null || status=$?
[ $status -eq 0 ] || die "unlike ranks: exit $status: $(cat all.txt)"
near "$(value train_loss)" "$loss" "loss of unlike ranks"
near "$(value val_loss)" "$test" "test loss of unlike ranks"

# A folder for all when none is named.
# shellcheck disable=SC2086
ranks 2 $run
if [ $status -ne 0 ] || [ ! -f runs/mlp/metrics.jsonl ] || [ -e runs/mlp-2 ]; then
    die "2 ranks without --out: exit $status: $(cat all.txt)"
fi

# A fault of all is told once; one of a single rank with its name.
ranks 2 train mlp --data mnist:nowhere --out x
[ $status -ne 0 ] || die "no data: succeeded"
[ "$(wc -l < err.txt)" -eq 1 ] || die "no data: $(cat err.txt)"
grep -q nowhere err.txt || die "no data: $(cat err.txt)"

status=0
# shellcheck disable=SC2086
mpirun -n 1 "$CLADE" $run --out y : -n 1 "$CLADE" $run --rate 0.02 --out y > out.txt 2> all.txt < /dev/null || status=$?
grep '^clade' all.txt > err.txt || true
[ $status -ne 0 ] || die "unlike options: succeeded"
[ "$(wc -l < err.txt)" -eq 1 ] || die "unlike options: $(cat all.txt)"
grep -q 'rank 1 on .*rate = 0.02.*rank 0 has rate' err.txt || die "unlike options: $(cat err.txt)"

# Rank 1 is killed once the run has printed its first line: the other one ends, saves, and three ranks finish.
run="train mlp --data digits:12800,120 --epochs 40 --seed 3 --checkpoint-every 20"
: > out.txt
# shellcheck disable=SC2086
mpirun -n 2 sh -c 'echo $$ > pid.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' "$CLADE" $run --out killed \
    > out.txt 2> all.txt < /dev/null &
launcher=$!
tries=0
until grep -q loss out.txt || [ $tries -ge 3000 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -KILL "$(cat pid.1)" 2> /dev/null || die "the run was over before it could be disturbed: $(cat all.txt)"
status=0
wait $launcher || status=$?
[ $status -ne 0 ] || die "killed: succeeded"
step=$(find killed -name 'checkpoint-*.clade' | sed 's/.*checkpoint-\([0-9]*\).*/\1/' | sort -n | tail -n 1)
[ -n "$step" ] || die "killed: no checkpoint: $(cat all.txt)"
shortened=$(mktemp -d ./XXXXXX)
mv killed "$shortened/run"
# shellcheck disable=SC2086
mpirun -n 3 "$CLADE" $run --out "$shortened/run" --resume > out.txt 2> all.txt < /dev/null &
launcher=$!
tries=0
until grep -q loss out.txt || [ $tries -ge 3000 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -TERM $launcher 2> /dev/null || true
wait $launcher || true
grep -qE "step [0-9,]+/" out.txt || die "resumed: $(cat all.txt)"
