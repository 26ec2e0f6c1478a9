# What `cmake --install` leaves behind: headers, both libraries, the pkg-config file and the CMake package.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/clade)

install(DIRECTORY include/clade DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS clade_shared clade_static EXPORT clade_targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT clade_targets NAMESPACE clade:: FILE clade-targets.cmake DESTINATION ${package_folder})

configure_package_config_file(cmake/clade-config.cmake.in clade-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(clade-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/clade-config.cmake ${PROJECT_BINARY_DIR}/clade-config-version.cmake
    DESTINATION ${package_folder})

list(TRANSFORM clade_dependency_names PREPEND "-l" OUTPUT_VARIABLE static_libraries)
list(JOIN static_libraries " " static_libraries)
# Paths in the pkg-config file start from the file itself, so that the tree can be moved.
file(RELATIVE_PATH prefix_from_pkgconfig ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/clade.pc.in clade.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/clade.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/clade.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
