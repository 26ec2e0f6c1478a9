#!/bin/sh
# Where the time of a step goes: by kernel and layer on one device, by device on several.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works profile mlp --steps 2 --batch 16
shows '^operator +kernel +phase' '^layer +forward' '^step '
works profile mlp --steps 2 --batch 16 --json
is_json model device batch step_ms rows layers

export POCL_DEVICES="pthread pthread" # two devices of PoCL on any machine
works profile mlp --device 0,1 --steps 3 --batch 64
shows '^mlp, a training step of 64 images on 2 devices: .* images/s$' \
    '^ *share  samples +at work +waiting +exposed +idle +moved  device$'
[ "$(grep -cE '^ *[0-9.]+ % +[0-9]+ ' out.txt)" = 2 ] || die "not two devices: $(cat out.txt)"

# Shares that were given are kept, all samples are taken, and the times of a device are those of a step.
works profile mlp --device 0,1 --shares 3,1 --steps 3 --batch 64 --json
is_json model batch steps step_ms images_per_second devices share samples step_working_ms step_waiting_ms \
    step_exposed_ms step_idle_ms step_bytes_moved
shows '"batch":64,"steps":3,' '"samples":48,' '"samples":16,'
at_least "$(value step_bytes_moved)" 1
at_least "$(value step_waiting_ms)" "$(value step_exposed_ms)"

# Layers that are shared: a line a stage. Work and waiting are together the step.
works profile mlp --device 0,1 --split-layers --micro-batches 2 --steps 3 --batch 64
shows '^mlp, a training step of 64 images on 2 devices: .* images/s$' \
    '^layers +planned +at work +waiting +handed over +memory +device$'
[ "$(grep -cE '^fc[12] to fc[12] .* [0-9.]+ [KM]iB +[0-9.]+ [KM]iB +[^ ]' out.txt)" = 2 ] ||
    die "not two stages: $(cat out.txt)"
works profile mlp --device 0,1 --split-layers --split-at fc2 --micro-batches 1 --steps 3 --batch 64 --json
is_json steps step_ms devices first_layer last_layer layers_bytes step_working_ms step_waiting_ms step_bytes_moved
shows '"steps":3,' '"first_layer":"fc1","last_layer":"fc1"' '"first_layer":"fc2"'
both=$(awk -v a="$(value step_working_ms)" -v b="$(value step_waiting_ms)" 'BEGIN { print a + b }')
near "$both" "$(value step_ms)" 0.001

fails 2 '--infer and --trace are for one device' profile mlp --device 0,1 --infer
fails 2 '--shares wants a number' profile mlp --device 0,1 --shares 1
fails 1 'a sample for each' profile mlp --device 0,1 --batch 1
