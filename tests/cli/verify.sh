#!/bin/sh
# selftest and gradcheck from the command line: what passes, what is named.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works selftest --list
shows '^add$' '^conv2d$'
works selftest add softmax
shows '^passed .*add ' '^[0-9]+ passed, 0 failed'
works selftest softmax add --kernels fill.cl,softmax.cl
shows '^passed .*softmax ' '^[1-9][0-9]* passed, 0 failed'
if grep -q '^passed .*add ' out.txt; then die "--kernels tests what launches none of them: $(cat out.txt)"; fi
works selftest add --quiet --json
is_json passed failed inapplicable left_out device failures
works gradcheck tanh
shows '^passed' ' passed, 0 failed'
works gradcheck softmax --quiet --samples 5
works gradcheck mlp --samples 3 --json
is_json checked passed failed

