//===- TensorMaps.cpp - Descriptors of tensors for the copy engine -----------------------===//

#include "runtime/cuda/TensorMaps.h"
#include "runtime/abi/DataType.h"
#include "runtime/support/Error.h"

namespace quipu {

using namespace cuda;

static int tensorType(plan::DType dtype) {
  switch (dtype) {
  case plan::DType::f32:
    return kTensorF32;
  case plan::DType::f16:
    return kTensorF16;
  case plan::DType::bf16:
    return kTensorBf16;
  case plan::DType::i32:
    break;
  }
  fail("a tensor map of ", dtypeName(dtype), ": not supported");
}

cuda::TensorMap encodeTensorMap(const plan::TensorMap &map, void *address) {
  // The driver counts dimensions from the innermost one.
  uint64_t size[] = {map.columns(), map.rows()};
  uint64_t rowBytes[] = {map.columns() * dtypeSize(map.dtype())};
  uint32_t box[] = {map.box_columns(), map.box_rows()};
  uint32_t steps[] = {1, 1};
  cuda::TensorMap encoded;
  Driver::get().tensorMapEncode(&encoded, tensorType(map.dtype()), 2, address, size, rowBytes, box, steps,
                                kTensorInterleaveNone, kTensorSwizzle128, kTensorPromotion128, kTensorZeros);
  return encoded;
}

} // namespace quipu
