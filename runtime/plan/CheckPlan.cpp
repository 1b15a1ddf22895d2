//===- CheckPlan.cpp - Whether a plan means something ------------------------------------===//

#include "runtime/abi/DataType.h"
#include "runtime/plan/PlanChecks.h"
#include "runtime/plan/PlanFile.h"

namespace quipu {
namespace {

constexpr uint64_t kMaxPages = uint64_t(1) << 26;

class ModelChecks : PlanChecks {
public:
  using PlanChecks::PlanChecks;

  void run() {
    if (plan.schema_version() != kSchemaVersion)
      wrong("schema_version is ", plan.schema_version(), ", this quipu reads ", kSchemaVersion);
    checkTarget();
    checkConfig();
    checkCache();
    checkTokenizer();
  }

private:
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
    size_t ends = config.eos_token_ids() ? config.eos_token_ids()->size() : 0;
    if (config.eos_origins() && config.eos_origins()->size() != ends)
      wrong("config.eos_origins has ", config.eos_origins()->size(), " entries for ", ends, " eos_token_ids");
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

  void checkTokenizer() {
    const plan::Tokenizer *tokenizer = plan.tokenizer();
    if (!tokenizer)
      return;
    checkEnum(tokenizer->kind(), plan::TokenizerKind::MAX, "tokenizer.kind");
    if (tokenizer->kind() == plan::TokenizerKind::sentencepiece &&
        (!tokenizer->model() || tokenizer->model()->size() == 0))
      wrong("tokenizer.model is empty");
    if (tokenizer->kind() == plan::TokenizerKind::bpe && !tokenizer->bpe())
      wrong("tokenizer.bpe is missing");
    checkEnum(tokenizer->prefix_space(), plan::PrefixSpace::MAX, "tokenizer.prefix_space");
    if (tokenizer->chat_templates())
      for (const plan::ChatTemplate *chat : *tokenizer->chat_templates())
        checkName(chat->name(), "tokenizer.chat_templates.name");
    // The tokenizer checks the rest, because this needs the tokenizer's model.
    if (tokenizer->added_tokens())
      for (const plan::AddedToken *token : *tokenizer->added_tokens()) {
        checkRange(uint32_t(token->id()), 0, plan.config()->vocab_size() - 1, "tokenizer.added_tokens.id");
        checkName(token->content(), "tokenizer.added_tokens.content");
      }
  }
};

} // namespace

void checkPlan(const plan::Plan &plan, const std::string &name) {
  ModelChecks(plan, name).run();
  checkWeights(plan, name);
  checkPrograms(plan, name);
  checkSteps(plan, name);
  checkLaunches(plan, name);
}

} // namespace quipu
