//===- Model.h - A loaded plan with its weights on a device -----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_MODEL_H
#define QUIPU_RUNTIME_CORE_MODEL_H

#include "runtime/plan/PlanFile.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace quipu {

class Device;
class CodeModule;
struct PlanChoice;
class Weights;

/// Where the weights come from.
struct WeightSource {
  /// Set: values from this seed (RandomWeights.h) instead of files.
  std::optional<uint64_t> seed;

  /// The files that the plan names, or the sections of a bundle.
  static WeightSource files() { return {}; }
  static WeightSource random(uint64_t seed) { return {seed}; }
  /// "files" or "random:SEED", as after --weights. Throws Error for anything else.
  static WeightSource parse(std::string_view text);
};

struct ModelOptions {
  WeightSource weights;
  /// Hash all bytes of every weight file even where size, time and header agree with the plan.
  bool verifyWeights = false;
  /// Gets remarks that a user should see; may be empty.
  std::function<void(const std::string &remark)> note;
  /// "cpu", "cuda", "cuda:1"; empty: what the plan was compiled for.
  std::string device;
  /// Run the plan's variant of this isa ("sm_80"); empty: the first that the device can run.
  std::string variant;
  /// Token slots of the key/value cache that each session gets unless it asks for another number; 0: max_seq *
  /// max_batch of the plan. On a device with memory of its own the model is refused when there is no room for one such
  /// session.
  uint64_t cacheTokens = 0;
  /// Threads of the CPU device, the caller's included. 0: the cores that this process may use.
  unsigned threads = 0;
  /// Bind each thread to one core.
  bool pinThreads = false;
};

/// A plan ready to run: checked, weights in place, code loaded. Immutable; any number of sessions may use it, one step
/// at a time.
class Model : public std::enable_shared_from_this<Model> {
public:
  /// Throws Error when anything is wrong with the plan, its weights or this machine.
  static std::shared_ptr<const Model> load(const std::string &planPath, const ModelOptions &options = {});
  static std::shared_ptr<const Model> load(std::shared_ptr<const PlanFile> plan, const ModelOptions &options = {});
  ~Model();

  const PlanFile &planFile() const { return *file; }
  /// Path of the plan, for messages.
  const std::string &planName() const { return file->path(); }
  const plan::Plan &plan() const { return file->plan(); }
  const plan::ModelConfig &config() const { return *plan().config(); }

  /// Programs and isa of the variant that the device runs.
  const std::vector<const plan::Program *> &programs() const { return chosenPrograms; }
  std::string variantIsa() const;
  /// What the device took of the plan: "cubin for sm_90a", "PTX for sm_80".
  std::string codeText() const;

  /// V.
  uint32_t vocabSize() const { return config().vocab_size(); }
  /// Most positions of one sequence, and most sequences alive at once.
  uint32_t maxSequenceLength() const { return plan().kv_cache()->max_seq(); }
  uint32_t maxSequences() const { return plan().kv_cache()->max_batch(); }
  /// Most rows of one launch: longer steps run in chunks of it.
  uint32_t maxChunkRows() const;

  bool isEos(int32_t token) const;
  std::vector<int32_t> eosTokens() const;

  Device &device() const { return *dev; }
  /// Bytes of weights that kernels read (mapped or own memory), and those of them in the runtime's own memory.
  uint64_t weightBytes() const;
  uint64_t ownedWeightBytes() const;

  // For Session.
  const Weights &weights() const { return *weightTable; }
  const std::vector<const void *> &entryPoints(size_t kernel) const { return entries[kernel]; }
  uint64_t cacheTokens() const { return sessionTokens; }

private:
  Model() = default;
  /// The first of them that the device takes.
  void loadCode(const std::vector<PlanChoice> &choices, const ModelOptions &options);
  void findEntries(size_t kernel);

  std::shared_ptr<const PlanFile> file;
  std::unique_ptr<Device> dev;
  std::unique_ptr<Weights> weightTable;
  std::vector<std::unique_ptr<CodeModule>> modules;
  uint32_t variant = 0;
  /// A module of the code.
  const plan::CodeModule *code = nullptr;
  std::vector<const plan::Program *> chosenPrograms;
  uint64_t sessionTokens = 0;
  std::unordered_set<int32_t> eos;
  /// For each kernel of these programs, one entry point for each of its entries.
  std::vector<std::vector<const void *>> entries;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_MODEL_H
