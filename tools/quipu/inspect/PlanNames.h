//===- PlanNames.h - Printed forms of the parts of a plan -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_PLANNAMES_H
#define QUIPU_TOOLS_QUIPU_INSPECT_PLANNAMES_H

#include "runtime/abi/plan_generated.h"

#include <string>

namespace quipu::tool {

inline std::string text(const flatbuffers::String *string) { return string ? string->str() : ""; }

/// "4 x ceil(tokens / 16)": the number of blocks of an entry.
std::string gridText(const plan::Grid &grid);

/// What a step does: the name of its kernel, "copy of 64 bytes x tokens", "sample, greedy".
std::string stepText(const plan::Plan &plan, const plan::Step &step);

/// "logits (f32, outputs x 49152)": an input or output of a program.
std::string valueText(const plan::ProgramValue &value);

/// "arena+4096", "layers.{}.mlp.down", "kv layer {}", "tokens": an argument in a sequence of the program that is run
/// `repeat` times.
std::string argumentText(const plan::Plan &plan, const plan::Program &program, const plan::Arg &argument,
                         uint32_t repeat);

/// The place of a step in the model, with its layers for "{}": "layers.0-29.mlp.down_proj", or "layers.1,5..29" when
/// the sequence holds the steps of several layers.
std::string locationText(const plan::Step &step, uint32_t repeat);

/// "49152x576".
std::string shapeText(const flatbuffers::Vector<uint64_t> *shape);

uint64_t elementCount(const flatbuffers::Vector<uint64_t> *shape);

/// "3f2a..." for a hash.
std::string hexText(const flatbuffers::Vector<uint8_t> *bytes);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_PLANNAMES_H
