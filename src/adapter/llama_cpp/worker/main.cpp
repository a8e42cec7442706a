// assay-worker-llama: llama.cpp for the program that started this one.
#include "adapter/llama_cpp/llama_backend.h"
#include "adapter/worker/serve.h"

int main(int argc, char** argv) {
  return assay::adapter::serve_worker(argc, argv, assay::adapter::llama_identity(), assay::adapter::make_llama_backend);
}
