// What NVML says on a machine with two GPUs, for tests: fixed values, energy that rises by 1500 mJ a call.
#include <cstdlib>
#include <cstring>

extern "C" {
int nvmlInit_v2() { return std::getenv("FAKE_NVML_BROKEN") != nullptr ? 9 : 0; }
int nvmlShutdown() { return 0; }
const char* nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "?"; }
int nvmlDeviceGetCount_v2(unsigned* count) { return *count = 2, 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  static int devices[2];
  return *handle = &devices[index], 0;
}
int nvmlDeviceGetName(void*, char* name, unsigned size) { return std::strncpy(name, "NVIDIA H200", size), 0; }
int nvmlDeviceGetMemoryInfo(void*, unsigned long long* memory) {
  memory[0] = 150'754'820'096;
  memory[1] = 150'000'000'000;
  memory[2] = 754'820'096;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoules) {
  static unsigned long long counter = 1'000'000;
  return *millijoules = counter += 1500, 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, void* infos) {
  struct Info {
    unsigned process;
    unsigned long long bytes;
    unsigned instances[2];
  };
  if (std::getenv("FAKE_NVML_CONTAINER") != nullptr) return 4;
  const Info told[] = {{4711, 3'000'000'000, {}}, {4712, 500'000'000, {}}, {1, ~0ULL, {}}};
  std::memcpy(infos, told, sizeof(told));
  return *count = 3, 0;
}
int nvmlDeviceGetClockInfo(void*, unsigned, unsigned* mhz) { return *mhz = 1980, 0; }
int nvmlDeviceGetTemperature(void*, unsigned, unsigned* celsius) { return *celsius = 41, 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) { return std::strncpy(text, "570.86.15", size), 0; }
}
