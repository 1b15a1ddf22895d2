//===- RotaryRows.h - The order of rows of queries and keys -----------------*- C++ -*-===//
//
// Formats differ in which elements of a head form rotary pairs (frontends/common/ModelConfig.h, RotaryLayout). A model
// computes the same in the other layout if the rows of its projections of queries and keys change their places within
// each head.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_CONVERT_ROTARYROWS_H
#define QUIPU_FRONTENDS_CONVERT_ROTARYROWS_H

#include "frontends/common/Layout.h"

#include <cstdint>
#include <functional>

namespace quipu::convert {

/// The row of the tensor of `weight` that becomes row `row` when the model goes over to `layout`. Empty if none moves.
std::function<uint64_t(uint64_t row)> rotaryRows(const frontend::ExpectedWeight &weight,
                                                 const frontend::ModelConfig &config, frontend::RotaryLayout layout);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_ROTARYROWS_H
