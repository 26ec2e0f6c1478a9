#!/bin/sh
# Same seed, same bits: with one and two threads of the device, with dead memory poisoned, with the machine under load.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

# Sets `sum` to the hash of the weights after a short run into the folder $1, in an environment with the rest added.
weights() {
    out=$1
    shift
    env "$@" "$CLADE" train lenet --data digits:600,100 --epochs 1 --seed 7 --out "$out" --json --quiet > out.txt
    sum=$(value weights_sha256)
    [ ${#sum} -eq 64 ] || die "no hash: $(cat out.txt)"
}

# same WHAT: the last run gave the plain run's bits.
same() {
    [ "$sum" = "$plain" ] || die "$1: other bits"
}

weights plain POCL_MAX_PTHREAD_COUNT=2
plain=$sum
weights one POCL_MAX_PTHREAD_COUNT=1
same "one thread"
weights poisoned CLADE_POISON=1
same "dead memory poisoned"

(while :; do :; done) &
first=$!
(while :; do :; done) &
second=$!
weights loaded CLADE_PROGRAM_CACHE=none
kill $first $second
same "a machine under load, without the program cache"
