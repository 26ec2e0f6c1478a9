#!/bin/sh
# The keys that scripts read from bench and profile. No time is judged.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works bench gemm 33 20 7 --steps 3 --json
is_json min_ms median_ms steps gflops device implementation
[ "$(value steps)" = 3 ] || die "steps: $(cat out.txt)"
works bench conv 2 4 9 8 6 3 3 2 1 2 --steps 2 --json
is_json forward_ms backward_data_ms backward_filter_ms device implementation
works bench conv 2 4 9 8 6 3 3 2 1 2 --steps 2
shows '^forward ' '^backward_data ' '^backward_filter '
for layer in lrn batch_norm layer_norm instance_norm local_contrast_norm global_max_pool softmax swish gelu; do
    works bench layer $layer 2 6 5 4 --steps 2 --json
    is_json layer forward_ms backward_ms step_ms steps device
done
[ "$(value steps)" = 2 ] || die "steps: $(cat out.txt)"
for layer in max_pool average_pool lp_pool; do works bench layer $layer 2 3 9 8 3 2 1 --steps 1 --json; done
works bench layer max_pool 2 3 9 8 2 2 0 --steps 1
shows '^max_pool +forward min'
fails 2 'lrn wants N C H W;' bench layer lrn 2 6 5 4 3 2 1
fails 2 'max_pool wants N C H W KERNEL STRIDE PAD' bench layer max_pool 2 6 5 4
fails 2 'unknown layer "nope"; it is one of lrn' bench layer nope 1 2 3 4
fails 2 'wants NAME N C H W' bench layer
fails 1 'larger than' bench layer max_pool 1 1 2 2 5 1 0
works bench train mlp --batch 8 --steps 3 --json
is_json min_ms median_ms steps parameters images_per_second device implementation
[ "$(value parameters)" = 397510 ] || die "parameters: $(cat out.txt)"
works bench infer lenet --batch 4 --steps 3 --json
is_json min_ms median_ms steps parameters images_per_second device implementation
works bench infer mlp --steps 1
shows 'images/s'
fails 1 'groups' bench conv 1 3 8 8 4 3 3 1 1 2
fails 1 '.' bench conv 1 3 2 2 4 5 5 1 0 1

works profile lenet --batch 8 --steps 2 --trace trace.json
shows '^roof: ' 'conv1 .* forward ' ' backward ' ' update ' 'x forward' '^layer ' '^step ' '^overhead '
grep -q '"traceEvents":\[' trace.json || die "no trace: $(head -c 300 trace.json)"
works profile lenet --batch 8 --steps 2 --json
is_json model device roof_gflops roof_gb_per_second step_ms sum_ms overhead_ms forward_ms backward_ms update_ms layers rows
for key in '"layer": *"conv1"' '"compute_share": *[0-9]' '"memory_share": *[0-9]' '"gflops": *[0-9]' '"gb_per_second": *[0-9]'; do
    grep -q "$key" out.txt || die "no $key: $(head -c 600 out.txt)"
done
works profile mlp --infer --batch 8 --steps 1 --json
is_json forward_ms
fails 1 'nowhere' profile mlp --batch 8 --steps 1 --trace nowhere/trace.json
