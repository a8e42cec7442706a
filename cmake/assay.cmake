# Helpers that keep each folder's build file to a few visible lines.

find_program(ASSAY_CCACHE ccache)
if(ASSAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ASSAY_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${ASSAY_CCACHE})
endif()
find_program(ASSAY_MOLD mold)
if(ASSAY_MOLD AND NOT CMAKE_SYSTEM_NAME STREQUAL "Darwin" AND NOT CMAKE_CROSSCOMPILING)
  add_link_options(-fuse-ld=mold)
endif()

# Python for tests and scripts: the private environment that tools/setup makes, where it is there.
find_program(ASSAY_PYTHON python3 PATHS ${PROJECT_SOURCE_DIR}/.venv/bin NO_DEFAULT_PATH)
find_program(ASSAY_PYTHON python3)

# assay_system_library(pcre2 pcre2.h pcre2-8): target system::pcre2, for a library that comes without a CMake package.
function(assay_system_library name header library)
  find_path(ASSAY_${name}_INCLUDE ${header} REQUIRED)
  find_library(ASSAY_${name}_LIBRARY ${library} REQUIRED)
  add_library(system::${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(system::${name} INTERFACE ${ASSAY_${name}_INCLUDE})
  target_link_libraries(system::${name} INTERFACE ${ASSAY_${name}_LIBRARY})
endfunction()

# assay_library(base SOURCES a.cpp b.cpp DEPS assay_x PUBLIC_LIBS lib PRIVATE_LIBS lib): target assay_base, headers seen as "base/a.h".
function(assay_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS;PUBLIC_LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(assay_${name} STATIC ${A_SOURCES})
  target_include_directories(assay_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(assay_${name} PUBLIC ${A_DEPS} ${A_PUBLIC_LIBS} PRIVATE ${A_PRIVATE_LIBS})
endfunction()

# assay_calls_foreign(TARGET...): it calls functions found by name at run time, or stands in for them. Each side declares their types
# for itself, which C allows; the sanitizer's check that both are one C++ type is off there.
function(assay_calls_foreign)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -fno-sanitize=function)
    endforeach()
  endif()
endfunction()

# assay_tests(base SOURCES a_test.cpp DEPS assay_x PROPERTIES ..): one GoogleTest program per folder, its cases known to ctest.
function(assay_tests name)
  if(NOT ASSAY_TESTS OR (ASSAY_TESTS_ONLY AND NOT name MATCHES "${ASSAY_TESTS_ONLY}"))
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;DEPS;PROPERTIES" ${ARGN})
  add_executable(${name}_test ${A_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${A_DEPS} GTest::gmock assay_test_main)
  target_compile_definitions(${name}_test PRIVATE ASSAY_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ASSAY_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
  gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit ${A_PROPERTIES})
endfunction()

# assay_fuzz(gguf_fuzz gguf_fuzz.cpp DEPS assay_x): libFuzzer target, built by the fuzz preset only; run by tools/fuzz.
function(assay_fuzz name source)
  if(NOT ASSAY_FUZZ)
    return()
  endif()
  cmake_parse_arguments(A "" "" "DEPS" ${ARGN})
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ${A_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  if(NOT TARGET fuzz_targets)
    add_custom_target(fuzz_targets)
  endif()
  add_dependencies(fuzz_targets ${name})
endfunction()

# assay_bench(name SOURCES x_bench.cpp DEPS assay_x): Google Benchmark program.
function(assay_bench name)
  if(NOT ASSAY_BENCH)
    return()
  endif()
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_bench ${A_SOURCES})
  target_link_libraries(${name}_bench PRIVATE ${A_DEPS} benchmark::benchmark benchmark::benchmark_main)
  target_compile_definitions(${name}_bench PRIVATE ASSAY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name}_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()
