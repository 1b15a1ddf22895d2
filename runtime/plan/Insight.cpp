//===- Insight.cpp - What a plan says about its compilation ------------------------------===//

#include "runtime/plan/Insight.h"

#include "runtime/support/Error.h"

#include <zlib.h>

#include <algorithm>

namespace quipu {

/// Bytes of the largest text. A text that becomes longer was not written by the compiler.
static constexpr size_t kMaxText = size_t(1) << 30;

std::vector<uint8_t> compressText(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::vector<uint8_t> bytes(size);
  if (compress2(bytes.data(), &size, reinterpret_cast<const Bytef *>(text.data()), text.size(),
                Z_DEFAULT_COMPRESSION) != Z_OK)
    fail("a text of ", text.size(), " bytes for the plan could not be compressed");
  bytes.resize(size);
  return bytes;
}

Insight Insight::of(const PlanFile &file) {
  const plan::Insight *table = file.plan().insight();
  if (!table)
    fail(file.path(), ": holds no IR of its compilation; compile again with --keep-ir, or give the model");
  return {file, *table};
}

std::vector<std::string> Insight::phases() const {
  std::vector<std::string> names;
  if (table->phases())
    for (const plan::PhaseText *phase : *table->phases())
      names.push_back(phase->name()->str());
  return names;
}

std::string Insight::phase(std::string_view name) const {
  std::string known;
  if (table->phases())
    for (const plan::PhaseText *phase : *table->phases()) {
      if (phase->name()->string_view() == name || phase->name()->string_view() == concat("llama-", name))
        return uncompress(*phase->text(), concat("text of phase ", name));
      known += concat(known.empty() ? "" : ", ", phase->name()->string_view());
    }
  fail(file->path(), ": has no module after a phase '", name, "'; phases: ", known);
}

std::string Insight::uncompress(const flatbuffers::Vector<uint8_t> &bytes, std::string_view field) const {
  z_stream stream = {};
  if (inflateInit(&stream) != Z_OK)
    fail(file->path(), ": insight: the ", field, " could not be uncompressed");
  stream.next_in = const_cast<Bytef *>(bytes.data());
  stream.avail_in = bytes.size();
  std::string text;
  int status = Z_OK;
  while (status == Z_OK && text.size() < kMaxText) {
    size_t before = text.size();
    text.resize(std::max<size_t>(2 * before, 1 << 16));
    stream.next_out = reinterpret_cast<Bytef *>(text.data() + before);
    stream.avail_out = uInt(text.size() - before);
    status = inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END)
    fail(file->path(), ": insight: the ", field, " is damaged; compile again");
  return text;
}

} // namespace quipu
