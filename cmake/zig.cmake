# Shared by the two cross toolchains: zig (pinned in tools/versions, in .venv) as C and C++ compiler, and a root folder that holds the
# headers of our Debian packages and nothing else. /usr/include itself would bring glibc's headers and must never be on the path.
#
# Set before including: ASSAY_ZIG_TARGET, the zig triple; ASSAY_ZIG_FLAGS, what every compile and link gets.

# zig keeps libc++'s removed std::unexpected() alive, which hides C++23's std::unexpected.
string(APPEND ASSAY_ZIG_FLAGS " -U_LIBCPP_ENABLE_CXX17_REMOVED_UNEXPECTED_FUNCTIONS")

find_program(assay_dpkg dpkg NO_CACHE)
if(NOT assay_dpkg)
  message(FATAL_ERROR "the cross-builds take their headers from Debian's packages, and dpkg is not here")
endif()

get_filename_component(assay_top ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
file(GLOB assay_zig ${assay_top}/.venv/lib/python3*/site-packages/ziglang/zig)
if(NOT assay_zig)
  message(FATAL_ERROR "zig is not in .venv: run tools/setup build test cross")
endif()
list(GET assay_zig 0 assay_zig)

# CMake wants one program per compiler. Rewritten only when they change, so that nothing is rebuilt for nothing.
set(assay_tools ${assay_top}/build/zig/${ASSAY_ZIG_TARGET})
foreach(tool cc c++ ar ranlib)
  set(flags "")
  if(tool MATCHES "^c")
    set(flags "-target ${ASSAY_ZIG_TARGET} ${ASSAY_ZIG_FLAGS}")
  endif()
  file(CONFIGURE OUTPUT ${assay_tools}/zig-${tool} CONTENT "#!/bin/sh\nexec '${assay_zig}' ${tool} ${flags} \"$@\"\n")
  file(CHMOD ${assay_tools}/zig-${tool} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()
set(CMAKE_C_COMPILER ${assay_tools}/zig-cc)
set(CMAKE_CXX_COMPILER ${assay_tools}/zig-c++)
set(CMAKE_AR ${assay_tools}/zig-ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${assay_tools}/zig-ranlib CACHE FILEPATH "")

# Each header is linked into the root, each library stands there as an empty archive (so that it is found; who links it is told nothing),
# and a package's CMake files are copied, since they find their headers beside themselves.
set(assay_root ${assay_top}/build/zig/root)
file(STRINGS ${assay_top}/tools/versions assay_rows REGEX "^debian +build +[^ ]+-dev ")
foreach(row IN LISTS assay_rows)
  string(REGEX REPLACE "^debian +build +([^ ]+) .*" "\\1" package "${row}")
  execute_process(COMMAND dpkg -L ${package} OUTPUT_VARIABLE files OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" files "${files}")
  foreach(path IN LISTS files)
    if(path MATCHES "^/usr/include/([^/]+-linux-gnu/)?(.+/)?([^/]+)$" AND NOT IS_DIRECTORY ${path})
      file(MAKE_DIRECTORY ${assay_root}/include/${CMAKE_MATCH_2})
      file(CREATE_LINK ${path} ${assay_root}/include/${CMAKE_MATCH_2}${CMAKE_MATCH_3} SYMBOLIC)
    elseif(path MATCHES "^/usr/lib/.*/(lib[^/]+)\\.so$")
      file(CONFIGURE OUTPUT ${assay_root}/lib/${CMAKE_MATCH_1}.a CONTENT "!<arch>\n")
    elseif(path MATCHES "^/usr/(share/cmake/.*)/[^/]+\\.cmake$")
      file(COPY ${path} DESTINATION ${assay_root}/${CMAKE_MATCH_1})
    endif()
  endforeach()
endforeach()

set(CMAKE_FIND_ROOT_PATH ${assay_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
