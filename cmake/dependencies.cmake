# The libraries that Clade links (docs/dependencies.md says why each), and the headers of those it loads at run time.
# Sets clade_dependencies (targets for this build) and clade_dependency_names (link names for the installed package).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
find_program(CLADE_PROTOC_C protoc-c REQUIRED)
find_file(CLADE_ONNX_PROTO onnx/onnx.proto REQUIRED)
mark_as_advanced(CLADE_PROTOC_C CLADE_ONNX_PROTO)

set(clade_dependencies PkgConfig::CJSON PkgConfig::MD PkgConfig::PROTOBUF_C PkgConfig::JPEG PkgConfig::PNG
    ZLIB::ZLIB Threads::Threads m ${CMAKE_DL_LIBS})
set(clade_dependency_names cjson md protobuf-c jpeg png z pthread m ${CMAKE_DL_LIBS})

# MPI joins several machines; without it Clade trains on one.
option(CLADE_MPI "Train on several machines through MPI, when Open MPI is found" ON)
pkg_check_modules(MPI QUIET IMPORTED_TARGET ompi-c)
set(clade_has_mpi FALSE)
if(CLADE_MPI AND MPI_FOUND)
    set(clade_has_mpi TRUE)
    list(APPEND clade_dependencies PkgConfig::MPI)
    list(APPEND clade_dependency_names mpi)
endif()
message(STATUS "Training on several machines, by MPI: ${clade_has_mpi}")

# The OpenCL loader and CLBlast are opened at run time: only their headers are needed here.
find_path(CLADE_OPENCL_INCLUDE CL/cl.h)
find_path(CLADE_CLBLAST_INCLUDE clblast_c.h)
mark_as_advanced(CLADE_OPENCL_INCLUDE CLADE_CLBLAST_INCLUDE)
if(NOT CLADE_OPENCL_INCLUDE)
    message(FATAL_ERROR "CL/cl.h not found: install the OpenCL headers (Debian: opencl-headers)")
endif()
if(NOT CLADE_CLBLAST_INCLUDE)
    message(FATAL_ERROR "clblast_c.h not found: install CLBlast (Debian: libclblast-dev)")
endif()
include_directories(SYSTEM ${CLADE_OPENCL_INCLUDE} ${CLADE_CLBLAST_INCLUDE})
