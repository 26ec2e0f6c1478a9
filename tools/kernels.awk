# Which kernels use what of the kernel files, all of which are given: for each function, macro and kernel a line
#     FILE <tab> FIRST LINE <tab> LAST LINE <tab> FILE:KERNEL,FILE:KERNEL,...
# and for each file one with lines 0 to 0 and the .cl files that it is part of. What is used is what is named: by a
# function, by a macro in its name, by a name that a macro pastes together from its beginning (NAME##...).

function start(line) {
    count++
    file[count] = current
    first[count] = line
    head = ""
    named = 0
    depth = 0
}

# Adds the words of a line to those of the definition that is open.
function use(text,    word, after) {
    gsub(/\/\*[^*]*\*\/|\/\/.*/, " ", text)
    while (match(text, /[A-Za-z_][A-Za-z_0-9]*/)) {
        word = substr(text, RSTART, RLENGTH)
        after = substr(text, RSTART + RLENGTH)
        text = after
        if (after ~ /^ *##/) word = word "*"
        words[count] = words[count] " " word
    }
}

# The name of the definition that is open, once the text up to its parameters or its end is known.
function find_name(text) {
    head = head " " text
    gsub(/__attribute__ *\(\([a-z_]+(\([^()]*\))?\)\)/, "", head)
    if (head ~ /__kernel/) is_kernel[count] = 1
    if (match(head, /^ *[A-Z_0-9]+\([A-Za-z_0-9]+[,)]/)) { # a macro that defines the function of that name
        text = substr(head, RSTART, RLENGTH)
        sub(/^ *[A-Z_0-9]+\(/, "", text)
        sub(/[,)]$/, "", text)
    } else if (match(head, /[A-Za-z_][A-Za-z_0-9]* *[(\[=;]/)) {
        text = substr(head, RSTART, RLENGTH)
        sub(/ *[(\[=;]$/, "", text)
    } else {
        return
    }
    named = 1
    name[count] = text
}

function braces(text,    opened) {
    gsub(/\/\*[^*]*\*\/|\/\/.*/, "", text)
    opened = gsub(/{/, "", text)
    return opened - gsub(/}/, "", text)
}

FNR == 1 {
    current = FILENAME
    sub(/.*\//, "", current)
    files[++file_count] = current
    open = comment = macro = 0
}

comment { if (/\*\//) comment = 0; next }

macro {
    use($0)
    last[count] = FNR
    macro = /\\$/
    next
}

/^ *# *include *"/ {
    included = $0
    sub(/^[^"]*"/, "", included)
    sub(/".*/, "", included)
    includes[current] = includes[current] " " included
    next
}

# A macro within a function is a definition of its own, and part of the function.
/^ *# *define / {
    outer = open ? count : 0
    if (outer) { use($0); next }
    start(FNR)
    name[count] = $0
    sub(/^ *# *define +/, "", name[count])
    sub(/[^A-Za-z_0-9].*/, "", name[count])
    use($0)
    last[count] = FNR
    macro = /\\$/
    next
}

!open && (/^ *#/ || /^ *$/) { next }
!open && /^ *\/\*/ { if (!/\*\//) comment = 1; next }
!open && /^ *\/\// { next }
!open { start(FNR); open = 1 }

open {
    use($0)
    last[count] = FNR
    if (/^ *#/) next
    if (!named) find_name($0)
    depth += braces($0)
    if (/^}/ || (depth <= 0 && (/[;}] *$/ || /^[A-Z_0-9]+\(.*\)$/))) open = 0
}

# Marks the files that FILE is made of.
function gather(from,    parts, n, i) {
    if (from in part) return
    part[from] = 1
    n = split(includes[from], parts, " ")
    for (i = 1; i <= n; i++) gather(parts[i])
}

# Marks definition D and what it uses, as far as it lies in the marked files.
function reach(d,    list, n, i, other, prefix) {
    if (d in reached) return
    reached[d] = 1
    n = split(words[d], list, " ")
    for (i = 1; i <= n; i++) {
        if (list[i] in asked) continue
        asked[list[i]] = 1
        prefix = list[i]
        if (!sub(/\*$/, "", prefix)) prefix = ""
        for (other = 1; other <= count; other++) {
            if (!(file[other] in part)) continue
            if (prefix == "" ? name[other] == list[i] : index(name[other], prefix) == 1) reach(other)
        }
    }
}

END {
    for (f = 1; f <= file_count; f++) {
        if (files[f] !~ /\.cl$/) continue
        split("", part)
        gather(files[f])
        for (p in part) whole[p] = whole[p] "," files[f]
        for (k = 1; k <= count; k++) {
            if (file[k] != files[f] || !is_kernel[k]) continue
            split("", reached)
            split("", asked)
            reach(k)
            for (d in reached) users[d] = users[d] "," files[f] ":" name[k]
        }
    }
    for (f = 1; f <= file_count; f++)
        if (files[f] in whole) printf "%s\t0\t0\t%s\n", files[f], substr(whole[files[f]], 2)
    for (d = 1; d <= count; d++)
        if (d in users) printf "%s\t%d\t%d\t%s\n", file[d], first[d], last[d], substr(users[d], 2)
}
