# Lists the mutants of kernel files: for each place where a small change makes sense, a line
#     FILE <tab> LINE <tab> KIND <tab> MUTATED LINE
# Comments, conditions of the preprocessor, includes and declarations of arrays are left alone.

function mutant(kind, text) {
    printf "%s\t%d\t%s\t%s%s\n", name, FNR, kind, text, comment
}

# Replaces FROM by TO at each place of CODE in turn.
function swap(kind, from, to,    at, rest) {
    at = 1
    while ((rest = index(substr(code, at), from)) > 0) {
        at += rest - 1
        mutant(kind, substr(code, 1, at - 1) to substr(code, at + length(from)))
        at += length(from)
    }
}

# Each index, one further and one nearer.
function indices(    at, end, depth, before) {
    for (at = 1; at <= length(code); at++) {
        if (substr(code, at, 1) != "[") continue
        before = substr(code, 1, at - 1)
        if (before ~ /[A-Za-z_0-9][ *]+[A-Za-z_][A-Za-z_0-9]*$/ && before !~ /return +[A-Za-z_0-9]*$/) continue
        depth = 0
        for (end = at; end <= length(code); end++) {
            if (substr(code, end, 1) == "[") depth++
            if (substr(code, end, 1) == "]" && --depth == 0) break
        }
        if (end > length(code)) continue
        mutant("index", substr(code, 1, end - 1) " + 1" substr(code, end))
        mutant("index", substr(code, 1, end - 1) " - 1" substr(code, end))
    }
}

# Each number, made another one.
function constants(    at, found, before, other) {
    if (code ~ /^#define [A-Z_0-9]+ [0-9]+$/) return
    at = 1
    while (match(substr(code, at), /(0x[0-9A-Fa-f]+(p-?[0-9]+)?|[0-9]+\.[0-9]*(e-?[0-9]+)?|[0-9]+)[uf]?/)) {
        at += RSTART - 1
        found = substr(code, at, RLENGTH)
        before = substr(code, at - 1, 1)
        if (at == 1 || before !~ /[A-Za-z_0-9.]/) {
            if (found ~ /^0x.*p/) other = "(2.0f * " found ")"
            else if (found ~ /^0x/) other = "(" found " ^ 1u)"
            else if (found ~ /\./) other = (found + 1) (found + 1 == int(found + 1) ? ".0f" : "f")
            else other = (found + 1) (found ~ /u$/ ? "u" : "")
            mutant("constant", substr(code, 1, at - 1) other substr(code, at + length(found)))
        }
        at += length(found)
    }
}

FNR == 1 {
    name = FILENAME
    sub(/.*\//, "", name)
    inside = 0
}

{
    code = $0
    comment = ""
    if (inside) {
        if (code ~ /\*\//) inside = 0
        next
    }
    if (match(code, /\/[*\/]/)) {
        comment = substr(code, RSTART)
        code = substr(code, 1, RSTART - 1)
        if (comment ~ /^\/\*/ && comment !~ /\*\//) inside = 1
    }
    if (code !~ /[^ ]/ || code ~ /^ *# *(include|if|el|endif|error|undef|pragma)/) next
    if (code ~ /^ *(__local +)?(float|u?int|lanes|row)[0-9]* [^=(]*\[[^=(]*; *$/) next
    swap("sign", " + ", " - ")
    swap("sign", " - ", " + ")
    swap("sign", " += ", " -= ")
    swap("sign", " -= ", " += ")
    swap("factor", " * ", " + ")
    swap("factor", " / ", " * ")
    swap("bound", " < ", " <= ")
    swap("bound", " <= ", " < ")
    swap("bound", " > ", " >= ")
    swap("bound", " >= ", " > ")
    swap("comparison", " == ", " != ")
    swap("comparison", " < ", " > ")
    swap("comparison", " >= ", " < ")
    swap("comparison", " && ", " || ")
    swap("comparison", " || ", " && ")
    if (code ~ /barrier\(.*\);/) {
        changed = code
        sub(/barrier\(.*\);/, ";", changed)
        mutant("barrier", changed)
    }
    indices()
    constants()
}
