#!/bin/sh
# bench/run: a line a run in the history, with the change against the last run on the same device. No time is judged.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
HISTORY=$PWD/history.jsonl
STEPS=1
export HISTORY STEPS
run="$CLADE_SOURCE/bench/run"

"$run" "$CLADE" gemm-256 train-mlp > out.txt 2> err.txt || die "bench/run: $(cat out.txt err.txt)"
shows '^gemm-256 +[0-9.]+ ms$' '^train-mlp +[0-9.]+ ms$'
[ "$(wc -l < "$HISTORY")" -eq 1 ] || die "not one line a run: $(cat "$HISTORY")"

# Only the rows that a run had are compared; another device's are not.
sed 's/"device":"[^"]*"/"device":"another"/' "$HISTORY" > other.jsonl
cat other.jsonl >> "$HISTORY"
"$run" "$CLADE" gemm-256 conv-lenet1 > out.txt 2> err.txt || die "bench/run: $(cat out.txt err.txt)"
shows '^gemm-256 +[0-9.]+ ms +last +[0-9.]+ ms +[-+][0-9.]+ %$' '^conv-lenet1-backward-filter +[0-9.]+ ms$'
tail -n 1 "$HISTORY" > out.txt
is_json date commit device ms gemm-256 conv-lenet1-forward conv-lenet1-backward-data conv-lenet1-backward-filter
[ "$(wc -l < "$HISTORY")" -eq 3 ] || die "not one line a run: $(cat "$HISTORY")"

# A row without a figure is named, and leaves nothing behind.
DEVICE=no-such-device "$run" "$CLADE" gemm-256 > out.txt 2> err.txt && die "no device, and no failure"
shows '^gemm-256 +no figure: .*no-such-device'
[ "$(wc -l < "$HISTORY")" -eq 3 ] || die "a run without figures is in the history: $(cat "$HISTORY")"
