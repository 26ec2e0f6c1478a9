#!/bin/sh
# Exported networks before onnx's checker and ONNX Runtime, with the Python named in CLADE_PYTHON (default python3), where
# that has both; else skipped. With CLADE_SHARED a lenet trained on its MNIST too. And networks that leave sizes open.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
python=${CLADE_PYTHON:-python3}
if ! "$python" -c 'import numpy, onnx, onnxruntime' 2> /dev/null; then
    echo "skipped: $python has no onnx and onnxruntime; CLADE_PYTHON may name one that has"
    exit 77
fi
mnist=${CLADE_SHARED:+$CLADE_SHARED/data/mnist}
[ -d "$mnist" ] || mnist=
"$python" "$CLADE_SOURCE/tests/onnx/open_sizes.py" "$CLADE"
"$python" "$CLADE_SOURCE/tests/onnx/roundtrip.py" "$CLADE" ${mnist:+"$mnist"}
