#include "adapter/mlx/compute.h"

#include <mlx/version.h>

#include <algorithm>
#include <array>

namespace assay::adapter::mlx {
namespace {

constexpr std::uint32_t context_limit = 1U << 24;
constexpr std::uint32_t sequences_limit = 4096;
constexpr std::uint32_t batch_limit = 8192;
constexpr std::uint32_t threads_limit = 1024;

Result<void> check_range(const char* name, std::uint64_t met, std::uint64_t low, std::uint64_t high) {
  if (met >= low && met <= high) return {};
  return fail(Errc::bad_value, std::string(name) + " is " + std::to_string(met) + ", expected " + std::to_string(low) +
                                   ".." + std::to_string(high));
}

Result<mx::Device> device_of(const std::string& name) {
  if (name == "cpu") return mx::Device(mx::Device::cpu);
  if (name != "cuda" && name != "metal") {
    return fail(Errc::bad_value, "device is \"" + name + "\", expected cpu, cuda or metal");
  }
#ifdef __APPLE__
  const std::string offered = "metal";
#else
  const std::string offered = "cuda";
#endif
  if (name != offered) {
    return fail(Errc::unsupported, "device " + name + ": libmlx has " + offered + " and cpu on this system");
  }
  if (!mx::is_available(mx::Device(mx::Device::gpu))) {
    return fail(Errc::unsupported, "device " + name + ": this libmlx " + mx::version() +
                                       " was built without it, or the machine has none; expected cpu");
  }
  return mx::Device(mx::Device::gpu);
}

Result<mx::Dtype> kv_type(const std::string& name) {
  if (name == "f16") return mx::float16;
  if (name == "f32") return mx::float32;
  if (name == "bf16") return mx::bfloat16;
  if (name == "q8_0") return fail(Errc::unsupported, "kv q8_0: MLX rows keep f16, bf16 or f32 keys and values");
  return fail(Errc::bad_value, "kv is \"" + name + "\", expected f32, f16 or bf16");
}

// The float type that most bytes of the matrices were stored with; a GGUF's blocks have f16 scales.
mx::Dtype stored_with(const model::Weights& weights) {
  std::uint64_t f32 = 0;
  std::uint64_t f16 = 0;
  std::uint64_t bf16 = 0;
  model::each_product(weights, [&](const TensorView& matrix) {
    const bool affine = matrix.dtype == DType::affine4 || matrix.dtype == DType::affine8;
    const DType type = affine ? matrix.scale_dtype : matrix.dtype;
    (type == DType::f32 ? f32 : type == DType::bf16 ? bf16 : f16) += matrix.bytes();
  });
  if (bf16 >= f16 && bf16 >= f32) return mx::bfloat16;
  return f32 > f16 ? mx::float32 : mx::float16;
}

}  // namespace

Result<Compute> choose_compute(const LoadSettings& settings, const model::Weights& weights) {
  ASSAY_TRY(check_range("context", settings.context, 2, context_limit));
  ASSAY_TRY(check_range("sequences", settings.sequences, 1, sequences_limit));
  ASSAY_TRY(check_range("batch", settings.batch, 1, batch_limit));
  ASSAY_TRY(check_range("ubatch", settings.ubatch, 1, settings.batch));
  ASSAY_TRY(check_range("threads", settings.threads, 1, threads_limit));
  if (settings.lock_memory) {
    return fail(Errc::unsupported, "lock_memory: with MLX it would be a wired limit, which is never set");
  }
  const auto kv = kv_type(settings.kv);
  if (!kv) return std::unexpected(kv.error());
  const auto device = device_of(settings.device);
  if (!device) return std::unexpected(device.error());
  Compute compute;
  compute.device = *device;
  compute.kv = *kv;
  compute.fused = !compute.cpu();
  compute.activations = compute.cpu() ? mx::float32 : stored_with(weights);
  if (compute.cpu()) {
    compute.streams.push_back(mx::default_stream(compute.device));
    for (std::uint32_t i = 1; i < settings.threads; ++i) compute.streams.push_back(mx::new_stream(compute.device));
  }
  return compute;
}

std::string type_name(mx::Dtype dtype) {
  if (dtype == mx::float16) return "f16";
  return dtype == mx::bfloat16 ? "bf16" : "f32";
}

}  // namespace assay::adapter::mlx
