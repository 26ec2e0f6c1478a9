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

# N9: 400 features of 8x8 over 96x96 images are (96 - 8 + 1)^2 * 400 activations; with weights of their own 64 for each.
works summary conv 1 1 96 96 400 8 8 1 0 1 --sharing
shows '^conv +conv2d +1x400x89x89 +26,000 +202,777,600 +8x8 +3,168,400 ' '^conv +25,600 +202,777,600 +29,199,974,400$'
# N6: conv1 fully connected, 290,400 outputs of 154,587 inputs; shared 11,616 for each of three channels.
works summary alexnet --sharing
shows '^conv1 +34,848 +105,415,200 +44,892,064,800$'
works summary alexnet --json
shows '"name":"conv1",[^}]*"activations":290400,"shared_weights":34848,"local_weights":105415200,"dense_weights":44892064800[,}]'
fails 2 'conv wants N C H W' summary conv 1 1 96 96
fails 2 'wants no other word' summary lenet mlp
fails 1 'groups' summary conv 1 3 9 9 4 3 3 1 1 2
