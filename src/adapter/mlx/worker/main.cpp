// assay-worker-mlx: libmlx served to assay.
#include "adapter/mlx/mlx_backend.h"
#include "adapter/worker/serve.h"

int main(int argc, char** argv) {
  const std::string version = assay::adapter::mlx::libmlx_version();
  return assay::adapter::serve_worker(argc, argv, {.engine = "mlx", .version = version, .build = "libmlx " + version},
                                      assay::adapter::mlx::make_mlx_backend);
}
