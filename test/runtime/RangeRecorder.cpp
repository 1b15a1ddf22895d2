//===- RangeRecorder.cpp - A profiler that takes ranges of NVTX and nothing else ----------===//
//
// NVTX opens this library where NVTX_INJECTION64_PATH names it, as it opens NVIDIA's tools. QUIPU_TEST_RANGES names a
// file, to which it appends a line for each begin and end of a range, in the order in which they happen:
//
//   THREAD begin DOMAIN CATEGORY NAME
//   THREAD end
//
// Threads are numbered from 0, by their first range.
//
//===----------------------------------------------------------------------------------===//

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nvtx3/nvToolsExt.h>
#include <string>
#include <thread>

namespace {

std::mutex mutex;
FILE *file;
std::map<std::thread::id, size_t> threads;
std::map<uint32_t, std::string> categories;
std::string domainName;

size_t threadNumber() { return threads.try_emplace(std::this_thread::get_id(), threads.size()).first->second; }

nvtxDomainHandle_t createDomain(const char *name) {
  std::lock_guard<std::mutex> lock(mutex);
  domainName = name;
  return reinterpret_cast<nvtxDomainHandle_t>(&domainName);
}

void nameCategory(nvtxDomainHandle_t, uint32_t category, const char *name) {
  std::lock_guard<std::mutex> lock(mutex);
  categories[category] = name;
}

int begin(nvtxDomainHandle_t domain, const nvtxEventAttributes_t *attributes) {
  std::lock_guard<std::mutex> lock(mutex);
  fprintf(file, "%zu begin %s %s %s\n", threadNumber(), reinterpret_cast<std::string *>(domain)->c_str(),
          categories[attributes->category].c_str(), attributes->message.ascii);
  fflush(file);
  return 0;
}

int end(nvtxDomainHandle_t) {
  std::lock_guard<std::mutex> lock(mutex);
  fprintf(file, "%zu end\n", threadNumber());
  fflush(file);
  return 0;
}

template <typename Function> void put(NvtxFunctionTable table, size_t index, Function *function) {
  *table[index] = reinterpret_cast<NvtxFunctionPointer>(function);
}

} // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t tables) {
  const char *path = getenv("QUIPU_TEST_RANGES");
  file = path ? fopen(path, "a") : nullptr;
  const auto *callbacks = static_cast<const NvtxExportTableCallbacks *>(tables(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (!file || !callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) ||
      size <= NVTX_CBID_CORE2_DomainCreateA)
    return 0;
  put(table, NVTX_CBID_CORE2_DomainCreateA, createDomain);
  put(table, NVTX_CBID_CORE2_DomainNameCategoryA, nameCategory);
  put(table, NVTX_CBID_CORE2_DomainRangePushEx, begin);
  put(table, NVTX_CBID_CORE2_DomainRangePop, end);
  return 1;
}
