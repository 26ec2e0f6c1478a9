#!/bin/sh
# Devices that share a network's layers: the numbers of one device, a report, and what cannot be.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

# Two PoCL devices, whatever this machine has.
export POCL_DEVICES="pthread pthread"
unset OCL_ICD_VENDORS || true

data=digits:640,100
works train lenet --data $data --epochs 1 --seed 3 --device 0 --json --out one
loss=$(value train_loss)
works train lenet --data $data --epochs 1 --seed 3 --device 0,1 --split-layers --micro-batches 1 --json --out two
near "$(value train_loss)" "$loss" 0.002
works train lenet --data $data --epochs 1 --seed 3 --device 0,1 --split-layers --sync-batch-norm --json --out four
near "$(value train_loss)" "$loss" 0.002
is_json devices first_layer last_layer layers_ms layers_bytes seconds_waited bytes_moved
for run in again once-more; do
    works train lenet --data $data --epochs 1 --seed 3 --device 0,1 --split-layers --split-at conv2 --json --out $run
    [ "$(value last_layer)" = fc2 ] || die "cut elsewhere: $(cat out.txt)"
    first=${first-$(value weights_sha256)}
    [ "$(value weights_sha256)" = "$first" ] || die "the same cut, other bits"
done

# What was learnt is used as any other run, on one device.
works eval two --data $data --json
at_least "$(value accuracy)" 0.3
works train mlp --data $data --epochs 1 --device 0,1 --split-layers --out text
shows '^ *layers +planned +at work +waiting +handed over +memory +device' '^ *fc1 to .* pthread'

fails 1 '2 to [0-9]+ can be named' train lenet --data $data --device 0 --split-layers --out no
fails 1 'no shares' train lenet --data $data --device 0,1 --split-layers --shares 1,1 --out no
fails 1 '1 layer cannot be split over 2 devices' train softmax --data $data --device 0,1 --split-layers --out no
fails 1 'no layer of that name' train lenet --data $data --device 0,1 --split-layers --split-at conv9 --out no
fails 2 'a layer for each of the 2 devices' train lenet --data $data --device 0,1 --split-layers --split-at a,b --out no
