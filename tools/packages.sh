# shellcheck shell=sh
# What Clade needs from the system, in one list for tools/quickstart, tools/check and tools/vendors (which source this file).
#
# A row: who needs it (build, check or vendors), how to see that it is there, and its package in Debian and Ubuntu, Fedora, Arch.
#   command:NAME   a program on the PATH        library:FILE   a shared library the loader knows
#   file:PATH      a file
#   header:FILE    a C header                   icd:           any OpenCL driver
#   fuzzer:        clang links libFuzzer        package:NAME   a package that pkg-config knows
needs='
build command:gcc                gcc               gcc                   gcc
build header:stdio.h             libc6-dev         glibc-devel           glibc
build command:cmake              cmake             cmake                 cmake
build command:ninja              ninja-build       ninja-build           ninja
build command:pkg-config         pkg-config        pkgconf-pkg-config    pkgconf
build header:CL/cl.h             opencl-headers    opencl-headers        opencl-headers
build library:libOpenCL.so.1     ocl-icd-libopencl1 ocl-icd              ocl-icd
build icd:                       pocl-opencl-icd   pocl                  pocl
build header:clblast_c.h         libclblast-dev    clblast-devel         clblast
build header:cmocka.h            libcmocka-dev     libcmocka-devel       cmocka
build header:zlib.h              zlib1g-dev        zlib-devel            zlib
build header:cjson/cJSON.h       libcjson-dev      cjson-devel           cjson
build header:sha256.h            libmd-dev         libmd-devel           libmd
build header:jpeglib.h           libjpeg-dev       libjpeg-turbo-devel libjpeg-turbo
build header:png.h               libpng-dev        libpng-devel          libpng
build header:protobuf-c/protobuf-c.h libprotobuf-c-dev protobuf-c-devel protobuf-c
build command:protoc-c           protobuf-c-compiler protobuf-c-compiler protobuf-c
build file:/usr/include/onnx/onnx.proto libonnx-dev onnx-devel         onnx
check command:clang              clang             clang                 clang
check fuzzer:                    libclang-rt-dev   compiler-rt           compiler-rt
check command:clang-format-14    clang-format-14   clang-tools-extra     clang
check package:ompi-c             libopenmpi-dev    openmpi-devel         openmpi
check command:mpirun             openmpi-bin       openmpi               openmpi
vendors command:clang-15         clang-15          clang                 clang
vendors command:llvm-spirv-15    llvm-spirv-15     spirv-llvm-translator spirv-llvm-translator
vendors command:spirv-val        spirv-tools       spirv-tools           spirv-tools
vendors file:/usr/lib/clc/nvptx64--nvidiacl.bc libclc-15 libclc          libclc
vendors file:/usr/lib/x86_64-linux-gnu/amdgcn/bitcode/ocml.bc rocm-device-libs rocm-device-libs rocm-device-libs
'

# Whether the thing that PROBE names is present.
present() {
    what=${1#*:}
    case $1 in
    command:*) command -v "$what" > /dev/null ;;
    file:*) [ -f "$what" ] ;;
    header:*) echo "#include <$what>" | cc -x c -E - > /dev/null 2>&1 ;;
    package:*) pkg-config --exists "$what" 2> /dev/null ;;
    library:*) PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q "$what" ;;
    icd:*) [ -n "${OCL_ICD_VENDORS:-}" ] || ls /etc/OpenCL/vendors/*.icd > /dev/null 2>&1 ;;
    fuzzer:*)
        echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d == 0 && n != 0; }' |
            clang -x c -fsanitize=fuzzer,address - -o /dev/null > /dev/null 2>&1
        ;;
    esac
}

# The rows of PURPOSE (build; every other one includes build) whose thing is absent.
absent_rows() {
    echo "$needs" | while read -r purpose probe names; do
        case $purpose in
        build | "$1") present "$probe" || echo "$probe $names" ;;
        esac
    done
}

column() { awk -v n="$1" '{ printf "%s%s", (NR > 1 ? " " : ""), $n }'; }

# Installs what PURPOSE lacks by apt; elsewhere, or without the right to, says what to install.
require_packages() {
    rows=$(absent_rows "$1")
    [ -n "$rows" ] || return 0
    packages=$(echo "$rows" | column 2)
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    if command -v apt-get > /dev/null && { [ -z "$as_root" ] || command -v sudo > /dev/null; }; then
        echo "installing: $packages"
        log=$(mktemp)
        # A list of words, on purpose.
        # shellcheck disable=SC2086
        if $as_root apt-get update -qq < /dev/null > "$log" 2>&1 &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages \
                < /dev/null >> "$log" 2>&1; then
            rm -f "$log"
        else
            tail -n 5 "$log"
            rm -f "$log"
        fi
        rows=$(absent_rows "$1")
        [ -n "$rows" ] || return 0
    fi
    echo "missing:         $(echo "$rows" | column 1)" >&2
    echo "Debian, Ubuntu:  apt-get install $(echo "$rows" | column 2)" >&2
    echo "Fedora:          dnf install $(echo "$rows" | column 3)" >&2
    echo "Arch:            pacman -S $(echo "$rows" | column 4)" >&2
    return 1
}
