#!/bin/sh
# The table of layers: counts that can be worked out by hand.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

# 784 x 500 + 500 weights and biases, 500 x 10 + 10; multiply-adds without the biases.
works summary mlp --json
is_json model input parameters multiply_adds activation_bytes layers
shows '"parameters":397510,"multiply_adds":397000,'
works summary mlp --batch 10 --json
shows '"parameters":397510,"multiply_adds":3970000,' '"input":\[10,1,28,28\]'

# conv1 of lenet: 16 filters of 3x3 and their biases, same padding: 28 x 28 x 16 outputs of 9 products each.
works summary lenet --json
shows '"name":"conv1","type":"conv2d","output":\[1,16,28,28\],"parameters":160,"multiply_adds":112896,"receptive_field":\[3,3\],"activation_bytes":50176'
# conv2 after a 2x2 pool: r = 3 + 1 + 2 * 2 = 8; conv3: jump 4 after the second pool.
shows '"name":"conv2","type":"conv2d","output":\[1,32,14,14\],"parameters":4640,"multiply_adds":903168,"receptive_field":\[8,8\]'
shows '"name":"conv3","type":"conv2d",[^}]*"receptive_field":\[18,18\]'
works summary lenet
shows '^conv1 +conv2d +1x16x28x28 +160 +112,896 +3x3 ' '^total '

# Another size of image.
works summary lenet --input 1,32,32 --json
shows '"output":\[1,16,32,32\]'
fails 1 '.' summary lenet --input 1,1,1

# The published networks; tests/models/test_architectures.c has them layer by layer.
works summary resnet50 --json
shows '"parameters":25557032,"multiply_adds":3857973248,' '"name":"layer1.0.conv1","type":"conv2d","output":\[1,64,56,56\],"parameters":4096,'
works summary alexnet
shows '^norm1 +lrn +1x96x55x55 ' '^total +60,965,224 +724,406,816 '
