#!/bin/sh
# The gradients that `clade run --grad` gives against PyTorch's: onnx_gradients.py, with the Python named in CLADE_PYTHON
# (default python3), where that has PyTorch and onnx; else skipped.
python=${CLADE_PYTHON:-python3}
if ! "$python" -c 'import numpy, onnx, torch' 2> /dev/null; then
    echo "skipped: $python has no PyTorch and onnx; CLADE_PYTHON may name one that has"
    exit 77
fi
exec "$python" "$CLADE_SOURCE/tests/autograd/onnx_gradients.py" "$CLADE" "$CLADE_SOURCE/docs/onnx.md"
