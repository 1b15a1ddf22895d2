//===- MemoryView.h - The arena over time, and the cache --------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_MEMORYVIEW_H
#define QUIPU_TOOLS_QUIPU_INSPECT_MEMORYVIEW_H

#include "runtime/abi/plan_generated.h"
#include "tools/quipu/inspect/ArenaMap.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace quipu::tool {

/// The values in the arena of a program, each with a bar over the steps in which it lives:
///   offset      bytes  steps   1   2 |  3   4 |  5   value
///        0      10240  3-4     .   . | ### ### |  .   decode.qkv
std::string arenaPicture(const ArenaMap &map);

/// Bytes of the cache for one position of a sequence, of all layers.
uint64_t cacheBytesPerPosition(const plan::KvCache &cache);

/// "10240 bytes a position (bf16), pages of 32 positions, at most 8 sequences of 512 positions (20.0 MiB)".
std::string cacheText(const plan::KvCache &cache);

/// All programs, the cache, and weights in short:
///   {"programs": [{"name", "variant", "rows", "arena_bytes", "peak_bytes", "peak_step",
///                  "steps": [{"name", "place", "repeat", "sequence", "live_bytes"}],
///                  "values": [{"name", "offset", "bytes", "first", "last", "carried_from": number or null,
///                              "carried_to": the same, "workspace"}]}],
///    "kv_cache": {"bytes_per_position", "dtype", "page", "max_seq", "max_batch", "sequence_bytes", "bytes"},
///    "weights": {"count", "bytes"}}
/// Steps count from 0.
nlohmann::ordered_json memoryJson(const plan::Plan &plan);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_MEMORYVIEW_H
