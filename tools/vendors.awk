# The table and the verdict of tools/vendors. First file: lines "target program kernel registers spills local occupancy", or
# "target program failed". Second: "target" before each line of `clade kernels`, separated by tabs.

FNR == 1 { file++; if (file == 2) FS = "\t"; if (file == 2) $0 = $0 }

file == 1 && $3 == "failed" { failed[$1, $2] = 1; next }
file == 1 { registers[$1, $2, $3] = $4; spills[$1, $2, $3] = $5; own[$1, $2, $3] = $6; occupancy[$1, $2, $3] = $7; next }

# Warps of an sm_80 multiprocessor (65,536 registers, 164 KiB of shared memory, 64 warps), as a share of what it can hold.
function nvidia_occupancy(count, bytes, items,    groups, warps) {
    if (count == "-") return "-"
    if (items == 0) items = 256
    warps = int((items + 31) / 32)
    groups = int(65536 / (int((count + 7) / 8) * 8 * 32 * warps))
    if (bytes > 0 && int(164 * 1024 / (bytes + 1024)) < groups) groups = int(164 * 1024 / (bytes + 1024))
    if (groups * warps > 64) groups = int(64 / warps)
    return groups * warps
}

{
    target = $1; program = $2; title = $3; kernel = $4; op = $5; form = $6 "/" $7; options = $10
    ops[op] = 1
    if (program == "-") { bad[target, op, form] = 1; seen_form[target, op, form] = 1; next }
    place = program; name = kernel
    if (title == "fused" && ((target, "merged", kernel "_" program) in registers || (target, "merged") in failed)) {
        place = "merged"; name = kernel "_" program
    }
    seen_form[target, op, form] = 1
    gsub(/-D/, "", options)
    row = title == "fused" ? "generated kernels" : title ":" kernel " " options
    if (!(row in shown)) { shown[row] = ++rows; order[rows] = row }
    if ((target, place) in failed || !((target, place, name) in registers)) {
        bad[target, op, form] = 1
        cell[target, row] = "does not compile"
        next
    }
    lost = spills[target, place, name]
    if (lost > 0) bad[target, op, form] = 1
    bytes = own[target, place, name] == "-" ? "-" : own[target, place, name] + $9
    held = target ~ /^sm_/ ? nvidia_occupancy(registers[target, place, name], bytes, $8) : occupancy[target, place, name]
    # Of generated kernels the one with most registers is shown.
    text = registers[target, place, name] == "-" ? (lost > 0 ? "spills " lost : "good") : \
        registers[target, place, name] " " lost " " bytes " " held
    if (!((target, row) in cell) || registers[target, place, name] + 0 > most[target, row] || lost > 0) {
        cell[target, row] = text
        most[target, row] = registers[target, place, name] + 0
    }
}

END {
    count = split(targets, names, " ")
    print "Each target: registers of a work-item, spills, bytes of local memory, occupancy (waves of a SIMD, warps of a multiprocessor)."
    for (r = 1; r <= rows; r++) {
        line = order[r] "\n   "
        for (t = 1; t <= count; t++)
            line = line sprintf(" %s: %-18s", names[t], (names[t], order[r]) in cell ? cell[names[t], order[r]] : "-")
        sub(/ +$/, "", line)
        print line
    }
    for (key in seen_form) {
        split(key, part, SUBSEP)
        if (!(key in bad)) good[part[1], part[2]] = part[3]
    }
    for (op in ops)
        for (t = 1; t <= count; t++) {
            checked++
            if ((names[t], op) in good) continue
            print "NO FORM: " op " on " names[t]
            missing++
        }
    printf "%d operators on %d targets: %d without a form that compiles there without spills\n", checked / count, count, missing
    exit missing > 0
}
