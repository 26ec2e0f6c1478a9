# shellcheck shell=sh
# What the scripts here check with. CLADE is the built command; a script runs in a folder of its own and starts afresh.
set -eu
: "${CLADE:?is the path of the command under test}"
unset CLADE_DEVICE CLADE_KERNELS CLADE_FORCE CLADE_TRACE CLADE_TUNE_DB || true
rm -rf ./*

die() {
    echo "FAILED: $*" >&2
    exit 1
}

# fails STATUS PATTERN WORD...: `clade WORD...` exits with STATUS, and writes one line on standard error, which matches
# PATTERN, and nothing on standard output.
fails() {
    status=$1
    pattern=$2
    shift 2
    got=0
    "$CLADE" "$@" > out.txt 2> err.txt < /dev/null || got=$?
    [ "$got" -eq "$status" ] || die "clade $*: exit $got, not $status: $(cat err.txt)"
    [ "$(wc -l < err.txt)" -eq 1 ] || die "clade $*: not one line on standard error: $(cat err.txt)"
    grep -qE -e "$pattern" err.txt || die "clade $*: \"$(cat err.txt)\" does not match \"$pattern\""
    [ ! -s out.txt ] || die "clade $*: standard output is not empty: $(cat out.txt)"
}

# works WORD...: `clade WORD...` exits with 0; its standard output is in out.txt, and standard error is empty.
works() {
    "$CLADE" "$@" > out.txt 2> err.txt < /dev/null || die "clade $*: exit $?: $(cat err.txt)"
    [ ! -s err.txt ] || die "clade $*: standard error is not empty: $(cat err.txt)"
}

# shows PATTERN...: out.txt holds each.
shows() {
    for pattern in "$@"; do
        grep -qE -e "$pattern" out.txt || die "no \"$pattern\" in: $(cat out.txt)"
    done
}

# is_json KEY...: out.txt is one line, an object, with each key.
is_json() {
    [ "$(wc -l < out.txt)" -eq 1 ] || die "not one line: $(cat out.txt)"
    grep -qE '^\{.*\}$' out.txt || die "not an object: $(cat out.txt)"
    for key in "$@"; do
        grep -qF "\"$key\":" out.txt || die "no key $key in: $(cat out.txt)"
    done
}

# value KEY: the number or text of KEY in out.txt.
value() {
    sed -E "s/.*\"$1\":\"?([^,\"}]*).*/\1/" out.txt
}

# at_least A B: A >= B as decimal numbers.
at_least() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }' || die "$1 is below $2"
}

# near A B SHARE: A is B but for SHARE of it.
near() {
    awk -v a="$1" -v b="$2" -v share="$3" 'BEGIN { d = a - b; exit !(d * d <= share * share * b * b) }' ||
        die "$1 is not near $2"
}
