//===- CheckPlan.cpp - Whether a plan means something ------------------------------------===//
//
// The FlatBuffers verifier proves that every offset stays in the buffer; it knows nothing of indices, enums and sizes.
// After this file the runtime uses them without looking again.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/core/DataType.h"
#include "runtime/core/Error.h"
#include "runtime/plan/PlanFile.h"

#include <cstring>
#include <initializer_list>

namespace quipu {
namespace {

// Bounds far above any real model, which keep the arithmetic that follows from overflowing.
constexpr uint64_t kMaxBytes = uint64_t(1) << 46;
constexpr uint64_t kMaxElements = uint64_t(1) << 44;
constexpr uint64_t kMaxCount = uint64_t(1) << 24;
constexpr uint64_t kMaxScratch = uint64_t(1) << 30;
constexpr uint64_t kMaxBlocks = uint64_t(1) << 40;
constexpr uint64_t kMaxPages = uint64_t(1) << 26;
constexpr uint64_t kNoFile = 0xffffffff;

class Checker {
public:
  Checker(const plan::Plan &plan, const std::string &name) : plan(plan), name(name) {}

  void run() {
    if (plan.schema_version() != kSchemaVersion)
      wrong("schema_version is ", plan.schema_version(), ", this quipu reads ", kSchemaVersion);
    checkTarget();
    checkConfig();
    checkCache();
    checkFiles();
    for (size_t i = 0; i < plan.weights()->size(); ++i)
      checkWeight(*plan.weights()->Get(i), i);
    checkModules();
    checkPrograms();
    checkTokenizer();
  }

private:
  template <typename... Args> [[noreturn]] void wrong(const Args &...args) {
    fail(name, ": the plan is invalid: ", args..., "; compile the model again with this version of quipu");
  }

  template <typename Enum> void checkEnum(Enum value, Enum last, const std::string &field) {
    if (uint64_t(value) > uint64_t(last))
      wrong(field, " is ", uint64_t(value), ", the last known is ", uint64_t(last));
  }

  void checkRange(uint64_t value, uint64_t low, uint64_t high, const std::string &field) {
    if (value < low || value > high)
      wrong(field, " is ", value, ", expected ", low, " to ", high);
  }

  /// The verifier looks at the alignment of a vector's length only, not at that of its elements.
  template <typename Vector> void checkAligned(const Vector &vector, const std::string &field) {
    if (reinterpret_cast<uintptr_t>(vector.Data()) % 8 != 0)
      wrong(field, " is not aligned");
  }

  void checkName(const flatbuffers::String *string, const std::string &field) {
    // What a C interface reads must end where the string does.
    if (!string || string->size() == 0 || strlen(string->c_str()) != string->size())
      wrong(field, " is missing, empty or holds a zero byte");
  }

  void checkFloatType(plan::DType dtype, const std::string &field) {
    checkEnum(dtype, plan::DType::i32, field);
    if (dtype == plan::DType::i32)
      wrong(field, " is i32, expected f32, f16 or bf16");
  }

  void checkTarget() {
    checkName(plan.target()->device(), "target.device");
    checkName(plan.target()->isa(), "target.isa");
    if (plan.target()->features())
      for (const flatbuffers::String *feature : *plan.target()->features())
        checkName(feature, "an entry of target.features");
  }

  void checkConfig() {
    const plan::ModelConfig &config = *plan.config();
    checkRange(config.vocab_size(), 1, kMaxCount, "config.vocab_size");
    checkRange(config.hidden_size(), 1, kMaxCount, "config.hidden_size");
    checkRange(config.num_layers(), 1, 65536, "config.num_layers");
    checkRange(config.num_heads(), 1, 65536, "config.num_heads");
    checkEnum(config.rope_scaling(), plan::RopeScaling::MAX, "config.rope_scaling");
    checkEnum(config.rotary_layout(), plan::RotaryLayout::MAX, "config.rotary_layout");
    checkFloatType(config.compute_dtype(), "config.compute_dtype");
  }

  void checkCache() {
    const plan::KvCache &cache = *plan.kv_cache();
    const plan::ModelConfig &config = *plan.config();
    checkRange(cache.layers(), 1, 65536, "kv_cache.layers");
    checkRange(cache.kv_heads(), 1, 65536, "kv_cache.kv_heads");
    checkRange(cache.head_dim(), 1, 65536, "kv_cache.head_dim");
    checkRange(cache.page(), 1, 65536, "kv_cache.page");
    checkRange(cache.max_seq(), 1, kMaxCount, "kv_cache.max_seq");
    checkRange(cache.max_batch(), 1, 65536, "kv_cache.max_batch");
    checkFloatType(cache.dtype(), "kv_cache.dtype");
    if (cache.layers() != config.num_layers() || cache.kv_heads() != config.num_kv_heads() ||
        cache.head_dim() != config.head_dim())
      wrong("kv_cache is ", cache.layers(), " layers x ", cache.kv_heads(), " heads x ", cache.head_dim(),
            " where config says ", config.num_layers(), " x ", config.num_kv_heads(), " x ", config.head_dim());
    unsigned __int128 pages = (cache.max_seq() + uint64_t(cache.page()) - 1) / cache.page();
    if (pages * cache.max_batch() > kMaxPages)
      wrong("kv_cache has more than ", kMaxPages, " pages (max_seq ", cache.max_seq(), ", max_batch ",
            cache.max_batch(), ", page ", cache.page(), ")");
    unsigned __int128 bytes = pages * cache.page() * cache.max_batch() * cache.kv_heads() * cache.head_dim() *
                              dtypeSize(cache.dtype()) * 2 * cache.layers();
    if (bytes > kMaxBytes)
      wrong("kv_cache takes more than ", kMaxBytes >> 40, " TiB");
  }

  void checkFiles() {
    numFiles = plan.files() ? plan.files()->size() : 0;
    for (size_t i = 0; i < numFiles; ++i) {
      const plan::WeightFile &file = *plan.files()->Get(i);
      std::string field = concat("files[", i, "]");
      checkName(file.path(), field + ".path");
      if (file.relative_path() && strlen(file.relative_path()->c_str()) != file.relative_path()->size())
        wrong(field, ".relative_path holds a zero byte");
      checkRange(file.size(), 1, kMaxBytes, field + ".size");
      if (!file.header_hash() || file.header_hash()->size() != 16)
        wrong(field, ".header_hash is not 16 bytes");
      if (!file.content_hash() || file.content_hash()->size() != 16)
        wrong(field, ".content_hash is not 16 bytes");
    }
  }

  /// Number of elements of a shape.
  uint64_t elements(const flatbuffers::Vector<uint64_t> *shape, const std::string &field) {
    if (!shape || shape->size() == 0 || shape->size() > 8)
      wrong(field, ".shape has ", shape ? shape->size() : 0, " dimensions, expected 1 to 8");
    checkAligned(*shape, field + ".shape");
    uint64_t count = 1;
    for (uint64_t dim : *shape) {
      checkRange(dim, 1, kMaxElements / count, field + ".shape");
      count *= dim;
    }
    return count;
  }

  void checkWeight(const plan::Weight &weight, size_t index) {
    checkName(weight.name(), concat("weights[", index, "].name"));
    std::string field = concat("weight ", weight.name()->string_view());
    checkFloatType(weight.dtype(), field + ": dtype");
    checkEnum(weight.transform(), plan::WeightTransform::MAX, field + ": transform");
    checkEnum(weight.role(), plan::WeightRole::MAX, field + ": role");
    uint64_t total = elements(weight.shape(), field);
    size_t numSources = weight.sources() ? weight.sources()->size() : 0;
    if (numSources == 0 || (weight.transform() != plan::WeightTransform::concat && numSources != 1))
      wrong(field, " has ", numSources, " sources for its transform ",
            plan::EnumNameWeightTransform(weight.transform()));
    uint64_t sum = 0;
    for (const plan::Source *source : *weight.sources()) {
      checkName(source->name(), field + ": name of a source");
      checkSource(*source, field + ", source " + source->name()->str());
      uint64_t count = elements(source->shape(), field + ", source " + source->name()->str());
      if (count > total - sum)
        wrong(field, ": its sources have more elements than its shape");
      sum += count;
      if (weight.transform() == plan::WeightTransform::none && source->dtype() != weight.dtype())
        wrong(field, " is used in place but its source is ", dtypeName(source->dtype()), ", not ",
              dtypeName(weight.dtype()));
      if (numSources > 1)
        checkJoinable(weight, *source, field);
    }
    if (sum != total)
      wrong(field, ": its sources have ", sum, " elements, its shape has ", total);
  }

  void checkSource(const plan::Source &source, const std::string &field) {
    checkFloatType(source.dtype(), field + ": dtype");
    uint64_t bytes = elements(source.shape(), field) * dtypeSize(source.dtype());
    // Without a file there are no bytes to place.
    if (source.file() == kNoFile && source.size() == 0)
      return;
    if (source.size() != bytes)
      wrong(field, ": size is ", source.size(), " bytes, its shape and dtype need ", bytes);
    if (source.file() == kNoFile)
      return;
    if (source.file() >= numFiles)
      wrong(field, ": file is ", source.file(), ", the plan has ", numFiles);
    uint64_t fileSize = plan.files()->Get(source.file())->size();
    if (source.offset() > fileSize || source.size() > fileSize - source.offset())
      wrong(field, ": bytes ", source.offset(), " and ", source.size(), " more leave its file of ", fileSize, " bytes");
  }

  /// Sources that are joined along dimension 0 agree in the others.
  void checkJoinable(const plan::Weight &weight, const plan::Source &source, const std::string &field) {
    bool same = source.shape()->size() == weight.shape()->size();
    for (size_t i = 1; same && i < weight.shape()->size(); ++i)
      same = source.shape()->Get(i) == weight.shape()->Get(i);
    if (!same)
      wrong(field, ": source ", source.name()->string_view(), " differs from it in a dimension other than the first");
  }

  void checkModules() {
    if (plan.modules()->size() == 0)
      wrong("it has no code modules");
    for (size_t i = 0; i < plan.modules()->size(); ++i) {
      const plan::CodeModule &module = *plan.modules()->Get(i);
      checkEnum(module.format(), plan::CodeFormat::MAX, concat("modules[", i, "].format"));
      if (module.bytes()->size() == 0)
        wrong("modules[", i, "].bytes is empty");
    }
  }

  void checkKernel(const plan::Kernel &kernel, size_t index, uint64_t maxRows) {
    checkName(kernel.name(), concat("kernels[", index, "].name"));
    std::string field = concat("kernel ", kernel.name()->string_view());
    checkRange(kernel.scratch_bytes(), 0, kMaxScratch, field + ": scratch_bytes");
    checkEnum(kernel.rows(), plan::RowDim::MAX, field + ": rows");
    checkRange(kernel.entries()->size(), 1, 64, field + ": number of entries");
    for (const plan::Entry *entry : *kernel.entries()) {
      checkName(entry->symbol(), field + ": symbol");
      const plan::Grid &grid = *entry->grid();
      checkEnum(grid.rows(), plan::RowDim::MAX, field + ": grid.rows");
      checkRange(grid.rows_per_block(), 1, kMaxCount, field + ": grid.rows_per_block");
      uint64_t rowBlocks = grid.rows() == plan::RowDim::one ? 1 : (maxRows - 1) / grid.rows_per_block() + 1;
      checkRange(grid.fixed(), 1, kMaxBlocks / rowBlocks, field + ": grid.fixed");
    }
  }

  void checkPrograms() {
    if (plan.programs()->size() == 0)
      wrong("it has no programs");
    uint64_t maxRows = 1;
    for (size_t i = 0; i < plan.programs()->size(); ++i) {
      const plan::Program &program = *plan.programs()->Get(i);
      checkName(program.name(), concat("programs[", i, "].name"));
      std::string field = concat("program ", program.name()->string_view());
      checkEnum(program.kind(), plan::ProgramKind::MAX, field + ": kind");
      checkRange(program.min_rows(), 1, 1 << 20, field + ": min_rows");
      checkRange(program.max_rows(), program.min_rows(), 1 << 20, field + ": max_rows");
      checkRange(program.row_align(), 1, program.max_rows(), field + ": row_align");
      uint64_t align = program.row_align();
      if ((program.min_rows() + align - 1) / align * align > program.max_rows())
        wrong(field, ": min_rows ", program.min_rows(), " padded to row_align ", align, " exceeds max_rows ",
              program.max_rows());
      checkRange(program.arena_bytes(), 0, kMaxBytes, field + ": arena_bytes");
      maxRows = std::max<uint64_t>(maxRows, program.max_rows());
    }
    for (size_t i = 0; i < plan.kernels()->size(); ++i)
      checkKernel(*plan.kernels()->Get(i), i, maxRows);
    for (const plan::Program *program : *plan.programs())
      checkSteps(*program, concat("program ", program->name()->string_view()));
  }

  void checkSteps(const plan::Program &program, const std::string &field) {
    if (program.sequences()->size() == 0)
      wrong(field, " has no sequences");
    uint64_t pointers = 0;
    for (size_t s = 0; s < program.sequences()->size(); ++s) {
      const plan::Sequence &sequence = *program.sequences()->Get(s);
      std::string place = concat(field, ", sequence ", s);
      checkRange(sequence.repeat(), 1, 65536, place + ": repeat");
      for (size_t i = 0; i < sequence.steps()->size(); ++i) {
        const plan::Step &step = *sequence.steps()->Get(i);
        std::string where = concat(place, ", step ", i);
        size_t numArgs = step.args() ? step.args()->size() : 0;
        if (step.kernel() >= plan.kernels()->size())
          wrong(where, ": kernel is ", step.kernel(), ", the plan has ", plan.kernels()->size());
        const plan::Kernel &kernel = *plan.kernels()->Get(step.kernel());
        if (kernel.independent_args())
          for (uint32_t arg : *kernel.independent_args())
            if (arg >= numArgs)
              wrong(where, ": independent argument ", arg, " of kernel ", kernel.name()->string_view(),
                    ", the step has ", numArgs);
        if (numArgs)
          checkAligned(*step.args(), where + ": args");
        for (size_t a = 0; a < numArgs; ++a)
          checkArg(program, *step.args()->Get(a), sequence.repeat(), concat(where, ", argument ", a));
        pointers += uint64_t(sequence.repeat()) * (3 * numArgs + kernel.entries()->size());
        if (pointers > kMaxCount)
          wrong(field, " has more than ", kMaxCount, " arguments");
      }
    }
  }

  void checkArg(const plan::Program &program, const plan::Arg &arg, uint64_t repeat, const std::string &where) {
    checkEnum(arg.kind(), plan::ArgKind::MAX, where + ": kind");
    uint64_t bound = 0;
    switch (arg.kind()) {
    case plan::ArgKind::arena:
      bound = program.arena_bytes();
      if (arg.value() % 64 != 0 || arg.stride() % 64 != 0)
        wrong(where, ": arena offset ", arg.value(), " (stride ", arg.stride(), ") is not a multiple of 64");
      break;
    case plan::ArgKind::weight:
      bound = plan.weights()->size();
      break;
    case plan::ArgKind::kv_layer:
      bound = plan.kv_cache()->layers();
      break;
    case plan::ArgKind::input:
      bound = uint64_t(plan::InputKind::MAX) + 1;
      break;
    case plan::ArgKind::output:
      bound = uint64_t(plan::OutputKind::MAX) + 1;
      break;
    }
    // Values are linear in the iteration: the first and the last bound the others.
    __int128 first = arg.value();
    __int128 last = first + __int128(arg.stride()) * __int128(repeat - 1);
    for (__int128 value : {first, last})
      if (value < 0 || value >= __int128(bound))
        wrong(where, ": ", plan::EnumNameArgKind(arg.kind()), " ", arg.value(), " with stride ", arg.stride(), " over ",
              repeat, " iterations leaves the range 0 to ", bound);
  }

  void checkTokenizer() {
    const plan::Tokenizer *tokenizer = plan.tokenizer();
    if (!tokenizer)
      return;
    checkEnum(tokenizer->kind(), plan::TokenizerKind::MAX, "tokenizer.kind");
    if (tokenizer->kind() != plan::TokenizerKind::none && (!tokenizer->model() || tokenizer->model()->size() == 0))
      wrong("tokenizer.model is empty");
  }

  const plan::Plan &plan;
  const std::string &name;
  size_t numFiles = 0;
};

} // namespace

void checkPlan(const plan::Plan &plan, const std::string &name) { Checker(plan, name).run(); }

} // namespace quipu
