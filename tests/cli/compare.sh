#!/bin/sh
# The same training on two devices, side by side: equal numbers, both speeds.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

export POCL_DEVICES="pthread pthread" # two devices of PoCL on any machine
works compare mlp --data digits:960,200 --device 0,1
shows 'images/s' '^0 .* 0\.0e.00' '^1 .* 0\.0e.00'
works compare mlp --data digits:960,200 --device 0,1 --json
[ "$(grep -o '"first_difference":0[,}]' out.txt | wc -l)" = 2 ] || die "two devices alike differ: $(cat out.txt)"
[ "$(grep -o '"weights_sha256":"[0-9a-f]*"' out.txt | sort -u | wc -l)" = 1 ] || die "other weights: $(cat out.txt)"

# Every report counts, also those of later epochs: here one for each of a hundred steps and some.
works compare mlp --data digits:1312,100 --batch 64 --epochs 5 --device 0,1 --json
at_least "$(value reports)" 100
