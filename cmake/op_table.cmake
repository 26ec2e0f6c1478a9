# Writes OUTPUT, the table of operators, from the files named in the list INPUTS: each line that begins with
# `const clade_op clade_op_NAME` is a row. Sorted by name, ending with NULL. Beside it stands a hash of all the files.
cmake_minimum_required(VERSION 3.22)
file(READ ${INPUTS} files)

set(rows "")
set(hashes "")
foreach(file ${files})
    file(SHA256 ${file} hash)
    string(APPEND hashes ${hash})
    file(STRINGS ${file} lines REGEX "^const clade_op clade_op_[a-z0-9_]+")
    foreach(line ${lines})
        string(REGEX MATCH "clade_op_[a-z0-9_]+" row "${line}")
        list(APPEND rows ${row})
    endforeach()
endforeach()
list(SORT rows)

string(SHA256 code "${hashes}")
string(SUBSTRING ${code} 0 16 code)

set(declarations "")
set(entries "")
foreach(row ${rows})
    string(APPEND declarations "extern const clade_op ${row};\n")
    string(APPEND entries "    &${row},\n")
endforeach()

set(text "/* Written by cmake/op_table.cmake from src/ops/. */\n#include \"ops/op.h\"\n\n${declarations}
const clade_op *const clade_op_table[] = {\n${entries}    0,\n};\n
const uint64_t clade_op_code = UINT64_C(0x${code});\n")
file(WRITE ${OUTPUT}.new "${text}")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
