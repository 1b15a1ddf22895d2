//===- Profile.cpp - Where the time of a step goes ---------------------------------------===//

#include "tools/quipu/bench/Profile.h"
#include "runtime/core/Device.h"
#include "runtime/core/Error.h"
#include "tools/common/Console.h"

#include <algorithm>
#include <map>

namespace quipu::tool {

namespace {
/// All launches of one entry.
struct EntryTime {
  std::string entry;
  const plan::Kernel *kernel = nullptr;
  size_t launches = 0;
  double seconds = 0;
};
} // namespace

/// Bytes of weights, or operations where there are many rows, a second. Empty for entries that do neither: of a kernel
/// with several the last one does the product.
static std::string rateOf(const EntryTime &time, uint64_t tokens, uint64_t outputs) {
  const plan::Kernel &kernel = *time.kernel;
  uint64_t rows = rowCount(kernel.rows(), tokens, outputs);
  const auto &entries = *kernel.entries();
  bool isProduct = entries.Get(entries.size() - 1)->symbol()->str() == time.entry;
  if (!isProduct || kernel.weight_bytes() == 0 || time.seconds == 0)
    return "";
  double launches = double(time.launches);
  if (rows > 64)
    return fixed(double(kernel.flops_per_row()) * double(rows) * launches / time.seconds / 1e12, 1) + " TFLOP/s";
  return fixed(double(kernel.weight_bytes()) * launches / time.seconds / 1e9, 1) + " GB/s";
}

std::string profileTable(const Model &model, const std::string &name, const std::vector<LaunchTime> &times,
                         uint64_t tokens, uint64_t outputs) {
  std::vector<EntryTime> entries;
  std::map<std::string, size_t> places;
  double total = 0;
  for (const LaunchTime &time : times) {
    auto [place, isNew] = places.try_emplace(time.entry, entries.size());
    if (isNew)
      entries.push_back({time.entry, model.plan().kernels()->Get(time.kernel)});
    EntryTime &entry = entries[place->second];
    ++entry.launches;
    entry.seconds += time.seconds;
    total += time.seconds;
  }
  std::string text = concat("\n", name, ": ", fixed(total * 1e6, 1), " us in ", times.size(),
                            " launches, each alone\n\n| entry | launches | us each | us | share | rate |\n"
                            "| --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (const EntryTime &entry : entries)
    text +=
        concat("| ", entry.entry, " | ", entry.launches, " | ", fixed(entry.seconds * 1e6 / double(entry.launches), 2),
               " | ", fixed(entry.seconds * 1e6, 1), " | ", fixed(100 * entry.seconds / std::max(total, 1e-12), 1),
               " % | ", rateOf(entry, tokens, outputs), " |\n");
  return text;
}

} // namespace quipu::tool
