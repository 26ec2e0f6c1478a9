# shellcheck shell=sh
# What the tests of tuning share: a small product, whose default kernel is spoiled in four ways. CLBlast stays out: it takes
# long to compile and its kernels are not ours to spoil.
export CLADE_CLBLAST_LIBRARY=none
work="gemm 40 30 20"
export XDG_CACHE_HOME="$PWD/cache"

# fresh: nothing is known of any kernel; the compiled ones stay.
fresh() {
    rm -rf "$XDG_CACHE_HOME/clade/tune"
    unset CLADE_KERNELS || true
}

# choose: sets `chosen` to what an ordinary run uses; standard error is in err.txt.
choose() {
    # shellcheck disable=SC2086
    "$CLADE" bench $work --steps 1 --json > out.txt 2> err.txt || die "bench: exit $?: $(cat err.txt)"
    chosen=$(value implementation)
}

# silent WHAT: the last ordinary run had nothing to say.
silent() {
    [ ! -s err.txt ] || die "$1: standard error: $(cat err.txt)"
}

# told WHAT PATTERN: it said one line, which names the default and the reason (a driver may add words of its own).
told() {
    [ "$(grep -c '^clade: ' err.txt)" -eq 1 ] || die "$1: not one line of Clade's: $(cat err.txt)"
    grep -q "$default of matmul .*$2.* not used" err.txt || die "$1: said \"$(cat err.txt)\""
}

# named PATTERN: `clade devices` names the default as quarantined, with the reason PATTERN.
named() {
    works devices
    shows '^quarantined: ' "$default of matmul on " "$file: .*$1" '\.known$'
    works devices --json
    is_json quarantined reason clear file
    shows "\"candidate\":\"$default\"" "\"reason\":\"$file: .*$1"
}

# spoil NAME STATEMENT: a folder of kernels in which those of $file begin with STATEMENT.
spoil() {
    mkdir "$1"
    cp "$CLADE_SOURCE"/kernels/* "$1/"
    awk -v statement="$2" '
        { print }
        /^(__)?kernel / { inside = 1 }
        inside && /\{[ \t]*$/ { print statement; inside = 0 }' "$CLADE_SOURCE/kernels/$file" > "$1/$file"
}

# The default, and the file of its kernels.
fresh
choose
default=$chosen
case $default in
packed) file=gemm_packed.cl ;;
tiled) file=gemm_tiled.cl ;;
*) exit 77 ;;
esac
