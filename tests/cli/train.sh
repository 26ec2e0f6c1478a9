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

# An optimiser of several passes, updates of several batches, early stopping, recorded layers, confusions.
works train softmax --data $data --optimizer lbfgs --iterations 5 --batch 256 --epochs 1 --json --out lbfgs
at_least "$(value val_accuracy)" 0.5
at_least "$(value val_top5)" "$(value val_accuracy)"
works train mlp --data $data --accumulate 2 --epochs 1 --early-momentum-epochs 1 --out accumulated --quiet
works train mlp --data $data --epochs 1 --gradient-norms --out layers --quiet
[ -s layers/layers.svg ] || die "no picture of the layers"
grep -q '^fc1.weight ' layers/layers.txt || die "no table of the layers: $(cat layers/layers.txt)"
works train softmax --data $data --epochs 40 --patience 1 --validate-every 5 --least-gain 1 --json --out stopped
[ "$(value stopped_early)" = true ] || die "not stopped: $(cat out.txt)"
[ "$(value steps)" = 10 ] || die "stopped after $(value steps) steps, not the second validation"
works train softmax --data digits:60,20 --held-out 0 --optimizer wiggle --layer-rates 'fc.weight=0' --rate 0.01 --epochs 2 \
    --json --out wiggled
[ "$(value parameters)" = 10 ] || die "wiggled $(value parameters) elements, not the biases' 10"
works eval runs/mlp --data $data --confusion --picture confusion.svg
shows 'among the first five [0-9.]+ %' '^class .* taken for$'
[ -s confusion.svg ] || die "no picture of the confusions"
works eval runs/mlp --data $data --confusion --json
is_json confusion top5 accuracy
fails 2 'want --schedule' train mlp --data $data --schedule-threshold 0.1
fails 2 'early-momentum-epochs' train mlp --data $data --early-momentum 0.5
fails 2 'early-momentum-epochs is of sgd' train mlp --data $data --optimizer adam --early-momentum-epochs 2
fails 2 'least-gain wants --patience' train mlp --data $data --least-gain 0.1
fails 2 'held-out 0' train mlp --data $data --patience 2 --held-out 0
fails 2 'exclude each other' train mlp --data $data --full-batch --accumulate 2
fails 2 'of --optimizer lbfgs' train mlp --data $data --pairs 5
fails 2 'clip-value are not of' train mlp --data $data --optimizer lbfgs --clip-norm 1
fails 2 'one batch at a time' train mlp --data $data --optimizer wiggle --full-batch
fails 1 'lbfgs knows no rates by layer' train mlp --data $data --optimizer lbfgs --layer-rates 'fc1.*=2' --out none
