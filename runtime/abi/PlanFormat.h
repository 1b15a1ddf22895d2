//===- PlanFormat.h - The first bytes of a plan and its versions -----------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ABI_PLANFORMAT_H
#define QUIPU_RUNTIME_ABI_PLANFORMAT_H

#include <cstdint>
#include <string_view>

namespace quipu {

/// Layout of PlanFileHeader and of the bundle's trailer.
inline constexpr uint32_t kContainerVersion = 2;
/// Version of the meaning of plan.fbs. A plan of another version is refused. The compiler stores it in
/// Plan.schema_version too.
inline constexpr uint32_t kSchemaVersion = 11;

/// Weights that the compiler rounded lie beside the plan, under its name with this behind it.
inline constexpr std::string_view kWeightsSuffix = ".weights";

/// First bytes of a plan file, little-endian.
struct PlanFileHeader {
  char magic[8]; // kPlanMagic of FileKind.h
  uint32_t containerVersion;
  uint32_t schemaVersion;
  uint64_t payloadSize;
  /// XXH3-128 of the payload, canonical byte order.
  uint8_t payloadHash[16];
  uint8_t reserved[24]; // zeros
};
static_assert(sizeof(PlanFileHeader) == 64);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_PLANFORMAT_H
