#!/bin/sh
# The gradients of the operators against PyTorch's: compare.py, with the Python named in CLADE_PYTHON (default python3),
# where that has PyTorch; else skipped.
#   tests/autograd/compare.sh PROGRAM
python=${CLADE_PYTHON:-python3}
if ! "$python" -c 'import torch, numpy' 2> /dev/null; then
    echo "skipped: $python has no PyTorch; CLADE_PYTHON may name one that has"
    exit 77
fi
exec "$python" "$CLADE_SOURCE/tests/autograd/compare.py" "$1"
