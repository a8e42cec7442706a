#include <dlfcn.h>

#include <array>
#include <vector>

#include "host/energy.h"
#include "host/parse.h"

// Never run on hardware yet: IOReport has no public header; names and signatures as its many users know them.
namespace assay::host {
namespace {

using Ref = const void*;

struct Functions {
  void* (*copy_channels)(Ref group, Ref subgroup, std::uint64_t, std::uint64_t, std::uint64_t) = nullptr;
  void* (*subscribe)(void* allocator, void* channels, void** subscribed, std::uint64_t, Ref) = nullptr;
  Ref (*sample)(void* subscription, void* channels, Ref) = nullptr;
  Ref (*delta)(Ref before, Ref after, Ref) = nullptr;
  std::int64_t (*value)(Ref channel, std::int32_t) = nullptr;
  Ref (*channel_name)(Ref channel) = nullptr;
  Ref (*unit)(Ref channel) = nullptr;
  Ref (*make_text)(Ref allocator, const char* text, std::uint32_t encoding) = nullptr;
  unsigned char (*get_text)(Ref text, char* buffer, long size, std::uint32_t encoding) = nullptr;
  Ref (*get)(Ref dictionary, Ref key) = nullptr;
  long (*count)(Ref array) = nullptr;
  Ref (*at)(Ref array, long index) = nullptr;
  void (*release)(Ref) = nullptr;
};

constexpr std::uint32_t utf8 = 0x08000100;

class IoReport final : public EnergyMeter {
 public:
  explicit IoReport(const Functions& functions) : call_(functions) {}
  IoReport(const IoReport&) = delete;
  IoReport& operator=(const IoReport&) = delete;
  ~IoReport() override {
    for (Ref held : {last_, static_cast<Ref>(subscription_), static_cast<Ref>(subscribed_), key_}) {
      if (held != nullptr) call_.release(held);
    }
  }

  bool start() {
    key_ = call_.make_text(nullptr, "IOReportChannels", utf8);
    Ref group = call_.make_text(nullptr, "Energy Model", utf8);
    if (key_ == nullptr || group == nullptr) return false;
    void* channels = call_.copy_channels(group, nullptr, 0, 0, 0);
    call_.release(group);
    if (channels == nullptr) return false;
    subscription_ = call_.subscribe(nullptr, channels, &subscribed_, 0, nullptr);
    call_.release(channels);
    if (subscription_ == nullptr || subscribed_ == nullptr) return false;
    last_ = call_.sample(subscription_, subscribed_, nullptr);
    return last_ != nullptr && joules().has_value();
  }

  std::string source() const override { return "IOReport CPU + GPU + ANE + DRAM"; }

  std::optional<double> joules() override {
    Ref now = call_.sample(subscription_, subscribed_, nullptr);
    if (now == nullptr) return std::nullopt;
    Ref difference = call_.delta(last_, now, nullptr);
    call_.release(last_);
    last_ = now;
    if (difference == nullptr) return std::nullopt;
    std::vector<EnergyChannel> channels;
    if (Ref list = call_.get(difference, key_); list != nullptr) {
      for (long i = 0; i < call_.count(list); ++i) {
        Ref channel = call_.at(list, i);
        channels.push_back(
            {text_of(call_.channel_name(channel)), text_of(call_.unit(channel)), call_.value(channel, 0)});
      }
    }
    call_.release(difference);
    const auto spent = energy_of_channels(channels);
    if (!spent) return std::nullopt;
    sum_ += started_ ? *spent : 0;
    started_ = true;
    return sum_;
  }

 private:
  std::string text_of(Ref text) const {
    std::array<char, 128> buffer{};
    const bool fits =
        text != nullptr && call_.get_text(text, buffer.data(), static_cast<long>(buffer.size()), utf8) != 0;
    std::string out = fits ? buffer.data() : "";
    while (!out.empty() && out.back() == ' ') out.pop_back();  // units are padded
    return out;
  }

  Functions call_;
  Ref key_ = nullptr;
  void* subscription_ = nullptr;
  void* subscribed_ = nullptr;
  Ref last_ = nullptr;
  bool started_ = false;
  double sum_ = 0;
};

}  // namespace

EnergySource open_rapl(const std::filesystem::path&) { return {nullptr, "RAPL is Linux's"}; }

EnergySource open_energy_meter(Nvml*) {
  void* report = dlopen("/usr/lib/libIOReport.dylib", RTLD_LAZY);
  void* foundation = dlopen("/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation", RTLD_LAZY);
  if (report == nullptr || foundation == nullptr) return {nullptr, "libIOReport.dylib could not be opened"};
  Functions functions;
  std::string missing;
  const auto find = [&](void* library, auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr && missing.empty()) missing = name;
  };
  find(report, functions.copy_channels, "IOReportCopyChannelsInGroup");
  find(report, functions.subscribe, "IOReportCreateSubscription");
  find(report, functions.sample, "IOReportCreateSamples");
  find(report, functions.delta, "IOReportCreateSamplesDelta");
  find(report, functions.value, "IOReportSimpleGetIntegerValue");
  find(report, functions.channel_name, "IOReportChannelGetChannelName");
  find(report, functions.unit, "IOReportChannelGetUnitLabel");
  find(foundation, functions.make_text, "CFStringCreateWithCString");
  find(foundation, functions.get_text, "CFStringGetCString");
  find(foundation, functions.get, "CFDictionaryGetValue");
  find(foundation, functions.count, "CFArrayGetCount");
  find(foundation, functions.at, "CFArrayGetValueAtIndex");
  find(foundation, functions.release, "CFRelease");
  if (!missing.empty()) return {nullptr, "libIOReport.dylib has no " + missing};
  auto meter = std::make_unique<IoReport>(functions);
  if (!meter->start()) return {nullptr, "IOReport gave no channels of the group Energy Model"};
  return {std::move(meter), ""};
}

}  // namespace assay::host
