//===- Weights.h - The weights of a plan in memory --------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_WEIGHTS_H
#define QUIPU_RUNTIME_CORE_WEIGHTS_H

#include "runtime/core/Device.h"
#include "runtime/core/Model.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/support/MappedFile.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace quipu {

/// Finds and maps file `index` of a plan: first relative to the plan's folder, then at the absolute path.
/// - A file whose size, time and hash of the header are as in the plan is accepted.
/// - Where the time differs (a copy), or options.verifyWeights is set, the hashes of the samples and of all bytes
/// decide.
/// - Where the plan has no hash of all bytes, the samples are enough for a copy, which gets a remark; they are not
///   enough for verifyWeights.
/// Throws Error that names the file and says what differs.
std::shared_ptr<MappedFile> openWeightFile(const PlanFile &plan, size_t index, const ModelOptions &options);

/// The bytes of file number `index` in a bundle. A bundle stores no times. So size and header must agree, and with
/// options.verifyWeights all bytes. Throws Error otherwise.
std::span<const uint8_t> bundledWeights(const PlanFile &plan, size_t index, const ModelOptions &options);

/// The weights of a plan in memory, one pointer for each entry of Plan.weights. A weight lies in a mapped file (or the
/// bundle) if its bytes can be used there. It lies in memory that the runtime allocates if it is converted or joined
/// from several sources, if it is random, if a copy in large pages is faster, or if the device cannot read host memory.
class Weights {
public:
  /// Throws Error when a file is missing or differs, or when the plan has no files and options.weights is
  /// not random.
  Weights(const PlanFile &plan, Device &device, const ModelOptions &options);

  /// Address of weight `index` as kernels see it.
  void *pointer(size_t index) const { return pointers[index]; }

  /// Bytes of all weights, and of the weights that do not lie in mapped files.
  uint64_t bytes() const { return totalBytes; }
  uint64_t ownedBytes() const { return owned.size(); }

private:
  std::vector<std::span<const uint8_t>> openFiles(const PlanFile &plan, const ModelOptions &options);
  /// False when the device leaves it to the host.
  static bool fillRandom(Device &device, const plan::Weight &weight, uint64_t seed, void *target);

  std::vector<std::shared_ptr<MappedFile>> files;
  DeviceMemory owned;
  std::vector<void *> pointers;
  uint64_t totalBytes = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_WEIGHTS_H
