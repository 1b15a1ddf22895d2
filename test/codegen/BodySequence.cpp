//===- BodySequence.cpp - Bodies of several kernels in one ------------------------===//

#include "BodySequence.h"

#include "codegen/cuda/vocabulary/KernelFunction.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "runtime/abi/KernelAbi.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

using Predicate = CudaBuilder::Predicate;

void GridBarrier::waitForPrevious(CudaBuilder &b) const {
  if (bodiesInFront == 0)
    return launch.waitForPrevious(b);
  Value least = b.mul(blocks, bodiesInFront);
  b.repeat({}, [&](ValueRange) -> std::pair<Value, CudaBuilder::Values> {
    Value counted = LLVM::LoadOp::create(
        b, b.getI32Type(), count, /*alignment=*/4, /*isVolatile=*/false, /*isNonTemporal=*/false,
        /*isInvariant=*/false, /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire, "device");
    return {b.compare(Predicate::ult, counted, least), {}};
  });
}

void GridBarrier::letNextStart(CudaBuilder &b) const {
  if (isLast)
    launch.letNextStart(b);
}

void GridBarrier::retire(CudaBuilder &b, ArrayRef<Barriers> barriers) const {
  b.barrier();
  b.ifThen(b.compare(Predicate::eq, b.thread(), 0), [&] {
    for (Barriers each : barriers)
      for (int64_t i = 0; i < each.size(); ++i)
        NVVM::MBarrierInvalOp::create(b, each.at(b.i32(i)));
  });
}

/// What was written to shared memory comes before what the body behind has copied there.
static void meet(CudaBuilder &b) {
  if (b.target.has(CudaFeature::BulkCopies))
    NVVM::FenceProxyOp::create(b, NVVM::ProxyKind::async_shared,
                               NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta));
  b.barrier();
}

/// Blocks along y of a kernel of its own.
static Value rowBlocks(CudaBuilder &b, const GeneratedEntry &entry, ValueRange dims) {
  if (entry.rows == RowDim::One)
    return b.i32(1);
  return b.ceilDiv(dims[entry.rows == RowDim::Outputs ? kDimOutputs : kDimTokens], entry.rowsPerBlock);
}

/// The body in all blocks of its own grid that are this block's.
static void emitPart(CudaBuilder &b, const SequencePart &part, const Handover &handover,
                     const CudaFrame::Parameters &parameters) {
  b.setLoc(part.kernel->getLoc());
  const GeneratedEntry &entry = part.body.entry;
  Value along = b.i32(entry.fixed), down = rowBlocks(b, entry, parameters.dims);
  b.loop(b.block(0), b.mul(along, down), b.gridSize(0), [&](Value number) {
    GridPlace place{{b.rem(number, along), b.div(number, along)}, {along, down}};
    part.body.emit(b, CudaFrame(b, handover, part.kernel, parameters, place));
    meet(b);
  });
  handover.waitForPrevious(b);
}

/// Whether a sequence of blocks of `threads` threads can hold the part.
static LogicalResult check(SequencePart part, int64_t threads) {
  const GeneratedEntry &entry = part.body.entry;
  if (entry.threads != threads)
    return part.kernel.emitOpError() << "has blocks of " << entry.threads << " threads in a sequence of bodies with "
                                     << threads;
  bool isForSomeRows = entry.rows == RowDim::Lone || entry.rows == RowDim::Other;
  if (!entry.tensorMaps.empty() || entry.cluster > 1 || entry.persistent || isForSomeRows)
    return part.kernel.emitOpError() << "needs tensor maps, clusters or a grid of its own, which a sequence of bodies "
                                        "does not have";
  return success();
}

FailureOr<GeneratedEntry> emitBodySequence(CudaBuilder &b, StringRef symbol, ArrayRef<SequencePart> parts) {
  GeneratedEntry entry;
  entry.symbol = symbol.str();
  entry.fixed = b.target.multiprocessors();
  entry.threads = parts.front().body.entry.threads;
  SmallVector<Type> types;
  for (const SequencePart &part : parts) {
    if (failed(check(part, entry.threads)))
      return failure();
    entry.sharedBytes = std::max(entry.sharedBytes, part.body.entry.sharedBytes);
    types.append(CudaFrame::countPointers(part.kernel), b.pointerType(1));
  }
  size_t pointers = types.size();
  types.append(kNumDims, b.getI32Type());

  std::string counter = entry.symbol + "_count";
  LLVM::GlobalOp::create(b, b.getI32Type(), /*isConstant=*/false, LLVM::Linkage::Internal, counter,
                         b.getI32IntegerAttr(0), /*alignment=*/4, /*addrSpace=*/1);
  KernelFunction function(b, symbol, types, entry.threads);
  function.setResidentBlocks(1);
  ValueRange parameters = function.parameters(), dims = parameters.drop_front(pointers);
  Value count = LLVM::AddressOfOp::create(b, b.pointerType(1), counter), blocks = b.gridSize(0);
  for (auto [index, part] : llvm::enumerate(parts)) {
    unsigned own = CudaFrame::countPointers(part.kernel);
    GridBarrier handover(count, blocks, index, index + 1 == parts.size());
    emitPart(b, part, handover, {parameters.take_front(own), dims, {}});
    parameters = parameters.drop_front(own);
    meet(b);
    b.ifThen(b.compare(Predicate::eq, b.thread(), 0),
             [&] { ptx::countReleasing(b, count, b.sub(b.mul(blocks, int64_t(parts.size())), 1)); });
  }
  return entry;
}

} // namespace quipu::codegen::cuda
