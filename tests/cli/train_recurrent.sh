#!/bin/sh
# A recurrent network is trained by the command: the LSTM that reads a digit row by row learns digits in two epochs.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works train lstm-rows --data digits:6400,1000 --epochs 2 --seed 1 --json --out lstm
is_json model val_accuracy
at_least "$(value val_accuracy)" 0.9
