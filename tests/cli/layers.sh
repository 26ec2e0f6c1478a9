#!/bin/sh
# docs/layers.md has every row of the operator table and every function of the operators' headers, and in its tables of
# operators no name that is neither. What it says of the decks' numbers is what `clade summary` prints.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
page=$CLADE_SOURCE/docs/layers.md

works selftest --list
sort -u out.txt > rows.txt
[ "$(wc -l < rows.txt)" -gt 100 ] || die "selftest --list: $(wc -l < rows.txt) rows"
cat "$CLADE_SOURCE"/include/clade/ops/*.h |
    sed -nE 's/^CLADE_API [a-z_]+ \*?clade_([a-z0-9_]+)\(.*/\1/p' | sed 's/_with$//' | sort -u > functions.txt
[ "$(wc -l < functions.txt)" -gt 100 ] || die "the headers declare $(wc -l < functions.txt) functions"

# Words in backquotes: everywhere, and in the first cells of the tables before the initialisers.
grep -oE '`[a-z0-9_]+`' "$page" | tr -d '`' | sort -u > named.txt
sed '/^## Initialisers/,$d' "$page" | sed -nE 's/^\| (`[^|]*)\|.*/\1/p' | grep -v '`clade \|tests/' |
    sed 's/([^)]*)//g' | grep -oE '`[a-z0-9_]+`' | tr -d '`' | sort -u > listed.txt

cat rows.txt functions.txt | sort -u > known.txt
missing=$(comm -23 known.txt named.txt | tr '\n' ' ')
[ -z "$missing" ] || die "not in docs/layers.md: $missing"
unknown=$(comm -13 known.txt listed.txt | tr '\n' ' ')
[ -z "$unknown" ] || die "in docs/layers.md, but neither row nor function: $unknown"

# Weights, cost and receptive field of convolutions (decks 001 to 003), and the layer sizes that deck 004 prints, of
# which conv2 to fc8 are 186,624 - 64,896 - 64,896 - 43,264 - 4,096 - 4,096 - 1,000 and conv1 is 290,400.
works summary alexnet
shows '^conv1 +conv2d +1x96x55x55 +34,944 +105,415,200 +11x11 ' '^pool1 .* 19x19 ' '^conv5 .* 163x163 '
shows '^conv2 .* 1x256x27x27 ' '^conv3 .* 1x384x13x13 ' '^conv4 .* 1x384x13x13 ' '^conv5 .* 1x256x13x13 '
shows '^pool5 .* 1x256x6x6 ' '^fc6 .* 1x4096 ' '^fc7 .* 1x4096 ' '^fc8 .* 1x1000 '
