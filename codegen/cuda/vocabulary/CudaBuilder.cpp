//===- CudaBuilder.cpp - The vocabulary of CUDA kernel emitters --------------===//

#include "codegen/cuda/vocabulary/CudaBuilder.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace quipu::codegen::cuda {

Value CudaBuilder::thread() { return NVVM::ThreadIdXOp::create(*this, getI32Type()); }

Value CudaBuilder::warp() {
  return NVVM::ShflOp::create(*this, getI32Type(), i32(-1), div(thread(), 32), i32(0), i32(31), NVVM::ShflKind::idx,
                              UnitAttr());
}

Value CudaBuilder::block(unsigned dim) {
  if (dim == 0)
    return NVVM::BlockIdXOp::create(*this, getI32Type());
  return NVVM::BlockIdYOp::create(*this, getI32Type());
}

Value CudaBuilder::gridSize(unsigned dim) {
  if (dim == 0)
    return NVVM::GridDimXOp::create(*this, getI32Type());
  return NVVM::GridDimYOp::create(*this, getI32Type());
}

Value CudaBuilder::cycle() { return NVVM::ClockOp::create(*this, getI32Type()); }

// nvvm.barrier is not used. Its parser takes a location behind the op for the kind of its reduction, so MLIR cannot
// read it back.
void CudaBuilder::barrier() { NVVM::Barrier0Op::create(*this); }

void CudaBuilder::barrier(Value id, int64_t threads) {
  LLVM::CallIntrinsicOp::create(*this, getStringAttr("llvm.nvvm.barrier.cta.sync.aligned.count"),
                                ValueRange{id, i32(threads)});
}

void CudaBuilder::warpBarrier() { NVVM::SyncWarpOp::create(*this, i32(-1)); }

void CudaBuilder::clusterBarrier() {
  // The lanes of a warp arrive together. Lanes that arrived alone would slow down the lanes that still have work.
  warpBarrier();
  NVVM::ClusterArriveOp::create(*this, UnitAttr());
  NVVM::ClusterWaitOp::create(*this, UnitAttr());
}

void CudaBuilder::endThreadIf(Value condition) { ptx::exitIf(*this, condition); }

void CudaBuilder::keepLoop() { ptx::keepLoop(*this); }

Value CudaBuilder::fma(Value a, Value b, Value c) { return LLVM::FMAOp::create(*this, a, b, c); }
Value CudaBuilder::exp2(Value a) { return ptx::exp2(*this, a); }
Value CudaBuilder::reciprocal(Value a) { return NVVM::RcpApproxFtzF32Op::create(*this, getF32Type(), a); }
Value CudaBuilder::rsqrt(Value a) { return ptx::rsqrt(*this, a); }

Value CudaBuilder::pack(Type element, Value low, Value high) { return ptx::roundPair(*this, element, low, high); }

std::pair<Value, Value> CudaBuilder::unpack(Type element, Value pair) {
  if (element.isBF16()) {
    // A bf16 is the upper half of an f32.
    Value low = arith::ShLIOp::create(*this, pair, i32(16));
    Value high = arith::AndIOp::create(*this, pair, i32(static_cast<int32_t>(0xffff0000)));
    return {arith::BitcastOp::create(*this, getF32Type(), low), arith::BitcastOp::create(*this, getF32Type(), high)};
  }
  Value vector = LLVM::BitcastOp::create(*this, VectorType::get({2}, element), pair);
  return {widenToF32(extract(vector, 0)), widenToF32(extract(vector, 1))};
}

Value CudaBuilder::extract(Value vector, int64_t index) {
  return LLVM::ExtractElementOp::create(*this, vector, i32(index));
}

Value CudaBuilder::fromWords(ArrayRef<Value> words) {
  Value vector = LLVM::PoisonOp::create(*this, VectorType::get({static_cast<int64_t>(words.size())}, getI32Type()));
  for (auto [index, word] : llvm::enumerate(words))
    vector = LLVM::InsertElementOp::create(*this, vector, word, i32(static_cast<int64_t>(index)));
  return vector;
}

CudaBuilder::Values CudaBuilder::unpackWords(Type element, Value vector) {
  Values values;
  for (int64_t i = 0; i < cast<VectorType>(vector.getType()).getNumElements(); ++i) {
    Value word = extract(vector, i);
    if (element.isF32()) {
      values.push_back(arith::BitcastOp::create(*this, getF32Type(), word));
      continue;
    }
    auto [low, high] = unpack(element, word);
    values.push_back(low);
    values.push_back(high);
  }
  return values;
}

CudaBuilder::Values CudaBuilder::packWords(Type element, ArrayRef<Value> values) {
  Values words;
  if (element.isF32()) {
    for (Value value : values)
      words.push_back(arith::BitcastOp::create(*this, getI32Type(), value));
  } else {
    for (size_t i = 0; i < values.size(); i += 2)
      words.push_back(pack(element, values[i], values[i + 1]));
  }
  return words;
}

Value CudaBuilder::shuffleXor(Value value, int64_t mask) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, i32(mask), i32(31), NVVM::ShflKind::bfly,
                              UnitAttr());
}

Value CudaBuilder::shuffleFrom(Value value, Value lane) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, lane, i32(31), NVVM::ShflKind::idx, UnitAttr());
}

Value CudaBuilder::sumLanes(Value value, int64_t width) {
  for (int64_t mask = width / 2; mask > 0; mask /= 2)
    value = addf(value, shuffleXor(value, mask));
  return value;
}

Value CudaBuilder::maxLanes(Value value, int64_t width) {
  for (int64_t mask = width / 2; mask > 0; mask /= 2)
    value = maxf(value, shuffleXor(value, mask));
  return value;
}

Type CudaBuilder::pointerType(unsigned space) { return LLVM::LLVMPointerType::get(getContext(), space); }
VectorType CudaBuilder::vec4i32() { return VectorType::get({4}, getI32Type()); }

Value CudaBuilder::shared() {
  constexpr StringLiteral name = "quipu_shared";
  Operation *module = getBlock()->getParentOp();
  while (!isa<ModuleOp>(module))
    module = module->getParentOp();
  if (!SymbolTable::lookupSymbolIn(module, name)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(cast<ModuleOp>(module).getBody());
    LLVM::GlobalOp::create(*this, LLVM::LLVMArrayType::get(getI8Type(), 0), /*isConstant=*/false,
                           LLVM::Linkage::External, name, Attribute(), /*alignment=*/1024, /*addrSpace=*/3);
  }
  return LLVM::AddressOfOp::create(*this, pointerType(3), name);
}

Value CudaBuilder::loadOrdered16(Value pointer) { return fromWords(ptx::load16(*this, pointer)); }
Value CudaBuilder::loadOnce16(Value pointer) { return fromWords(ptx::loadOnce16(*this, pointer)); }
Value CudaBuilder::loadReadOnly16(Value pointer, int64_t offset) {
  return fromWords(ptx::loadReadOnly16(*this, pointer, offset));
}
Value CudaBuilder::loadWeights16(Value pointer, int64_t offset, int64_t around) {
  return fromWords(ptx::loadWeights16(*this, pointer, offset, around));
}

CudaBuilder::Values CudaBuilder::loadRun(Type element, int64_t count, Value pointer) {
  int64_t words = count * bytesOf(element) / 4;
  if (words == 0)
    return {loadF32(element, pointer)};
  Values values;
  for (int64_t first = 0; first < words; first += 4) {
    int64_t size = std::min<int64_t>(words - first, 4);
    values.append(unpackWords(element, load(VectorType::get({size}, getI32Type()), at(pointer, 4 * first), 4 * size)));
  }
  return values;
}

void CudaBuilder::storeRun(Type element, ArrayRef<Value> values, Value pointer) {
  if (static_cast<int64_t>(values.size()) * bytesOf(element) < 4)
    return storeF32(values.front(), element, pointer);
  Values words = packWords(element, values);
  for (size_t first = 0; first < words.size(); first += 4) {
    ArrayRef<Value> part = ArrayRef(words).slice(first, std::min<size_t>(words.size() - first, 4));
    store(fromWords(part), at(pointer, static_cast<int64_t>(4 * first)), static_cast<int64_t>(4 * part.size()));
  }
}

/// Some emitters compute addresses in shared memory as numbers, and give an i32 here.
static Value sharedPointer(CudaBuilder &b, Value address) {
  if (isa<LLVM::LLVMPointerType>(address.getType()))
    return address;
  return LLVM::IntToPtrOp::create(b, b.pointerType(3), address);
}

void CudaBuilder::copyAsync16(Value shared, Value global, Value valid) {
  Value bytes = valid ? select(valid, i32(16), i32(0)) : Value();
  NVVM::CpAsyncOp::create(*this, sharedPointer(*this, shared), global, 16, NVVM::LoadCacheModifierKind::CG, bytes);
}

void CudaBuilder::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(*this); }

void CudaBuilder::waitCopies(int64_t pending) { NVVM::CpAsyncWaitGroupOp::create(*this, pending); }

static CudaBuilder::Values fieldsOf(CudaBuilder &b, Value structure) {
  CudaBuilder::Values values;
  size_t count = cast<LLVM::LLVMStructType>(structure.getType()).getBody().size();
  for (size_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, structure, i));
  return values;
}

CudaBuilder::Values CudaBuilder::mma(Type element, ArrayRef<Value> a, ArrayRef<Value> b, ArrayRef<Value> c) {
  Type f32 = getF32Type();
  auto four = LLVM::LLVMStructType::getLiteral(getContext(), {f32, f32, f32, f32});
  NVVM::MMATypes type = element.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  // The operation takes pairs of bf16 as i32, and pairs of f16 as vectors.
  auto pairs = [&](ArrayRef<Value> words) {
    Values operands(words);
    if (element.isF16())
      for (Value &operand : operands)
        operand = LLVM::BitcastOp::create(*this, VectorType::get({2}, element), operand);
    return operands;
  };
  Value sums = NVVM::MmaOp::create(*this, four, pairs(a), pairs(b), c, {16, 8, 16}, std::nullopt, std::nullopt,
                                   std::array{type, type}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  return fieldsOf(*this, sums);
}

CudaBuilder::Values CudaBuilder::loadMatrices(Value shared, bool transposed) {
  Type i32 = getI32Type();
  auto four = LLVM::LLVMStructType::getLiteral(getContext(), {i32, i32, i32, i32});
  return fieldsOf(*this, NVVM::LdMatrixOp::create(*this, four, sharedPointer(*this, shared), 4,
                                                  transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
                                                  NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
                                                  NVVM::LdStMatrixEltType::B16));
}

} // namespace quipu::codegen::cuda
