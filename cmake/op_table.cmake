# Writes OUTPUT, the table of operators, from the files named in the list INPUTS: each line that begins with
# `const clade_op clade_op_NAME` is a row. Sorted by name, ending with NULL.
cmake_minimum_required(VERSION 3.22)
file(READ ${INPUTS} files)

set(rows "")
foreach(file ${files})
    file(STRINGS ${file} lines REGEX "^const clade_op clade_op_[a-z0-9_]+")
    foreach(line ${lines})
        string(REGEX MATCH "clade_op_[a-z0-9_]+" row "${line}")
        list(APPEND rows ${row})
    endforeach()
endforeach()
list(SORT rows)

set(declarations "")
set(entries "")
foreach(row ${rows})
    string(APPEND declarations "extern const clade_op ${row};\n")
    string(APPEND entries "    &${row},\n")
endforeach()

set(text "/* Written by cmake/op_table.cmake from src/ops/. */\n#include \"ops/op.h\"\n\n${declarations}
const clade_op *const clade_op_table[] = {\n${entries}    0,\n};\n")
file(WRITE ${OUTPUT}.new "${text}")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
