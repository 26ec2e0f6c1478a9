# Writes OUTPUT, a C file that holds every file named in the list INPUTS as an array of bytes ending in zero (a string
# literal would be over the length that ISO C promises), with the table clade_embedded_kernels.
cmake_minimum_required(VERSION 3.22)
file(READ ${INPUTS} files)

set(arrays "")
set(rows "")
foreach(file ${files})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} identifier)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const unsigned char ${identifier}[] = {\n${bytes}\n0 };\n\n")
    string(APPEND rows "    { \"${name}\", (const char *)${identifier} },\n")
endforeach()

file(WRITE ${OUTPUT} "/* Written by cmake/embed_kernels.cmake from kernels/. */\n#include \"device/embedded.h\"\n\n\
${arrays}const clade_embedded_kernel clade_embedded_kernels[] = {\n${rows}    { 0, 0 },\n};\n")
