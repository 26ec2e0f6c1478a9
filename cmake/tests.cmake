# One test for each tests/ROOM/test_WHAT.c, named ROOM_WHAT, linked with the static library (which shows its internals)
# and with tests/support/*.c and tests/ROOM/helpers*.c; and one for each tests/cli/WHAT.sh, which drives the built command.
#
# A test runs in a folder of its own (build/tests/work/NAME) with HOME there, its caches in CLADE_TEST_CACHE, and
#   CLADE         the path of the built command
#   CLADE_SOURCE  the root of the source tree
# A script that exits with 77, and a program whose every test was skipped, count as skipped.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
if(support_sources)
    add_library(clade_test_support STATIC ${support_sources})
    target_include_directories(clade_test_support PUBLIC tests src ${clade_generated_folder})
    target_link_libraries(clade_test_support PUBLIC clade_flags clade_static PkgConfig::CMOCKA)
endif()

# cmocka's closing lines when nothing ran: the passed are none, and after them stand only the skipped.
set(all_skipped "\\[  PASSED  \\] 0 test\\(s\\)\\.[\n]+(\\[  SKIPPED \\][^\n]*[\n]+)+([ 0-9]*SKIPPED TEST\\(S\\)[\n]*)?$")
# use_tls=0: LeakSanitizer crashes when it reads the thread-local storage of a driver's thread that is just ending.
set(test_environment
    XDG_CACHE_HOME=${CLADE_TEST_CACHE}
    CLADE_SOURCE=${PROJECT_SOURCE_DIR}
    LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0:use_tls=0
    UBSAN_OPTIONS=print_stacktrace=1)
if(TARGET clade)
    list(APPEND test_environment CLADE=$<TARGET_FILE:clade>)
endif()
file(MAKE_DIRECTORY ${CLADE_TEST_CACHE})

function(clade_test name)
    set(work ${PROJECT_BINARY_DIR}/tests/work/${name})
    file(MAKE_DIRECTORY ${work})
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${work})
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${test_environment};HOME=${work}" TIMEOUT 1200
        SKIP_RETURN_CODE 77)
endfunction()

file(GLOB test_sources CONFIGURE_DEPENDS tests/*/test_*.c)
foreach(source ${test_sources})
    get_filename_component(folder ${source} DIRECTORY)
    get_filename_component(room ${folder} NAME)
    get_filename_component(file ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "${room}_" name ${file})
    file(GLOB helpers CONFIGURE_DEPENDS ${folder}/helpers*.c)

    add_executable(${name} ${source} ${helpers})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    target_include_directories(${name} PRIVATE tests src ${clade_generated_folder})
    target_link_libraries(${name} PRIVATE clade_flags clade_static PkgConfig::CMOCKA)
    if(TARGET clade_test_support)
        target_link_libraries(${name} PRIVATE clade_test_support)
    endif()
    clade_test(${name} ${name})
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "${all_skipped}")
endforeach()

# The checks of all rows take longest: the programs' other parts run beside them (PARTS of test_selftest.c and
# test_gradcheck.c).
foreach(part 1 2 3)
    clade_test(exec_selftest_${part} exec_selftest ${part})
    clade_test(exec_gradcheck_${part} exec_gradcheck ${part})
endforeach()

file(GLOB test_scripts CONFIGURE_DEPENDS tests/cli/*.sh)
foreach(script ${test_scripts})
    get_filename_component(name ${script} NAME_WE)
    clade_test(cli_${name} sh ${script})
endforeach()

# The fuzz targets on the files that fuzzing has kept: without libFuzzer, so by every compiler.
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" what ${name})
    add_executable(replay_${what} ${source} tests/fuzz/replay.c)
    set_target_properties(replay_${what} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    target_include_directories(replay_${what} PRIVATE src ${clade_generated_folder})
    target_link_libraries(replay_${what} PRIVATE clade_flags clade_static)
    clade_test(${name} replay_${what} ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${what})
endforeach()

# A stranger's program against the installed tree. With sanitizers inside the library a stranger could not link it.
if(NOT CLADE_SANITIZE)
    clade_test(install_stranger sh ${PROJECT_SOURCE_DIR}/tests/install/stranger.sh ${PROJECT_BINARY_DIR}
        ${CMAKE_C_COMPILER} ${CMAKE_GENERATOR})
endif()

# Every differentiable row against another framework's automatic differentiation, where that framework is at hand.
add_executable(autograd_nodes tests/autograd/nodes.c)
set_target_properties(autograd_nodes PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
target_include_directories(autograd_nodes PRIVATE src ${clade_generated_folder})
target_link_libraries(autograd_nodes PRIVATE clade_flags clade_static)
clade_test(autograd_compare sh ${PROJECT_SOURCE_DIR}/tests/autograd/compare.sh $<TARGET_FILE:autograd_nodes>)
if(TARGET clade)
    clade_test(autograd_onnx sh ${PROJECT_SOURCE_DIR}/tests/autograd/onnx_gradients.sh)
endif()
