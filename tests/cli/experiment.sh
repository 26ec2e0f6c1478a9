#!/bin/sh
# Experiments from the command line: the list, tables, JSON, pictures, and what is refused.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works experiment
shows '^perceptron  +AND, OR and XOR' '^ravine ' '^ +--set steps=20000 ' '^ +--data DATA  points unless given'
works experiment --json
is_json experiments name title settings

works experiment perceptron --out seen
shows '^machine  +problem  +result' '^multilayer perceptron  XOR  +learnt ' '^perceptron  +XOR  +not learnt ' \
    '^multilayer_xor 4$' '^picture seen/decision.svg$'
grep -q '</svg>$' seen/decision.svg || die "the picture is not whole"

# In the usual place; the same numbers again as JSON, and with another seed other ones.
works experiment points --data points:moons,200,100 --set epochs=30,hidden=16 --json
is_json experiment device rows accuracy pictures
[ -s runs/experiments/points/surfaces.svg ] || die "no picture in runs/experiments/points"
rows=$(sed -E 's/.*"rows":(\[[^]]*\]).*/\1/' out.txt)
at_least "$(value accuracy)" 0.9
works experiment points --data points:moons,200,100 --set epochs=30,hidden=16 --json
[ "$(sed -E 's/.*"rows":(\[[^]]*\]).*/\1/' out.txt)" = "$rows" ] || die "the same seed, other numbers"
works experiment points --data points:moons,200,100 --set epochs=30,hidden=16 --seed 8 --json
[ "$(sed -E 's/.*"rows":(\[[^]]*\]).*/\1/' out.txt)" != "$rows" ] || die "another seed, the same numbers"

# A number that is none is null, or a dash.
works experiment ravine --set steps=50 --out short --json
shows '"descent_steps":null'
works experiment ravine --set steps=50 --out short
shows '^descent_steps -$' '^gradient descent .* - '

fails 2 'unknown experiment "alchemy"; `clade experiment` lists them' experiment alchemy
fails 2 'one word too many' experiment ravine points
fails 2 '--set wants NAME=NUMBER' experiment ravine --set steps
fails 2 '--set wants NAME=NUMBER' experiment ravine --set steps=3,
fails 2 '--set wants NAME=NUMBER' experiment ravine --set steps=many
fails 1 'no setting "warmth"; it has steps, rate' experiment ravine --set warmth=1
fails 1 'steps wants a whole number' experiment ravine --set steps=1.5
fails 1 'takes no other' experiment ravine --data digits
fails 1 'unknown data set' experiment points --data nothing
fails 1 'no device|fits' experiment ravine --device 'no such device'

# A disk that is full, for which a limit on a file's size stands: one line, and no part of a picture.
(
    trap '' XFSZ
    ulimit -f 16
    fails 1 'full/decision.svg' experiment perceptron --out full
)
[ -z "$(ls full)" ] || die "left behind: $(ls full)"
: > file
fails 1 'file' experiment ravine --set steps=5 --out file
