//===- RunGenerated.cpp - Running the generated code of a kernel ----------===//

#include "tools/quipu-compile/validate/KernelRun.h"

#include "codegen/common/Arguments.h"
#include "codegen/cpu/KernelFrame.h"
#include "codegen/plan/PlanEnums.h"
#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/KernelAbi.h"
#include "runtime/core/Device.h"
#include "runtime/support/Error.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <array>
#include <cstring>

using namespace mlir;
using quipu::codegen::cpu::ActivationLayout;

namespace quipu::tool {

namespace {

/// Memory at an address that the arena could have.
class AlignedMemory {
public:
  explicit AlignedMemory(size_t size) : bytes(size + kArenaAlignment, char(0xff)) {
    auto address = reinterpret_cast<uintptr_t>(bytes.data());
    first = bytes.data() + (-address & (kArenaAlignment - 1));
  }
  char *data() { return first; }
  const char *data() const { return first; }

private:
  std::vector<char> bytes;
  char *first;
};

/// An activation in the memory of generated code. Bytes that are not written are 0xff, which is NaN in every type.
class ActivationMemory {
public:
  /// `rows`: with padding.
  ActivationMemory(Type type, int64_t rows) : layout(layoutOf(type)), memory(size_t(bytesFor(layout, rows))) {}

  void write(ArrayRef<int32_t> rows, ArrayRef<float> values) {
    for (auto [number, row] : llvm::enumerate(rows))
      for (int64_t k = 0; k < layout.width; ++k)
        encodeBlocks(format(), &values[number * size_t(layout.width) + size_t(k)], memory.data() + place(row, k), 1);
  }
  std::vector<float> read(ArrayRef<int32_t> rows) const {
    std::vector<float> values(rows.size() * size_t(layout.width));
    for (auto [number, row] : llvm::enumerate(rows))
      for (int64_t k = 0; k < layout.width; ++k)
        decodeBlocks(format(), memory.data() + place(row, k), &values[number * size_t(layout.width) + size_t(k)], 1);
    return values;
  }
  char *data() { return memory.data(); }

private:
  /// A result of rank 1 has one feature.
  static ActivationLayout layoutOf(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return ActivationLayout(
        tensor.getRank() == 2
            ? type
            : Type(RankedTensorType::get({ShapedType::kDynamic, 1}, tensor.getElementType(), tensor.getEncoding())));
  }
  static int64_t bytesFor(const ActivationLayout &layout, int64_t rows) {
    return int64_t(llvm::alignTo(uint64_t(rows), uint64_t(std::max<int64_t>(layout.lanes, 1)))) * layout.width *
           layout.elementBytes();
  }
  const WeightFormat &format() const { return *llama::weightFormatOf(layout.element); }
  /// As #llama.token_lanes describes it.
  size_t place(int64_t row, int64_t k) const {
    if (!layout.lanes)
      return size_t(row * layout.strideBytes() + layout.featureOffset(k));
    return size_t(row / layout.lanes * layout.strideBytes() + layout.featureOffset(k) +
                  row % layout.lanes * layout.pack * layout.elementBytes());
  }

  ActivationLayout layout;
  AlignedMemory memory;
};

/// A layer of the cache as the runtime has it: pools of blocks, which pages of sequences take in any order.
class PagedCache {
public:
  PagedCache(llama::KVLayerType type, ArrayRef<float> cache, int64_t positions)
      : type(type), positions(positions), format(*llama::weightFormatOf(type.getElementType())) {
    int64_t blocks = kCacheSequences * pages();
    for (int64_t page = 0; page < blocks; ++page)
      table.push_back(int32_t(blocks - 1 - page));
    for (std::vector<char> &pool : pools)
      pool.resize(format.bytes(uint64_t(blocks * blockSize())));
    forEach([&](size_t index, char *element) { encodeBlocks(format, &cache[index], element, 1); });
  }

  std::vector<float> read() {
    std::vector<float> cache(size_t(2 * kCacheSequences * positions * type.getKvHeads() * type.getHeadDim()));
    forEach([&](size_t index, char *element) { decodeBlocks(format, element, &cache[index], 1); });
    return cache;
  }

  std::array<void *, 3> pointers() { return {pools[0].data(), pools[1].data(), table.data()}; }
  int64_t pages() const { return positions / type.getPage(); }

private:
  int64_t blockSize() const { return type.getKvHeads() * type.getPage() * type.getHeadDim(); }

  template <typename Visit> void forEach(Visit visit) {
    size_t index = 0;
    for (std::vector<char> &pool : pools)
      for (int64_t sequence = 0; sequence < kCacheSequences; ++sequence)
        for (int64_t position = 0; position < positions; ++position)
          for (int64_t head = 0; head < type.getKvHeads(); ++head)
            for (int64_t k = 0; k < type.getHeadDim(); ++k) {
              int64_t block = table[size_t(sequence * pages() + position / type.getPage())];
              int64_t place = ((block * type.getKvHeads() + head) * type.getPage() + position % type.getPage()) *
                                  type.getHeadDim() +
                              k;
              visit(index++, pool.data() + format.bytes(uint64_t(place)));
            }
  }

  llama::KVLayerType type;
  int64_t positions;
  const WeightFormat &format;
  std::vector<int32_t> table;
  std::vector<char> pools[2];
};

} // namespace

/// A weight whose rows lie interleaved, as the runtime puts them.
static std::unique_ptr<AlignedMemory> interleave(RankedTensorType type, ArrayRef<char> weight) {
  auto memory = std::make_unique<AlignedMemory>(weight.size());
  auto together = codegen::interleaveOf(type);
  size_t rowBytes = weight.size() / size_t(type.getDimSize(0));
  for (size_t first = 0; first < weight.size(); first += size_t(together) * rowBytes)
    interleaveRows(*llama::weightFormatOf(type.getElementType()), uint32_t(together), rowBytes, weight.data() + first,
                   memory->data() + first);
  return memory;
}

/// Runs the entries of a kernel, each over its whole grid in two parts.
static void runEntries(llama::CodeAttr attribute, const CodeModule &code, ArrayRef<void *> pointers,
                       ArrayRef<int64_t> dims) {
  AlignedMemory scratch(size_t(attribute.getScratchBytes()));
  for (llama::EntryAttr entry : attribute.getEntries()) {
    auto function =
        reinterpret_cast<QuipuKernelEntry>(const_cast<void *>(code.lookup(entry.getSymbol().str().c_str())));
    if (!function)
      fail("--validate: the code has no function ", entry.getSymbol().str());
    auto rows = int64_t(rowCount(codegen::toPlan(entry.getRows()), dims.data()));
    int64_t blocks = entry.getFixed() * int64_t(llvm::divideCeil(rows, entry.getRowsPerBlock())), half = blocks / 2;
    function(pointers.data(), dims.data(), 0, half, scratch.data());
    function(pointers.data(), dims.data(), half, blocks, scratch.data());
  }
}

KernelOutputs runGenerated(llama::KernelOp kernel, const CodeModule &code, const KernelInputs &inputs) {
  auto tokens = int64_t(inputs.rows.tokens.size()), outputs = int64_t(inputs.rows.outputs.size());
  std::vector<int32_t> outputRows(size_t(outputs), 0);
  for (int32_t row = 0; row < outputs; ++row)
    outputRows[size_t(row)] = row;
  std::vector<std::unique_ptr<ActivationMemory>> memory;
  std::vector<std::vector<int32_t>> indices;
  std::vector<std::unique_ptr<AlignedMemory>> others;
  std::unique_ptr<PagedCache> cache;
  std::vector<void *> pointers;
  for (auto [argument, type] : llvm::zip_equal(inputs.arguments, kernel.getArgumentTypes())) {
    switch (argument.kind) {
    case KernelArgument::Kind::Activation:
      memory.push_back(std::make_unique<ActivationMemory>(type, argument.hasOutputRows ? outputs : tokens));
      memory.back()->write(argument.hasOutputRows ? outputRows : inputs.rows.real, argument.values);
      pointers.push_back(memory.back()->data());
      break;
    case KernelArgument::Kind::Indices:
      pointers.push_back(indices.emplace_back(argument.indices).data());
      break;
    case KernelArgument::Kind::Weight: {
      // Code does not write weights.
      char *part = const_cast<char *>(argument.weight.data());
      auto tensor = cast<RankedTensorType>(type);
      if (codegen::interleaveOf(type) > 1)
        part = others.emplace_back(interleave(tensor, argument.weight))->data();
      auto parts = dyn_cast_or_null<llama::RowPartsAttr>(tensor.getEncoding());
      if (!parts) {
        pointers.push_back(part);
        break;
      }
      for (int64_t rows : parts.getRows()) {
        pointers.push_back(part);
        part += llama::weightBytesOf(tensor) / tensor.getDimSize(0) * rows;
      }
      break;
    }
    case KernelArgument::Kind::Cache:
      cache = std::make_unique<PagedCache>(cast<llama::KVLayerType>(type), inputs.cache, inputs.positions);
      for (void *pointer : cache->pointers())
        pointers.push_back(pointer);
      break;
    }
  }
  size_t nextMemory = memory.size(), nextIds = indices.size();
  for (auto [type, hasOutputRows] : llvm::zip_equal(kernel.getResultTypes(), inputs.resultHasOutputRows)) {
    if (cast<RankedTensorType>(type).getElementType().isInteger(32)) {
      pointers.push_back(indices.emplace_back(size_t(outputs), -1).data());
      continue;
    }
    memory.push_back(std::make_unique<ActivationMemory>(type, hasOutputRows ? outputs : tokens));
    pointers.push_back(memory.back()->data());
  }
  if (std::optional<ArrayAttr> workspace = kernel.getWorkspace())
    for (Type type : workspace->getAsValueRange<TypeAttr>()) {
      auto tensor = cast<RankedTensorType>(type);
      int64_t row = tensor.getElementTypeBitWidth() / 8;
      for (int64_t size : tensor.getShape().drop_front())
        row *= size;
      // As many rows as a layout in tiles may need.
      constexpr uint64_t kTile = 64;
      int64_t rows = tensor.isDynamicDim(0) ? std::max(tokens, outputs) : tensor.getDimSize(0);
      others.push_back(std::make_unique<AlignedMemory>(llvm::alignTo(uint64_t(rows), kTile) * uint64_t(row)));
      pointers.push_back(others.back()->data());
    }
  std::array<int64_t, kNumDims> dims = {};
  dims[kDimTokens] = tokens;
  dims[kDimOutputs] = outputs;
  dims[kDimBlockTableStride] = cache ? cache->pages() : 0;
  runEntries(*kernel.getCode(), code, pointers, dims);

  KernelOutputs found;
  for (auto [type, hasOutputRows] : llvm::zip_equal(kernel.getResultTypes(), inputs.resultHasOutputRows)) {
    if (cast<RankedTensorType>(type).getElementType().isInteger(32))
      found.results.emplace_back(indices[nextIds].begin(), indices[nextIds].end()), ++nextIds;
    else
      found.results.push_back(memory[nextMemory++]->read(hasOutputRows ? outputRows : inputs.rows.real));
  }
  if (cache)
    found.cache = cache->read();
  return found;
}

} // namespace quipu::tool
