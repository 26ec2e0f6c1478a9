#!/bin/sh
# Networks of files from the command line: trained with a new head, from weights of other files, gone on with, used and
# given back; a table whose columns and classes say how large a network is. With CLADE_SHARED an ONNX model of CIFAR-10 on
# few pictures of other classes too: better than from scratch.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
data=digits:640,100

# An ONNX file is trained as the model it was written from, and the folder needs nothing else.
works train mlp --data $data --epochs 2 --out taught --quiet
works convert taught taught.onnx
works eval taught --data $data --json
accuracy=$(value accuracy)
works eval taught.onnx --data $data --json
[ "$(value accuracy)" = "$accuracy" ] || die "the file says $(value accuracy), the run $accuracy"
mkdir elsewhere
cp taught.onnx elsewhere/net.onnx
works train elsewhere/net.onnx --data $data --epochs 1 --rate 0.01 --out more --json
is_json model val_accuracy
[ "$(value model)" = net ] || die "model: $(cat out.txt)"
accuracy=$(value val_accuracy)
works train elsewhere/net.onnx --data $data --epochs 1 --rate 0.01 --out more --json --resume
rm -r elsewhere
works eval more --data $data --json
[ "$(value accuracy)" = "$accuracy" ] || die "eval says $(value accuracy), train said $accuracy"
works convert more more.onnx
works predict more.onnx 0 1 --data $data --top 2
shows '^digits test 0 \(labelled [0-9]\): [0-9] \([0-9.e-]+\), [0-9] '
(printf 'P5\n28 28\n255\n'; head -c 784 /dev/zero) > blank.pgm
seq -f 'digit-%.0f' 10 19 > names.txt
works predict more.onnx blank.pgm --classes names.txt --json
shows '"name":"digit-1[0-9]"'
works predict more.onnx blank.pgm --scale 255 --mean 33 --std 78
echo one > one.txt
fails 1 'one.txt: has 1 names' predict more.onnx blank.pgm --classes one.txt
fails 2 'std wants' predict more.onnx blank.pgm --std 1,x
fails 2 'mean wants' eval more.onnx --data $data --mean 1,2,3,4,5
fails 1 'one for each of its 1 channels' eval more.onnx --data $data --mean 1,2
fails 1 'other than 0' eval more.onnx --data $data --std 0
fails 1 'are of an ONNX file' eval more --data $data --std 2

# A new head: other classes, and which arrays were taken.
works train lenet5 --data $data --epochs 1 --out lenet5 --quiet
works convert lenet5 lenet5.safetensors
fails 1 'its images are' train mlp --data points:moons,60,20 --replace-head --out wrong
works train lenet5 --data $data --epochs 1 --from lenet5.safetensors --replace-head --out tuned
shows '^lenet5.safetensors: 8 arrays taken$' '^of other sizes, or of the new head: fc3.weight, fc3.bias$' \
    '^the new head: fc3.weight, fc3.bias$'
works train lenet5 --data $data --epochs 1 --from lenet5 --replace-head --rest 0 --out frozen --json
shows '"from":\{"path":"lenet5","taken":8,"unused":\[\],"different":\["fc3.weight","fc3.bias"\],"missing":\[\]'
[ "$(value parameters)" = 850 ] || die "trained $(value parameters) elements, not the head's 850"
works eval frozen --data $data --json
works convert frozen frozen.onnx
fails 1 'none of its 4 arrays' train lenet5 --data $data --from taught.onnx --out wrong
fails 1 'nowhere' train lenet5 --data $data --from nowhere --out wrong
fails 2 'rest wants --replace-head' train lenet5 --data $data --rest 0 --out wrong
fails 2 'exclude' train taught.onnx --data $data --fresh --from lenet5 --out wrong
fails 2 'unknown model' train lenet-6 --data $data
fails 1 'blank.onnx' train blank.onnx --data $data
head -c 1000 taught.onnx > cut.onnx
fails 1 'cut.onnx: not an ONNX' train cut.onnx --data $data
rm more/network.onnx
fails 1 'more/network.onnx' eval more --data $data

# The same on two halves of the device, where it has two, as on the whole.
works train taught.onnx --data $data --replace-head --rest 0 --epochs 2 --rate 0.05 --out whole --json
loss=$(value val_loss)
if "$CLADE" train taught.onnx --data $data --replace-head --rest 0 --epochs 2 --rate 0.05 --device 0/2 --out halves \
    --json > out.txt 2> err.txt; then
    near "$(value val_loss)" "$loss" 1e-4
    works predict halves 0 --data $data
else
    grep -qE 'cannot be cut into|parts' err.txt || die "$(cat err.txt)"
fi

# A table: mixed columns, of which the last is the class; and numbers to be foretold.
awk 'BEGIN { print "income,job,debts,limit,approved"
             for (i = 0; i < 200; i++) {
                 income = (i * 37) % 100; debts = (i * 53) % 60; job = i % 3 == 0 ? "own" : i % 3 == 1 ? "paid" : "none"
                 limit = income - debts + (job == "paid" ? 20 : 0)
                 print income "," job "," debts "," limit / 10 "," (limit > 10 ? "yes" : "no") } }' > applicants.csv
works train table-mlp --data csv:applicants.csv,target=approved,skip=limit --out table --json
at_least "$(value val_accuracy)" 0.9
works predict table 3 --data csv:applicants.csv,target=approved,skip=limit
shows '^csv test 3 \(labelled (yes|no)\): (yes|no) '
works train table-linear --data csv:applicants.csv,number=limit,skip=approved --epochs 100 --out line
shows 'test loss [0-9.]+$'
works eval line --data csv:applicants.csv,number=limit,skip=approved --json
at_least 0.01 "$(value loss)"
works predict line 0 1 --data csv:applicants.csv,number=limit,skip=approved --json
shows '"numbers":\[-?[0-9.]+'
fails 1 'its images are' eval table --data csv:applicants.csv,target=approved
works convert table table.onnx
works eval table.onnx --data csv:applicants.csv,target=approved,skip=limit
tr "\n" " " < table.onnx | grep -aq "no yes" || die "table.onnx lacks the names of its classes"

shared=${CLADE_SHARED:-}
models=$shared/onnx/models.tar.zst
scenes=$shared/data/scene15-gray96.tar.zst
if [ -z "$shared" ] || [ ! -f "$models" ] || [ ! -f "$scenes" ] || ! command -v zstd > /dev/null; then
    exit 0
fi
zstd -dcq "$models" | tar -xf - --wildcards '*vnn_cifar10_medium/model.onnx'
zstd -dcq "$scenes" | tar -xf -
network=$(find . -name model.onnx | head -1)
pictures=$(dirname "$(find . -type d -name train | head -1)")
# Ten pictures of each of the 15 scenes to learn from, ten others to be asked.
for class in "$pictures"/train/*; do
    for part in train test; do
        mkdir -p "few/$part/$(basename "$class")"
        find "$pictures/$part/$(basename "$class")" -name '*.jpg' | LC_ALL=C sort | head -10 |
            while read -r picture; do cp "$picture" "few/$part/$(basename "$class")/"; done
    done
done
works train "$network" --data images:few --replace-head --rest 0 --epochs 60 --held-out 0 --out scenes --json
tuned=$(value val_accuracy)
works train "$network" --data images:few --replace-head --fresh --rest 1 --epochs 60 --held-out 0 --out scratch --json
at_least "$tuned" "$(awk -v a="$(value val_accuracy)" 'BEGIN { print a + 0.02 }')"
works predict scenes "$(find few/test/coast -name '*.jpg' | head -1)" --top 3
shows '.jpg: [a-z]+ \([0-9.]+\), [a-z]+ '
