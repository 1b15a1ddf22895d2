//===- ReferenceKernels.cpp - Kernels by the reference lowering -----------===//

#include "tools/quipu-compile/validate/KernelRun.h"

#include "ir/Llama/WeightTypes.h"
#include "ir/Reference/Reference.h"
#include "runtime/support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/TargetSelect.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <deque>

using namespace mlir;

namespace quipu::tool {

namespace {

/// The descriptor that MLIR's calling convention passes for a tensor: two pointers, an offset, sizes and strides.
std::vector<int64_t> descriptorOf(const void *data, ArrayRef<int64_t> shape) {
  auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  std::vector<int64_t> descriptor = {address, address, 0};
  descriptor.insert(descriptor.end(), shape.begin(), shape.end());
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  descriptor.insert(descriptor.end(), strides.begin(), strides.end());
  return descriptor;
}

std::vector<char> encode(Type element, ArrayRef<float> values) {
  const WeightFormat &format = *llama::weightFormatOf(element);
  std::vector<char> bytes(format.bytes(values.size()));
  encodeBlocks(format, values.data(), bytes.data(), values.size());
  return bytes;
}

std::vector<float> decode(Type element, const char *bytes, size_t count) {
  std::vector<float> values(count);
  decodeBlocks(*llama::weightFormatOf(element), bytes, values.data(), count);
  return values;
}

std::string nameOf(size_t index) { return "kernel" + std::to_string(index); }

} // namespace

/// Results that the reference lowering computes: tokens that are chosen are compared with the logits.
static bool isComputed(Value result) { return !isa_and_nonnull<llama::SampleOp>(result.getDefiningOp()); }

/// The kernel as a function that can be called.
static void addFunction(llama::KernelOp kernel, const std::string &name, OpBuilder &builder) {
  Operation *yield = kernel.getBody().front().getTerminator();
  SmallVector<Value> results = llvm::filter_to_vector(yield->getOperands(), isComputed);
  auto type = builder.getFunctionType(kernel.getArgumentTypes(), ValueRange(results).getTypes());
  auto function = func::FuncOp::create(builder, kernel.getLoc(), name, type);
  function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock());
  IRMapping mapping;
  mapping.map(kernel.getBody().front().getArguments(), function.getArguments());
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (!isa<llama::SampleOp>(op))
      builder.clone(op, mapping);
  func::ReturnOp::create(builder, yield->getLoc(),
                         llvm::map_to_vector(results, [&](Value value) { return mapping.lookup(value); }));
}

ReferenceKernels::ReferenceKernels(ArrayRef<llama::KernelOp> kernels) : kernels(kernels) {
  MLIRContext *context = this->kernels.front()->getContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context));
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  for (auto [index, kernel] : llvm::enumerate(kernels))
    addFunction(kernel, nameOf(index), builder);
  PassManager manager(context);
  llama::buildReferencePipeline(manager);
  if (failed(manager.run(*module)))
    fail("--validate: the reference lowering of the kernels failed");
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Default;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  llvm::Expected<std::unique_ptr<ExecutionEngine>> created = ExecutionEngine::create(*module, options);
  if (!created)
    fail("--validate: the reference lowering of the kernels: ", llvm::toString(created.takeError()));
  engine = std::move(*created);
}

ReferenceKernels::~ReferenceKernels() = default;

KernelOutputs ReferenceKernels::run(size_t index, const KernelInputs &inputs) const {
  llama::KernelOp kernel = kernels[index];
  auto tokens = int64_t(inputs.rows.real.size()), outputs = int64_t(inputs.rows.realOutputs.size());
  std::deque<std::vector<char>> memory;
  std::deque<std::vector<int64_t>> descriptors;
  std::vector<char> *cache = nullptr;
  llama::KVLayerType cacheType;

  Operation *yield = kernel.getBody().front().getTerminator();
  size_t resultWords = 0;
  for (Value result : yield->getOperands())
    if (isComputed(result))
      resultWords += 3 + 2 * size_t(cast<RankedTensorType>(result.getType()).getRank());
  std::vector<int64_t> result(resultWords);
  if (resultWords)
    descriptors.push_back({});
  for (auto [argument, type] : llvm::zip_equal(inputs.arguments, kernel.getArgumentTypes())) {
    switch (argument.kind) {
    case KernelArgument::Kind::Activation: {
      auto tensor = cast<RankedTensorType>(type);
      memory.push_back(encode(tensor.getElementType(), argument.values));
      descriptors.push_back(
          descriptorOf(memory.back().data(), {argument.hasOutputRows ? outputs : tokens, tensor.getDimSize(1)}));
      break;
    }
    case KernelArgument::Kind::Indices:
      descriptors.push_back(descriptorOf(argument.realIndices.data(), {int64_t(argument.realIndices.size())}));
      break;
    case KernelArgument::Kind::Weight: {
      auto tensor = cast<RankedTensorType>(type);
      SmallVector<int64_t> shape(tensor.getShape());
      if (isa<llama::BlockType>(tensor.getElementType()))
        shape.back() = llama::weightBytesOf(tensor) / shape.front();
      descriptors.push_back(descriptorOf(argument.weight.data(), shape));
      break;
    }
    case KernelArgument::Kind::Cache:
      cacheType = cast<llama::KVLayerType>(type);
      cache = &memory.emplace_back(encode(cacheType.getElementType(), inputs.cache));
      descriptors.push_back(descriptorOf(
          cache->data(), {2, kCacheSequences, inputs.positions, cacheType.getKvHeads(), cacheType.getHeadDim()}));
      break;
    }
  }
  std::vector<void *> pointers, arguments;
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.empty() ? result.data() : descriptor.data());
  arguments.reserve(pointers.size());
  for (void *&pointer : pointers)
    arguments.push_back(static_cast<void *>(&pointer));
  if (llvm::Error error = engine->invokePacked("_mlir_ciface_" + nameOf(index), arguments))
    fail("--validate: @", kernel.getSymName().str(), ": ", llvm::toString(std::move(error)));

  KernelOutputs found;
  const int64_t *descriptor = result.data();
  for (Value each : yield->getOperands()) {
    std::vector<float> &values = found.results.emplace_back();
    if (!isComputed(each))
      continue;
    auto tensor = cast<RankedTensorType>(each.getType());
    int64_t count = descriptor[3] * (tensor.getRank() == 2 ? descriptor[4] : 1);
    int64_t bytes = tensor.getElementTypeBitWidth() / 8;
    values = decode(tensor.getElementType(), std::bit_cast<const char *>(descriptor[1]) + descriptor[2] * bytes,
                    size_t(count));
    std::free(std::bit_cast<void *>(descriptor[0]));
    descriptor += 3 + 2 * tensor.getRank();
  }
  if (cache)
    found.cache = decode(cacheType.getElementType(), cache->data(), inputs.cache.size());
  return found;
}

} // namespace quipu::tool
