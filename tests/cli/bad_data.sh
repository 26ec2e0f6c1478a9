#!/bin/sh
# Data that is missing, malformed, or not what the model takes: one line each, naming the file.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

# number N: N as four bytes, most significant first.
number() {
    # shellcheck disable=SC2059
    printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"
}
# zeros N: N bytes.
zeros() { head -c "$1" /dev/zero; }
# images COUNT HEIGHT WIDTH, labels COUNT: whole IDX files of zeros.
images() { number 2051; number "$1"; number "$2"; number "$3"; zeros $(($1 * $2 * $3)); }
labels() { number 2049; number "$1"; zeros "$1"; }

# A good set in DIR, of COUNT images of HEIGHT x WIDTH.
good() {
    mkdir -p "$1"
    images "$2" "$3" "$4" > "$1/train-images-idx3-ubyte"
    labels "$2" > "$1/train-labels-idx1-ubyte"
    images 10 "$3" "$4" > "$1/t10k-images-idx3-ubyte"
    labels 10 > "$1/t10k-labels-idx1-ubyte"
}
refused() { fails 1 "$1" train mlp --data "mnist:$2" --epochs 1 --out run; [ ! -e run ] || rm -r run; }

fails 1 'nowhere' train mlp --data mnist:nowhere --out run
for spec in nonsense mnist mnist: digits:x digits:0,10; do
    fails 1 'data set|digits|mnist' train mlp --data $spec --out run
done

good magic 100 28 28
(number 2052; zeros 100000) > magic/train-images-idx3-ubyte
refused 'train-images-idx3-ubyte' magic

good short 100 28 28
images 100 28 28 | head -c 5000 > short/train-images-idx3-ubyte
refused 'train-images-idx3-ubyte' short

good header 100 28 28
number 2051 > header/train-images-idx3-ubyte
refused 'train-images-idx3-ubyte' header

good lying 100 28 28
(number 2051; number 2000000000; number 28; number 28; zeros 78400) > lying/train-images-idx3-ubyte
refused 'train-images-idx3-ubyte' lying

good long 100 28 28
(images 100 28 28; zeros 7) > long/train-images-idx3-ubyte
refused 'train-images-idx3-ubyte' long

good counts 100 28 28
labels 99 > counts/train-labels-idx1-ubyte
refused 'counts|99' counts

good range 100 28 28
(number 2049; number 100; zeros 99; printf '\012') > range/train-labels-idx1-ubyte
refused 'label' range

good gzip 100 28 28
rm gzip/train-images-idx3-ubyte
images 100 28 28 | gzip -c | head -c 60 > gzip/train-images-idx3-ubyte.gz
refused 'train-images-idx3-ubyte.gz' gzip
zeros 500 > gzip/train-images-idx3-ubyte.gz
refused 'train-images-idx3-ubyte.gz' gzip

good size 100 16 16
refused '16x16.*28x28|28x28.*16x16' size
