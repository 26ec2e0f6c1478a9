#!/bin/sh
# The graph after each pass and the plan: every part is there, alone too, and planned memory is less than unplanned.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works explain lenet --batch 16
shows '^== graph: [0-9]+ nodes' '^== simplify: ' '^== commute: ' '^== tails: ' '^== fuse: ' '^== plan: batch 16 on ' '^memory: [0-9]+ bytes planned, [0-9]+ unplanned'
planned=$(sed -nE 's/^memory: ([0-9]+) bytes planned, ([0-9]+) unplanned.*/\1/p' out.txt)
unplanned=$(sed -nE 's/^memory: ([0-9]+) bytes planned, ([0-9]+) unplanned.*/\2/p' out.txt)
[ "$planned" -lt "$unplanned" ] || die "planned $planned, unplanned $unplanned"
works explain lenet --pass fuse
shows '^== fuse' 'fused'
! grep -q '^== graph' out.txt || die "another part than asked for"
works explain lenet --infer --pass inference
shows '^== inference'
works explain mlp --infer --pass plan
shows '^== plan'
