#!/bin/sh
# Two devices in one run: the table of what each did; one that is lost and comes back, told once each, with the numbers of a
# run without.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

export POCL_DEVICES="pthread pthread" # two devices of PoCL on any machine

# two WORD...: the run.
two() {
    "$CLADE" train mlp --data digits:1280,200 --epochs 2 --seed 3 --device 0,1 --shares 1,1 "$@" \
        > out.txt 2> err.txt < /dev/null || die "$*: exit $?: $(cat err.txt)"
}

two --out table
shows 'share +samples .* device' '50\.0 %'
two --out whole --json
is_json devices share samples lost rests losses
[ ! -s err.txt ] || die "standard error is not empty: $(cat err.txt)"
whole=$(value val_accuracy)

for device in 0 1; do
    export CLADE_LOSE_MEMBER=$device:200
    two --out lost-$device --json
    [ "$(grep -c "device $device, .* is lost at step" err.txt)" = 1 ] || die "the loss is not told once: $(cat err.txt)"
    [ "$(grep -c "device $device, .* is back" err.txt)" = 1 ] || die "the return is not told once: $(cat err.txt)"
    [ "$(wc -l < err.txt)" -eq 2 ] || die "more is told: $(cat err.txt)"
    near "$(value val_accuracy)" "$whole" 0.01
done
