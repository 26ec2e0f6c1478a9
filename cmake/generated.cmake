# The files written at build: the kernels as text inside the library, the table of operators, and the code for the
# messages of ONNX and TensorBoard. Each of the first two has a list of its inputs beside it, rewritten only when a file
# comes or goes, so that every generator notices.
# Sets clade_generated_folder and clade_generated_sources.
set(clade_generated_folder ${PROJECT_BINARY_DIR}/generated)

function(clade_generate output script what)
    set(list ${clade_generated_folder}/${output}.inputs)
    file(GENERATE OUTPUT ${list} CONTENT "${ARGN}")
    add_custom_command(OUTPUT ${clade_generated_folder}/${output}
        COMMAND ${CMAKE_COMMAND} -DINPUTS=${list} -DOUTPUT=${clade_generated_folder}/${output} -P ${script}
        DEPENDS ${ARGN} ${list} ${script}
        COMMENT "${what}" VERBATIM)
endfunction()

file(GLOB kernel_files CONFIGURE_DEPENDS kernels/*.cl kernels/*.h)
clade_generate(embedded_kernels.c ${PROJECT_SOURCE_DIR}/cmake/embed_kernels.cmake "Embedding the kernels" ${kernel_files})
set(clade_generated_sources ${clade_generated_folder}/embedded_kernels.c)

if(EXISTS ${PROJECT_SOURCE_DIR}/src/ops/op.h)
    file(GLOB op_files CONFIGURE_DEPENDS src/ops/*.c src/ops/*/*.c)
    clade_generate(op_table.c ${PROJECT_SOURCE_DIR}/cmake/op_table.cmake "Listing the operators" ${op_files})
    list(APPEND clade_generated_sources ${clade_generated_folder}/op_table.c)
endif()

# The code that packs and unpacks the messages of a .proto file, as NAME.pb-c.[ch]; it is compiled without the project's
# warnings.
function(clade_generate_messages proto)
    get_filename_component(folder ${proto} DIRECTORY)
    get_filename_component(name ${proto} NAME_WE)
    set(generated ${clade_generated_folder}/${name}.pb-c)
    add_custom_command(OUTPUT ${generated}.c ${generated}.h
        COMMAND ${CLADE_PROTOC_C} --proto_path=${folder} --c_out=${clade_generated_folder} ${name}.proto
        DEPENDS ${proto}
        COMMENT "Generating the messages of ${name}" VERBATIM)
    set_source_files_properties(${generated}.c PROPERTIES COMPILE_OPTIONS -w)
    set(clade_generated_sources ${clade_generated_sources} ${generated}.c PARENT_SCOPE)
endfunction()
clade_generate_messages(${CLADE_ONNX_PROTO})
clade_generate_messages(${PROJECT_SOURCE_DIR}/src/formats/tensorboard.proto)
