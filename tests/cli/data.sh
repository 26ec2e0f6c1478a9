#!/bin/sh
# Data from the user's own files: a folder of pictures, a table of numbers and words, CIFAR's binary files; augmentation that
# is the same for the same seed; names of classes from training to prediction; and files that are malformed.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

# Grey PNG files of one pixel, which is black or white.
dark() {
    printf '\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\000\001\000\000\000\001'
    printf '\010\000\000\000\000\072\176\233\125\000\000\000\012\111\104\101\124\170\234\143\140\000\000\000'
    printf '\002\000\001\110\257\244\161\000\000\000\000\111\105\116\104\256\102\140\202'
}
light() {
    printf '\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\000\001\000\000\000\001'
    printf '\010\000\000\000\000\072\176\233\125\000\000\000\012\111\104\101\124\170\234\143\370\017\000\001'
    printf '\001\001\000\261\070\366\024\000\000\000\000\111\105\116\104\256\102\140\202'
}

mkdir -p pictures/night pictures/noon
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    dark > "pictures/night/$i.png"
    light > "pictures/noon/$i.png"
done

works train lenet --data images:pictures --epochs 4 --batch 8 --seed 3 --json --out run
is_json model epochs val_accuracy weights_sha256 data_waiting
at_least "$(value val_accuracy)" 0.99
sum=$(value weights_sha256)
works eval run --data images:pictures --json
at_least "$(value accuracy)" 0.99
works predict run pictures/noon/3.png pictures/night/4.png 0 --data images:pictures
shows '^pictures/noon/3.png: noon \(' '^pictures/night/4.png: night \(' '^images test 0 \(labelled night\): night \('
works predict run pictures/noon/3.png --top 2 --json
grep -qF '"name":"noon"' out.txt || die "no name of a class: $(cat out.txt)"

# Augmented: other weights than without, the same for the same seed.
works train lenet --data images:pictures,flip,crop=3 --epochs 4 --batch 8 --seed 3 --json --out augmented
[ "$(value weights_sha256)" != "$sum" ] || die "augmentation changed nothing"
sum=$(value weights_sha256)
works train lenet --data images:pictures,flip,crop=3 --epochs 4 --batch 8 --seed 3 --json --out again
[ "$(value weights_sha256)" = "$sum" ] || die "the same augmentation, other bits"
fails 1 'augmentation' train lenet --data images:pictures,flip --epochs 4 --batch 8 --seed 3 --out again --resume

# A table whose rows are points.
awk 'BEGIN { print "x,y,side"; for (i = 0; i < 200; i++) print (i % 7) - 3 "," (i % 11) - 5 "," ((i % 7) > 3 ? "right" : "left") }' > points.csv
works train mlp-points --data csv:points.csv --epochs 10 --seed 1 --json --out table
at_least "$(value val_accuracy)" 0.95
works predict table 0 --data csv:points.csv
shows '^csv test 0 \(labelled right\): right '

# Binary files of CIFAR: 20 dark records of class 0 and 20 light ones of class 1.
mkdir cifar
record() {
    # shellcheck disable=SC2059
    printf "\\$1"
    head -c 3072 /dev/zero | tr '\000' "\\$2"
}
for i in 1 2 3 4 5 6 7 8 9 10; do
    record 000 020
    record 001 360
done > cifar/data_batch_1.bin
cp cifar/data_batch_1.bin cifar/test_batch.bin
works train resnet20 --data cifar10:cifar,flip,crop=4 --epochs 1 --batch 10 --json --out small
is_json model epochs val_accuracy

# Malformed.
fails 1 'images needs to be told' train lenet --data images --out none
fails 1 'nowhere' train lenet --data images:nowhere --out none
fails 1 "'zoom' is not understood" train lenet --data images:pictures,zoom --out none
dark | head -c 40 > pictures/noon/21.png
fails 1 'noon/21.png: a damaged PNG' train lenet --data images:pictures --epochs 1 --out none
rm pictures/noon/21.png
light | head -c 40 > cut.png
fails 1 'cut.png: a damaged PNG' predict run cut.png
printf 'x,y,side\n1,2,left\n1,,left\n' > gap.csv
fails 1 "gap.csv: line 3, column 'y': no value" train mlp-points --data csv:gap.csv --out none
head -c 5000 /dev/zero > cifar/data_batch_2.bin
fails 1 'data_batch_2.bin: 5000 bytes, no whole number' train resnet20 --data cifar10:cifar --out none
