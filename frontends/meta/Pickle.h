//===- Pickle.h - Reads the pickle of a state dict ----------------*- C++ -*-===//
//
// A pickle is a program for a small stack machine, which may call anything that Python can import. This machine knows
// the instructions that torch.save uses for a state dict, and the few names that these lead to. It calls nothing:
// a tensor is remembered as the arguments that it would be made of.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_META_PICKLE_H
#define QUIPU_FRONTENDS_META_PICKLE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend::meta {

/// Index into Pickle::values.
using PickleId = uint32_t;

struct PickleValue {
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    text,
    /// A name that may be called or that names a type ("torch.FloatStorage").
    global,
    tuple,
    list,
    /// `items`: key, value, key, value, ...
    dict,
    /// A persistent id. `items`: those of its tuple.
    storage,
    /// A call of torch._utils._rebuild_tensor_v2. `items`: the arguments.
    tensor
  };
  Kind kind = Kind::none;
  /// Of a boolean or an integer.
  int64_t number = 0;
  /// Of a text (a part of the pickle) or a global.
  std::string_view text;
  std::vector<PickleId> items;
};

struct Pickle {
  std::vector<PickleValue> values;
  PickleId root = 0;
};

/// Runs a pickle, which must outlive the result. Throws quipu::Error that begins with `where` on any other instruction
/// or name, on what is damaged, and on what is larger than a state dict.
Pickle readPickle(std::string_view bytes, const std::string &where);

/// "an integer", for messages.
std::string_view describe(PickleValue::Kind kind);

} // namespace quipu::frontend::meta

#endif // QUIPU_FRONTENDS_META_PICKLE_H
