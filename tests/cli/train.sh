#!/bin/sh
# A short run from the command line to a trained model, measured, used, gone on with, and stopped.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

data=digits:1280,200
works train mlp --data $data --epochs 2 --seed 7 --json
is_json model data device epochs steps train_loss val_loss val_accuracy images_per_second weights_sha256 out
[ "$(value epochs)" = 2 ] || die "epochs: $(cat out.txt)"
[ "$(value out)" = runs/mlp ] || die "out: $(cat out.txt)"
sum=$(value weights_sha256)
accuracy=$(value val_accuracy)
[ ${#sum} -eq 64 ] || die "no hash: $sum"
at_least "$accuracy" 0.5
[ -s runs/mlp/metrics.jsonl ] || die "no metrics in runs/mlp"
[ -s runs/mlp/training.svg ] || die "no picture in runs/mlp"

# The same seed again: a new folder, the same bits. Another seed: other bits.
works train mlp --data $data --epochs 2 --seed 7 --json
[ "$(value out)" = runs/mlp-2 ] || die "out: $(cat out.txt)"
[ "$(value weights_sha256)" = "$sum" ] || die "another run, other bits"
works train mlp --data $data --epochs 2 --seed 8 --json --out other
[ "$(value weights_sha256)" != "$sum" ] || die "another seed, the same bits"

# To resume a run that is over changes nothing.
works train mlp --data $data --epochs 2 --seed 7 --json --out runs/mlp --resume
[ "$(value weights_sha256)" = "$sum" ] || die "resumed, other bits"
fails 1 'epochs|seed' train mlp --data $data --epochs 2 --seed 9 --out runs/mlp --resume

# As text, plain lines since this is no terminal.
works train mlp --data $data --epochs 1 --out text
shows '^epoch 1/1  step [0-9]+/[0-9]+  loss ' '^weights [0-9a-f]{64}$' '^run     text$'
works train mlp --data $data --epochs 1 --out text --quiet
[ "$(wc -l < out.txt)" -le 5 ] || die "not quiet: $(cat out.txt)"

# Measured and used.
works eval runs/mlp --data $data --json
is_json model count loss accuracy
[ "$(value accuracy)" = "$accuracy" ] || die "eval says $(value accuracy), train said $accuracy"
works eval runs/mlp --data $data
shows 'accuracy [0-9.]+ %'
works predict runs/mlp 0 3 --data $data --top 3
shows '^digits test 0 \(labelled [0-9]\): [0-9] \([0-9.e-]+\), [0-9] ' '^digits test 3 '
works predict runs/mlp 0 --data $data --top 2 --json
is_json predictions label class top score
(printf 'P5\n28 28\n255\n'; head -c 784 /dev/zero) > blank.pgm
works predict runs/mlp blank.pgm
shows '^blank.pgm: [0-9] '

fails 1 'nowhere' eval nowhere --data $data
fails 1 'nowhere' predict nowhere 0
fails 1 'no image 200: digits test has 200' predict runs/mlp 200 --data $data
fails 1 'no.pgm' predict runs/mlp no.pgm
(printf 'P5\n20 28\n255\n'; head -c 560 /dev/zero) > narrow.pgm
fails 1 'narrow.pgm' predict runs/mlp narrow.pgm

# Less memory than the run needs.
fails 1 'allowed' train mlp --data $data --memory 100K --out small
# A control: nothing can be learnt from permuted labels.
works train mlp --data $data --epochs 1 --shuffle-labels --json --out shuffled
at_least 0.35 "$(value val_accuracy)"
# A file where the folder should be.
: > file
fails 1 'file' train mlp --data $data --out file

# Layers by name: frozen ones are not trained; clipped gradients are.
works train mlp --data $data --epochs 1 --layer-rates 'fc1.*=0,fc2.weight=0.5' --clip-norm 1 --json --out frozen
[ "$(value parameters)" = 5010 ] || die "trained $(value parameters) elements, not fc2's 5010"
fails 1 'nothing to train' train mlp --data $data --layer-rates '*=0' --out none
fails 2 'layer-rates wants' train mlp --data $data --layer-rates 'fc1' --out none
fails 2 'layer-rates wants' train mlp --data $data --layer-rates 'fc1=-1' --out none
