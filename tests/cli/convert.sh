#!/bin/sh
# Networks and weights from and to files: what is written reads back with the same bits, and what cannot be is one line.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works convert lenet lenet.onnx --seed 3
works convert lenet.onnx again.onnx
works convert lenet lenet.safetensors --seed 3
works convert lenet.onnx from_onnx.safetensors
works convert lenet.safetensors from_weights.onnx --model lenet
cmp lenet.onnx from_weights.onnx || die "other bits by way of safetensors"
grep -q 'conv1.weight' lenet.safetensors || die "no conv1.weight in lenet.safetensors"
grep -q 'fc1.weight' from_onnx.safetensors || die "no fc1.weight in from_onnx.safetensors"
works convert lenet other.onnx --seed 4
! cmp -s lenet.onnx other.onnx || die "another seed, the same bits"

# Layers and costs of the file are those of the model.
works summary lenet --json
adds=$(value multiply_adds)
works summary lenet.onnx --json
[ "$(value multiply_adds)" = "$adds" ] || die "summary of lenet.onnx: $(cat out.txt)"
works summary lenet.onnx --batch 5
shows '^lenet.onnx: ' '^input 5x1x28x28$' ' conv2d +5x16x28x28 '

# Sizes that the file leaves open (here the batch, "N") may be given by their names.
works summary lenet.onnx --size N=7
shows '^input 7x1x28x28$'
works convert lenet.onnx three.onnx --size N=3
works summary three.onnx --batch 5
shows '^input 3x1x28x28$'
fails 1 'lenet.onnx: leaves no size "height" open' summary lenet.onnx --size N=7 height=28
fails 1 'three.onnx: leaves no size "N" open' convert three.onnx x.onnx --size N=3
fails 2 'size wants NAME=N, N at least 1, not "N=0"' summary lenet.onnx --size N=0

# A trained run gives its weights, not those that it began with.
works train softmax --data digits:640,100 --epochs 1 --out run --json
works convert run run.onnx
works convert run run.safetensors
works convert run.safetensors run2.onnx --model softmax
cmp run.onnx run2.onnx || die "other bits by way of safetensors"
works convert softmax fresh.onnx
! cmp -s run.onnx fresh.onnx || die "the run's weights are fresh ones"

fails 2 'files that end in .onnx or .safetensors' convert lenet lenet.txt
fails 2 'whose they are' convert lenet.safetensors x.onnx
fails 2 'is for the weights' convert lenet.onnx x.onnx --model lenet
fails 2 'unknown model' convert lenet.safetensors x.onnx --model lenet-6
fails 2 'wants A B' convert lenet
fails 1 'no array "fc.weight"' convert lenet.safetensors x.onnx --model softmax
fails 1 'nowhere' convert nowhere x.onnx
head -c 1000 lenet.onnx > cut.onnx
fails 1 'cut.onnx: not an ONNX' convert cut.onnx x.onnx
fails 1 'cut.onnx: not an ONNX' summary cut.onnx
head -c 1000 lenet.safetensors > cut.safetensors
fails 1 'cut.safetensors: ' convert cut.safetensors x.onnx --model lenet
[ ! -e x.onnx ] || die "something was written"

# A disk that is full, for which a limit on a file's size stands: one line, and no part of a file.
mkdir full
(
    trap '' XFSZ
    ulimit -f 16
    fails 1 'full/lenet.onnx' convert lenet full/lenet.onnx
)
[ -z "$(ls full)" ] || die "left behind: $(ls full)"
