//===- PlanJson.cpp - A plan as JSON -----------------------------------------------------===//

#include "tools/quipu/inspect/PlanJson.h"
#include "runtime/abi/TensorPieces.h"
#include "runtime/plan/Insight.h"
#include "runtime/plan/Steps.h"
#include "tools/quipu/inspect/PlanNames.h"

namespace quipu::tool {

using Json = nlohmann::ordered_json;

template <typename Vector> static Json list(const Vector *values) {
  Json result = Json::array();
  if (values)
    for (auto value : *values)
      result.push_back(value);
  return result;
}

static Json strings(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> *values) {
  Json result = Json::array();
  if (values)
    for (const flatbuffers::String *value : *values)
      result.push_back(value->str());
  return result;
}

Json configJson(const plan::ModelConfig &config) {
  Json result = {{"name", text(config.name())},
                 {"architecture", text(config.architecture())},
                 {"hidden_size", config.hidden_size()},
                 {"intermediate_size", config.intermediate_size()},
                 {"num_layers", config.num_layers()},
                 {"num_heads", config.num_heads()},
                 {"num_kv_heads", config.num_kv_heads()},
                 {"head_dim", config.head_dim()},
                 {"vocab_size", config.vocab_size()},
                 {"max_position_embeddings", config.max_position_embeddings()},
                 {"rms_norm_eps", config.rms_norm_eps()},
                 {"rope_theta", config.rope_theta()},
                 {"rope_scaling", plan::EnumNameRopeScaling(config.rope_scaling())}};
  if (config.rope_scaling() != plan::RopeScaling::none)
    result["rope_factor"] = config.rope_factor();
  if (config.rope_scaling() == plan::RopeScaling::llama3) {
    result["rope_low_freq_factor"] = config.rope_low_freq_factor();
    result["rope_high_freq_factor"] = config.rope_high_freq_factor();
    result["rope_original_context"] = config.rope_original_context();
  }
  if (config.rope_divisors())
    result["rope_divisors"] = list(config.rope_divisors());
  if (config.rope_amplitude() != 1)
    result["rope_amplitude"] = config.rope_amplitude();
  result["rotary_layout"] = plan::EnumNameRotaryLayout(config.rotary_layout());
  result["tie_word_embeddings"] = config.tie_word_embeddings();
  result["attention_bias"] = config.attention_bias();
  result["attention_output_bias"] = config.attention_output_bias();
  result["mlp_bias"] = config.mlp_bias();
  result["activation"] = text(config.activation());
  result["norm_plus"] = config.norm_plus();
  result["embedding_scale"] = config.embedding_scale();
  result["sliding_window"] = config.sliding_window();
  if (config.sliding_layers())
    result["sliding_layers"] = list(config.sliding_layers());
  result["bos_token_ids"] = list(config.bos_token_ids());
  result["eos_token_ids"] = list(config.eos_token_ids());
  result["compute_dtype"] = plan::EnumNameDType(config.compute_dtype());
  return result;
}

static Json rangesJson(const flatbuffers::Vector<const plan::FileRange *> *ranges) {
  Json result = Json::array();
  for (size_t i = 0; ranges && i < ranges->size(); ++i)
    result.push_back({{"offset", ranges->Get(uint32_t(i))->offset()}, {"size", ranges->Get(uint32_t(i))->size()}});
  return result;
}

static Json piecesJson(const plan::Source &source) {
  Json result = Json::array();
  for (const TensorPiece &piece : piecesOf(source)) {
    Json item = {{"file", piece.file},
                 {"offset", piece.offset},
                 {"first_row", piece.firstRow},
                 {"rows", piece.rows},
                 {"first_column", piece.firstColumn},
                 {"columns", piece.columns}};
    if (piece.group) {
      item["scales"] = piece.scales;
      item["group"] = piece.group;
    }
    result.push_back(std::move(item));
  }
  return result;
}

Json weightJson(const plan::Weight &weight) {
  Json sources = Json::array();
  if (weight.sources())
    for (const plan::Source *source : *weight.sources()) {
      Json item = {{"name", text(source->name())}, {"dtype", text(source->format())}, {"shape", list(source->shape())}};
      if (const plan::Slice *slice = source->slice())
        item["slice"] = {{"first_row", slice->first_row()},
                         {"rows", slice->rows()},
                         {"first_column", slice->first_column()},
                         {"columns", slice->columns()}};
      if (source->order() != plan::RowOrder::plain || source->first_row() != 0) {
        item["order"] = plan::EnumNameRowOrder(source->order());
        item["group_rows"] = source->group_rows();
        item["first_row"] = source->first_row();
      }
      if (source->file() != kNoFile) {
        item["name_in_file"] = text(source->name_in_file());
        item["file"] = source->file();
        item["offset"] = source->offset();
        item["size"] = source->size();
      }
      if (source->pieces()) {
        item["name_in_file"] = text(source->name_in_file());
        item["pieces"] = piecesJson(*source);
      }
      if (source->rounding_error() > 0)
        item["rounding_error"] = source->rounding_error();
      sources.push_back(item);
    }
  Json result = {{"name", text(weight.name())},
                 {"dtype", text(weight.format())},
                 {"shape", list(weight.shape())},
                 {"transform", plan::EnumNameWeightTransform(weight.transform())},
                 {"role", plan::EnumNameWeightRole(weight.role())},
                 {"sources", sources}};
  if (weight.plus() != 0)
    result["plus"] = weight.plus();
  return result;
}

static Json tensorMapJson(const plan::TensorMap &map) {
  return {{"pointer", map.pointer()},   {"dtype", plan::EnumNameDType(map.dtype())},
          {"rows", map.rows()},         {"columns", map.columns()},
          {"box_rows", map.box_rows()}, {"box_columns", map.box_columns()}};
}

static Json entryJson(const plan::Entry &entry) {
  const plan::Grid &grid = *entry.grid();
  Json result = {{"symbol", text(entry.symbol())},
                 {"grid", gridText(grid)},
                 {"fixed", grid.fixed()},
                 {"rows", plan::EnumNameRowDim(grid.rows())},
                 {"rows_per_block", grid.rows_per_block()}};
  if (entry.threads() == 0) {
    result["least_blocks"] = entry.least_blocks();
    return result;
  }
  result["threads"] = entry.threads();
  result["shared_bytes"] = entry.shared_bytes();
  result["persistent"] = entry.persistent();
  result["prefer_shared"] = entry.prefer_shared();
  result["cluster"] = entry.cluster();
  result["tensor_maps"] = Json::array();
  if (entry.tensor_maps())
    for (const plan::TensorMap *map : *entry.tensor_maps())
      result["tensor_maps"].push_back(tensorMapJson(*map));
  return result;
}

Json kernelJson(const plan::Kernel &kernel) {
  Json entries = Json::array();
  for (const plan::Entry *entry : *kernel.entries())
    entries.push_back(entryJson(*entry));
  return {{"name", text(kernel.name())},
          {"schedule", text(kernel.schedule())},
          {"entries", entries},
          {"scratch_bytes", kernel.scratch_bytes()},
          {"weight_bytes", kernel.weight_bytes()},
          {"flops_per_row", kernel.flops_per_row()},
          {"cache_bytes_per_key", kernel.cache_bytes_per_key()},
          {"flops_per_key", kernel.flops_per_key()},
          {"window", kernel.window()},
          {"rows", plan::EnumNameRowDim(kernel.rows())}};
}

static Json valuesJson(const flatbuffers::Vector<flatbuffers::Offset<plan::ProgramValue>> *values) {
  Json result = Json::array();
  for (size_t i = 0; values && i < values->size(); ++i) {
    const plan::ProgramValue &value = *values->Get(uint32_t(i));
    result.push_back({{"name", text(value.name())},
                      {"type", plan::EnumNameValueType(value.type())},
                      {"rows", plan::EnumNameRowDim(value.rows())},
                      {"columns", value.columns()}});
  }
  return result;
}

/// What a step does, without its arguments. Steps that run a kernel alone have the key "kernel".
static Json actionJson(const plan::Plan &plan, const plan::Step &step) {
  if (const plan::Kernel *kernel = kernelOf(plan, step))
    return {{"kernel", text(kernel->name())}};
  if (const plan::Copy *copy = step.action_as_Copy())
    return {{"action", "copy"}, {"rows", plan::EnumNameRowDim(copy->rows())}, {"row_bytes", copy->row_bytes()}};
  if (const plan::Collective *collective = step.action_as_Collective())
    return {{"action", "collective"},
            {"kind", plan::EnumNameCollectiveKind(collective->kind())},
            {"dtype", plan::EnumNameDType(collective->dtype())},
            {"rows", plan::EnumNameRowDim(collective->rows())},
            {"columns", collective->columns()},
            {"devices", collective->devices()}};
  return {{"action", "sample"}, {"mode", plan::EnumNameSampleMode(step.action_as_Sample()->mode())}};
}

static Json programJson(const plan::Plan &plan, const plan::Program &program) {
  Json sequences = Json::array();
  for (const plan::Sequence *sequence : *program.sequences()) {
    Json steps = Json::array();
    for (const plan::Step *step : *sequence->steps()) {
      Json arguments = Json::array();
      if (step->args())
        for (const plan::Arg *argument : *step->args())
          arguments.push_back({{"kind", plan::EnumNameArgKind(argument->kind())},
                               {"value", argument->value()},
                               {"stride", argument->stride()},
                               {"text", argumentText(plan, program, *argument, sequence->repeat())}});
      Json item = actionJson(plan, *step);
      item["location"] = locationText(*step, sequence->repeat());
      item["args"] = arguments;
      steps.push_back(item);
    }
    sequences.push_back({{"repeat", sequence->repeat()}, {"steps", steps}});
  }
  return {{"name", text(program.name())},
          {"kind", plan::EnumNameProgramKind(program.kind())},
          {"variant", program.variant()},
          {"min_rows", program.min_rows()},
          {"max_rows", program.max_rows()},
          {"row_align", program.row_align()},
          {"arena_bytes", program.arena_bytes()},
          {"inputs", valuesJson(program.inputs())},
          {"outputs", valuesJson(program.outputs())},
          {"sequences", sequences}};
}

static Json insightJson(const Insight &insight) {
  return {{"phases", insight.phases()}, {"record", Json::parse(insight.record())}};
}

Json planJson(const PlanFile &file) {
  const plan::Plan &plan = file.plan();
  Json result = {{"producer", text(plan.producer())},
                 {"schema_version", plan.schema_version()},
                 {"plan_bytes", file.planBytes()},
                 {"bundle", file.isBundle()},
                 {"deterministic", plan.deterministic()},
                 {"differs_because", plan.differs_because() ? Json(text(plan.differs_because())) : Json()},
                 {"target",
                  {{"device", text(plan.target()->device())},
                   {"isa", text(plan.target()->isa())},
                   {"requested", text(plan.target()->requested())},
                   {"features", strings(plan.target()->features())}}},
                 {"config", configJson(*plan.config())}};
  const plan::KvCache &cache = *plan.kv_cache();
  result["kv_cache"] = {{"layers", cache.layers()},
                        {"kv_heads", cache.kv_heads()},
                        {"head_dim", cache.head_dim()},
                        {"page", cache.page()},
                        {"dtype", plan::EnumNameDType(cache.dtype())},
                        {"max_seq", cache.max_seq()},
                        {"max_batch", cache.max_batch()}};
  Json files = Json::array();
  if (plan.files())
    for (const plan::WeightFile *weights : *plan.files())
      files.push_back({{"path", text(weights->path())},
                       {"relative_path", text(weights->relative_path())},
                       {"size", weights->size()},
                       {"mtime_ns", weights->mtime_ns()},
                       {"header", rangesJson(weights->header())},
                       {"header_hash", hexText(weights->header_hash())},
                       {"content_hash", hexText(weights->content_hash())},
                       {"sample_hash", hexText(weights->sample_hash())}});
  result["files"] = files;
  result["variants"] = Json::array();
  if (plan.variants())
    for (const plan::Variant *variant : *plan.variants())
      result["variants"].push_back(text(variant->isa()));
  result["weights"] = Json::array();
  for (const plan::Weight *weight : *plan.weights())
    result["weights"].push_back(weightJson(*weight));
  result["kernels"] = Json::array();
  for (const plan::Kernel *kernel : *plan.kernels())
    result["kernels"].push_back(kernelJson(*kernel));
  result["modules"] = Json::array();
  for (const plan::CodeModule *module : *plan.modules())
    result["modules"].push_back({{"format", plan::EnumNameCodeFormat(module->format())},
                                 {"isa", text(module->isa())},
                                 {"variant", module->variant()},
                                 {"ptx_version", module->ptx_version()},
                                 {"bytes", module->bytes()->size()}});
  result["programs"] = Json::array();
  for (const plan::Program *program : *plan.programs())
    result["programs"].push_back(programJson(plan, *program));
  if (const plan::Tokenizer *tokenizer = plan.tokenizer()) {
    result["tokenizer"] = {{"kind", plan::EnumNameTokenizerKind(tokenizer->kind())},
                           {"bytes", tokenizer->model() ? tokenizer->model()->size() : 0},
                           {"add_bos", tokenizer->add_bos()},
                           {"add_eos", tokenizer->add_eos()}};
    if (tokenizer->chat_templates())
      for (const plan::ChatTemplate *chat : *tokenizer->chat_templates())
        result["tokenizer"]["chat_templates"][text(chat->name())] = text(chat->text());
    if (const plan::Bpe *bpe = tokenizer->bpe()) {
      result["tokenizer"]["pieces"] = bpe->piece_ends()->size();
      result["tokenizer"]["merges"] = bpe->merges() ? bpe->merges()->size() : 0;
    }
  }
  if (Insight::isIn(file))
    result["insight"] = insightJson(Insight::of(file));
  return result;
}

} // namespace quipu::tool
