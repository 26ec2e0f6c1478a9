#!/bin/sh
# Wrong usage is one line and exit 2, and names what is known; help and version are exit 0.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

fails 2 'no subcommand.*devices, train.*clade help'
fails 2 'unknown subcommand nonsense; the subcommands are devices' nonsense
fails 2 'unknown option --nonsense' --nonsense
fails 2 'unknown subcommand nonsense' help nonsense

for sub in devices train eval predict summary explain profile bench selftest gradcheck; do
    fails 2 "^clade $sub: unknown option --nonsense; the options are .*--help; see .clade $sub --help.\$" $sub --nonsense
    works $sub --help
    shows "^Usage: clade $sub"
    works help $sub
    shows "^Usage: clade $sub"
done
works help
shows '^  train ' 'Exit status'
works --version
shows '^clade [0-9]+\.[0-9]+\.[0-9]+$'

fails 2 'one word too many: x' devices mlp x
fails 2 'wants MODEL' train
fails 2 'wants --data' train lenet
fails 2 'unknown model "nope"; the models are .*mlp.*lenet' train nope --data digits
fails 2 '--epochs wants a whole number of at least 1, not "0"' train lenet --data digits --epochs 0
fails 2 '--epochs wants a whole number' train lenet --data digits --epochs 99999999999999999999
fails 2 '--epochs wants a value \(N\)' train lenet --data digits --epochs
fails 2 '--rate wants a number' train lenet --data digits --rate fast
fails 2 '--rate wants a number' train lenet --data digits --rate=nan
fails 2 '--momentum wants a number of at least 0' train lenet --data digits --momentum -1
fails 2 '--seed wants a whole number' train lenet --data digits --seed -1
fails 2 '--memory wants a number of bytes as 4096, 512M or 1.5G, not "3Q"' train lenet --data digits --memory 3Q
fails 2 '--optimizer wants one of sgd' train lenet --data digits --optimizer best
fails 2 '--json takes no value' devices --json=yes
fails 2 'wants --data' eval run
fails 2 'wants FILE' predict run
fails 2 'unknown model "nope"' summary nope
fails 2 '--input wants C,H,W' summary mlp --input 3x3
fails 2 'unknown model' explain nope
fails 2 'unknown pass "nope"; the parts are graph,' explain mlp --pass nope
fails 2 'unknown model' profile nope
fails 2 'gemm wants M N K' bench gemm 1 2
fails 2 '"x" is not a size' bench gemm 1 2 x
fails 2 'conv wants N C H W' bench conv 1
fails 2 'unknown work "nope"; it is gemm' bench nope
fails 2 'unknown model' bench train nope
fails 2 'unknown operator "nope"; the operators are .*add,' selftest nope
fails 2 'neither an operator nor a model; the models are .*; the operators .*add,' gradcheck nope
