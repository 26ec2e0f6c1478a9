#!/bin/sh
# ONNX's backend tests: a sample of those in CLADE_SHARED, spread over all; skipped without them, or without zstd. The whole:
# `clade onnx-test FOLDER` on the unpacked folder. What does not pass is in docs/onnx.md.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
fails 1 'nowhere' onnx-test nowhere
mkdir empty
fails 1 'no model.onnx' onnx-test empty
suite=${CLADE_SHARED:+$CLADE_SHARED/onnx/node}
if [ -z "$suite" ] || [ ! -f "$suite.tar.zst" ] || ! command -v zstd > /dev/null; then
    echo "skipped: CLADE_SHARED names no ONNX tests, or there is no zstd"
    exit 77
fi
mkdir suite
zstd -dcq "$suite.tar.zst" | tar -xf - -C suite --exclude 'light_*'
# Every 14th of the tests in the order of their names, but for those that are known not to pass.
find suite -name model.onnx | LC_ALL=C sort |
    grep -vE 'test_(operator_add|training_dropout)' |
    awk 'NR % 14 == 1' | head -60 > sample
[ "$(wc -l < sample)" -ge 50 ] || die "only $(wc -l < sample) tests were found"
mkdir taken
while read -r model; do
    mv "$(dirname "$model")" taken/
done < sample
"$CLADE" onnx-test --quiet taken > out.txt 2> err.txt || die "$(cat out.txt)"
shows '^[0-9]+ passed, 0 failed, 0 skipped$'
