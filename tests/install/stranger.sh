#!/bin/sh
# Installs the build tree $1 into the working folder, moves the result, and builds and runs a program that knows only the
# installed tree: with pkg-config (compiler $2), and with find_package() (generator $3), shared and static.
set -eu
build=$1 compiler=$2 generator=$3
program=$CLADE_SOURCE/tests/install
rm -rf first moved stranger

cmake --install "$build" --prefix "$PWD/first" > install.log
mv first moved
tree=$PWD/moved
library=$(dirname "$(find "$tree" -name libclade.so)")

PKG_CONFIG_PATH=$library/pkgconfig
export PKG_CONFIG_PATH
# pkg-config's answer is a list of words.
# shellcheck disable=SC2046
"$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror "$program/program.c" -o by_pkgconfig $(pkg-config --cflags --libs clade)
LD_LIBRARY_PATH=$library ./by_pkgconfig
# shellcheck disable=SC2046
"$compiler" "$program/program.c" -o by_pkgconfig_static $(pkg-config --cflags clade) "$library/libclade.a" \
    $(pkg-config --libs-only-l --static clade | sed 's/-lclade //')
./by_pkgconfig_static

cmake -S "$program" -B stranger -G "$generator" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$tree" > stranger.log
cmake --build stranger >> stranger.log
stranger/shared
stranger/static

if [ -x "$tree/bin/clade" ]; then "$tree/bin/clade" --help > /dev/null; fi
if grep -rlF -e "$CLADE_SOURCE" -e "$build" "$library/cmake" "$library/pkgconfig" "$tree/include"; then
    echo "the files above hold a path of the machine they were built on"
    exit 1
fi
