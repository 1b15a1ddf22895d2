//===- PlanText.cpp - A plan for people to read ------------------------------------------===//

#include "tools/quipu/inspect/PlanText.h"
#include "runtime/abi/SourceSlice.h"
#include "runtime/abi/TensorPieces.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/inspect/Columns.h"
#include "tools/quipu/inspect/MemoryView.h"
#include "tools/quipu/inspect/PlanJson.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <map>
#include <sstream>

namespace quipu::tool {

static void printTarget(std::ostringstream &os, const PlanFile &file) {
  const plan::Plan &plan = file.plan();
  os << "plan of " << file.planBytes() << " bytes by " << text(plan.producer()) << ", schema " << plan.schema_version()
     << (file.isBundle() ? ", with its weights in the same file" : "") << "\n";
  os << "target " << text(plan.target()->device()) << " " << text(plan.target()->isa());
  if (plan.target()->requested())
    os << " (asked for: " << text(plan.target()->requested()) << ")";
  os << "; needs:";
  if (plan.target()->features())
    for (const flatbuffers::String *feature : *plan.target()->features())
      os << " " << feature->str();
  os << "\ndeterministic: " << (plan.deterministic() ? "yes" : "no");
  if (plan.differs_because())
    os << ", because " << text(plan.differs_because());
  os << "\n\n";
}

static void printConfig(std::ostringstream &os, const plan::Plan &plan) {
  os << "config\n";
  nlohmann::ordered_json config = configJson(*plan.config());
  for (const auto &[key, value] : config.items())
    os << "  " << padded(key, 26) << (value.is_string() ? value.get<std::string>() : jsonText(value, -1)) << "\n";
  os << "\n";
}

/// " for sm_80" where the plan holds programs for several kinds of devices.
static std::string variantText(const plan::Plan &plan, uint32_t variant) {
  if (!plan.variants() || plan.variants()->size() < 2)
    return "";
  return " for " + text(plan.variants()->Get(variant)->isa());
}

/// Begins the line of a step: those that are repeated stand deeper than those that run once.
static const char *stepIndent(const plan::Sequence &sequence) { return sequence.repeat() > 1 ? "      " : "    "; }

/// "  takes tokens (i32, tokens), ..." and what it gives.
static void printValues(std::ostringstream &os, const char *verb,
                        const flatbuffers::Vector<flatbuffers::Offset<plan::ProgramValue>> *values) {
  const char *separator = verb;
  for (size_t i = 0; values && i < values->size(); ++i) {
    os << separator << valueText(*values->Get(uint32_t(i)));
    separator = ", ";
  }
  if (separator != verb)
    os << "\n";
}

static void printPrograms(std::ostringstream &os, const plan::Plan &plan) {
  for (const plan::Program *program : *plan.programs()) {
    os << "program " << text(program->name()) << variantText(plan, program->variant()) << ": steps of ";
    if (program->max_rows() == 1)
      os << "1 row";
    else
      os << program->min_rows() << " to " << program->max_rows() << " rows";
    if (program->row_align() > 1)
      os << ", sequences padded to multiples of " << program->row_align();
    os << ", arena " << binaryBytes(double(program->arena_bytes())) << "\n";
    printValues(os, "  takes ", program->inputs());
    printValues(os, "  gives ", program->outputs());
    for (const plan::Sequence *sequence : *program->sequences()) {
      if (sequence->repeat() > 1)
        os << "  " << sequence->repeat() << " times:\n";
      for (const plan::Step *step : *sequence->steps())
        os << stepIndent(*sequence) << padded(stepText(plan, *step), 28) << locationText(*step, sequence->repeat())
           << "\n";
    }
    os << "\n";
  }
}

static void printKernels(std::ostringstream &os, const plan::Plan &plan) {
  os << "kernels\n";
  for (const plan::Kernel *kernel : *plan.kernels()) {
    os << "  " << text(kernel->name()) << ": " << text(kernel->schedule()) << "\n";
    for (const plan::Entry *entry : *kernel->entries()) {
      os << "    entry " << padded(text(entry->symbol()), 36) << " blocks " << gridText(*entry->grid());
      if (entry->least_blocks() > 1)
        os << ", " << entry->least_blocks() << " or more at a time";
      if (entry->threads())
        os << " of " << entry->threads() << " threads";
      if (entry->shared_bytes())
        os << ", " << binaryBytes(entry->shared_bytes()) << " shared";
      if (entry->persistent())
        os << ", persistent";
      if (entry->cluster() > 1)
        os << ", clusters of " << entry->cluster();
      os << "\n";
    }
    os << "    reads " << decimalBytes(double(kernel->weight_bytes())) << " of weights, " << kernel->flops_per_row()
       << " operations a row of " << plan::EnumNameRowDim(kernel->rows());
    if (kernel->flops_per_key())
      os << ", " << decimalBytes(double(kernel->cache_bytes_per_key())) << " of the cache and "
         << kernel->flops_per_key() << " operations a key";
    if (kernel->scratch_bytes())
      os << ", " << binaryBytes(kernel->scratch_bytes()) << " of scratch a thread";
    os << "\n";
  }
  for (const plan::CodeModule *module : *plan.modules())
    os << "  code: " << plan::EnumNameCodeFormat(module->format()) << " for " << text(module->isa()) << ", "
       << module->bytes()->size() << " bytes\n";
  os << "\n";
}

static void printSummaries(std::ostringstream &os, const plan::Plan &plan) {
  const plan::KvCache &cache = *plan.kv_cache();
  os << "key/value cache: " << cacheText(cache) << "\n";
  std::map<std::string, std::pair<size_t, uint64_t>> byTransform, byFormat;
  uint64_t total = 0;
  for (const plan::Weight *weight : *plan.weights()) {
    for (auto *share :
         {&byTransform[plan::EnumNameWeightTransform(weight->transform())], &byFormat[text(weight->format())]}) {
      ++share->first;
      share->second += weightBytes(*weight);
    }
    total += weightBytes(*weight);
  }
  os << "weights: " << plan.weights()->size() << " of " << decimalBytes(double(total));
  for (const auto &[name, share] : byTransform)
    os << "; " << name << ": " << share.first << " of " << decimalBytes(double(share.second));
  os << "\n  in memory";
  for (const auto &[name, share] : byFormat)
    os << (name == byFormat.begin()->first ? " " : "; ") << name << ": " << share.first << " of "
       << decimalBytes(double(share.second));
  os << "\n";
  if (plan.files())
    for (const plan::WeightFile *file : *plan.files()) {
      std::string content = hexText(file->content_hash());
      os << "  file " << text(file->path()) << ", " << file->size() << " bytes, "
         << (content.empty() ? "samples " + hexText(file->sample_hash()) : "content " + content) << "\n";
    }
  const plan::Tokenizer *tokenizer = plan.tokenizer();
  if (!tokenizer || tokenizer->kind() == plan::TokenizerKind::none)
    return;
  os << "tokenizer: " << plan::EnumNameTokenizerKind(tokenizer->kind()) << ", ";
  if (const plan::Bpe *bpe = tokenizer->bpe())
    os << bpe->piece_ends()->size() << " pieces, " << (bpe->merges() ? bpe->merges()->size() : 0) << " merges";
  else
    os << tokenizer->model()->size() << " bytes";
  os << ", BOS before a prompt: " << (tokenizer->add_bos() ? "yes" : "no") << "\n";
}

std::string planText(const PlanFile &file) {
  std::ostringstream os;
  printTarget(os, file);
  printConfig(os, file.plan());
  printPrograms(os, file.plan());
  printKernels(os, file.plan());
  printSummaries(os, file.plan());
  return os.str();
}

std::string memoryText(const PlanFile &file) {
  std::ostringstream os;
  const plan::Plan &plan = file.plan();
  for (const plan::Program *program : *plan.programs()) {
    os << "program " << text(program->name()) << variantText(plan, program->variant()) << ": arena "
       << program->arena_bytes() << " bytes for " << (program->max_rows() > 1 ? "up to " : "") << program->max_rows()
       << (program->max_rows() > 1 ? " rows\n" : " row\n");
    for (const plan::Sequence *sequence : *program->sequences()) {
      if (sequence->repeat() > 1)
        os << "  " << sequence->repeat() << " times:\n";
      for (const plan::Step *step : *sequence->steps()) {
        os << stepIndent(*sequence) << padded(stepText(plan, *step), 28);
        const char *separator = "";
        for (size_t i = 0; step->args() && i < step->args()->size(); ++i) {
          os << separator << argumentText(plan, *program, *step->args()->Get(uint32_t(i)), sequence->repeat());
          separator = ", ";
        }
        os << "\n";
      }
    }
    os << arenaPicture(ArenaMap::of(plan, *program)) << "\n";
  }
  printSummaries(os, plan);
  const plan::KvCache &cache = *plan.kv_cache();
  os << "a sequence of full length: " << binaryBytes(double(cacheBytesPerPosition(cache) * cache.max_seq()))
     << " of the cache\n";
  return os.str();
}

/// "[192:384, 0:64]", the rows and columns of a tensor that a source is; empty: all of them.
static std::string sliceText(const plan::Source &source) {
  const plan::Slice *slice = source.slice();
  if (!slice)
    return "";
  std::ostringstream os;
  os << "[" << slice->first_row() << ":" << slice->first_row() + slice->rows();
  if (slice->columns() != SourceSlice::of(source).tensorColumns)
    os << ", " << slice->first_column() << ":" << slice->first_column() + slice->columns();
  os << "]";
  return os.str();
}

std::string weightsText(const PlanFile &file) {
  std::ostringstream os;
  for (const plan::Weight *weight : *file.plan().weights()) {
    os << padded(text(weight->name()), 40) << padded(shapeText(weight->shape()), 16)
       << padded(text(weight->format()), 6) << padded(plan::EnumNameWeightTransform(weight->transform()), 9)
       << padded(plan::EnumNameWeightRole(weight->role()), 10);
    const char *separator = "from ";
    if (weight->sources())
      for (const plan::Source *source : *weight->sources()) {
        os << separator << text(source->name_in_file() ? source->name_in_file() : source->name()) << sliceText(*source)
           << " (" << text(source->format());
        for (const TensorPiece &piece : piecesOf(*source)) {
          os << ", file " << piece.file << " at " << piece.offset;
          if (source->pieces())
            os << " for [" << piece.firstRow << ":" << piece.firstRow + piece.rows << ", " << piece.firstColumn << ":"
               << piece.firstColumn + piece.columns << "]";
        }
        if (source->rounding_error() > 0)
          os << ", rounded with an error of " << fixed(100 * source->rounding_error(), 3) << " %";
        os << ")";
        separator = ", ";
      }
    if (weight->plus() != 0)
      os << " plus " << weight->plus();
    os << "\n";
  }
  return os.str();
}

} // namespace quipu::tool
