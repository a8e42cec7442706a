# Toolchain: aarch64 Linux, static (musl), tests run under qemu-aarch64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(ASSAY_ZIG_TARGET aarch64-linux-musl)
set(ASSAY_ZIG_FLAGS "-mcpu=generic+dotprod+i8mm")
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
