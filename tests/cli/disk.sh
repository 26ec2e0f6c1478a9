#!/bin/sh
# A disk that is full while a run writes to it: one line, exit 1. The limit on a file's size stands for it.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works train mlp --data digits:640,100 --epochs 1 --out whole # kernels are compiled from here on
(
    trap '' XFSZ
    ulimit -f 64
    fails 1 'checkpoint|run|File too large' train mlp --data digits:640,100 --epochs 1 --out run --quiet
)
mkdir locked
chmod 500 locked
if ! touch locked/probe 2> /dev/null; then
    fails 1 'locked' train mlp --data digits:640,100 --epochs 1 --out locked/run --quiet
fi
chmod 700 locked
