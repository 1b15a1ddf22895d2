//===- Bundle.h - Plan and weights behind another file ----------------------*- C++ -*-===//
//
// A bundle is any base file followed by sections and a trailer at its very end:
//
//     base            a copy of the runtime executable (`--emit executable`), or nothing (`--bundle`)
//     plan            header and payload as in PlanFile.h, at a multiple of kBundleAlignment
//     weight files    one section each, in the order of Plan.files, at multiples of kBundleAlignment
//     directory       BundleSection for each weight file
//     trailer         BundleTrailer
//
// A base of a plan file alone is the case "nothing": the plan then lies at offset 0, so that the bundle is a plan too.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PLAN_BUNDLE_H
#define QUIPU_RUNTIME_PLAN_BUNDLE_H

#include "runtime/plan/PlanFile.h"
#include "runtime/support/WeightIdentity.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

class OutputFile;

/// Sections begin at multiples of it, so that weights are as aligned in a bundle as in files of their own.
inline constexpr uint64_t kBundleAlignment = 4096;

/// Last bytes of a bundle, little-endian.
struct BundleTrailer {
  uint64_t planOffset;
  uint64_t planSize;
  uint64_t directoryOffset;
  uint64_t directorySize;
  /// XXH3-128 of the directory.
  uint8_t directoryHash[16];
  uint64_t reserved; // zero
  char magic[8];     // "QUIPUEN2"
};
static_assert(sizeof(BundleTrailer) == 64);

/// Writes a bundle to `file` and commits it.
/// - `base`: file to copy to the front (the runtime executable: the result is made executable); empty for none. When
///   the base is itself a bundle, only the part before its plan is copied.
/// - `planPayload`: the finished FlatBuffer.
/// - `weightFiles`: paths of the files of Plan.files, in order; empty when the plan has none.
void writeBundle(OutputFile &file, const std::string &base, std::span<const uint8_t> planPayload,
                 const std::vector<std::string> &weightFiles);

/// Where the parts lie in a file that ends in a trailer; nothing when it does not. Throws Error when there is a
/// trailer whose offsets leave the file or whose directory is altered.
struct BundleLayout {
  ByteRange plan;
  std::vector<BundleSection> files;
};
std::optional<BundleLayout> readBundleLayout(std::span<const uint8_t> file, const std::string &name);

/// The running executable's own path when it holds a plan (`--emit executable`), for PlanFile::open; nothing
/// otherwise. Throws Error when it was written with one that is not there any more. Reads the last bytes of the file
/// only. For the first lines of main().
std::optional<std::string> embeddedPlanPath();

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_BUNDLE_H
