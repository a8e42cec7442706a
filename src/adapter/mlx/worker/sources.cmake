# The sources of the backend: its own, relative to the folder above, and those of the folders that it uses, relative to
# src, beside what every worker program compiles (src/adapter/worker/program.cmake).
set(ASSAY_MLX_SOURCES affine_pack.cpp compute.cpp graph.cpp kv_sequence.cpp load_model.cpp loader.cpp matrix.cpp mlx_backend.cpp)
set(ASSAY_MLX_SHARED_SOURCES
  base/arena.cpp base/mapped_file.cpp
  tensor/dtype.cpp
  checkpoint/checkpoint.cpp checkpoint/config_check.cpp checkpoint/folder.cpp checkpoint/gemma3.cpp checkpoint/gguf.cpp checkpoint/gguf_cast.cpp
  checkpoint/gguf_config.cpp checkpoint/gguf_part.cpp checkpoint/hf_config.cpp
  checkpoint/hf_rope.cpp checkpoint/json_fields.cpp checkpoint/safetensors.cpp checkpoint/tensor_list.cpp
  kernel/isa.cpp kernel/quant/dequantize.cpp kernel/rope/rope.cpp
  device/cpu/thread_pool.cpp
  model/rope.cpp model/steps.cpp model/weights.cpp)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND ASSAY_MLX_SHARED_SOURCES kernel/rope/x86_avx2.cpp)
endif()
