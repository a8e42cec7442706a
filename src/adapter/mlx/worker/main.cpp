// assay-worker-mlx: libmlx served to assay.
#include "adapter/mlx/mlx_backend.h"
#include "adapter/worker/serve.h"

int main(int argc, char** argv) {
  using namespace assay::adapter;
  const std::string version = mlx::libmlx_version();
  return serve_worker(argc, argv, {.engine = "mlx", .version = version, .build = "libmlx " + version},
                      mlx::make_mlx_backend);
}
