#!/bin/sh
# Tuning: once, known afterwards, again when asked; the database is used, exported, and mended when damaged.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"
. "$CLADE_SOURCE/tests/cli/support/kernels.sh"

fresh
# shellcheck disable=SC2086
{
    works tune $work --json
    is_json sites chosen candidates tuned
    [ "$(value tuned)" -eq 1 ] || die "tuned: $(cat out.txt)"
    best=$(value chosen)
    works tune $work --json
    [ "$(value tuned) $(value known)" = "0 1" ] || die "tuned twice: $(cat out.txt)"
    works tune $work --retune
    shows 'chosen' '^1 tuned, 0 measured before, 0 candidates out'
}
choose
silent "tuned"
[ "$chosen" = "${best%%/*}" ] || die "tuned for $best, but $chosen is used"
works tune --export
shows '^    \{ "matmul .*", "'
works devices
! grep -q '^quarantined' out.txt || die "quarantined: $(cat out.txt)"
fails 2 'gemm wants M N K' tune gemm 1 2
fails 2 'unknown model' tune no-such-model
fails 2 'wants MODEL' tune

# A database whose end is torn off is written anew, with one line said.
database=$(find "$XDG_CACHE_HOME" -name '*.choices')
head -c "$(($(wc -c < "$database") - 10))" "$database" > torn
cat torn > "$database"
choose
grep -q 'was damaged: written anew' err.txt || die "damaged: $(cat err.txt)"
choose
silent "mended"
