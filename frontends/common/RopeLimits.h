//===- RopeLimits.h - What rotary numbers of files may be -----------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_ROPELIMITS_H
#define QUIPU_FRONTENDS_COMMON_ROPELIMITS_H

namespace quipu::frontend {

inline constexpr double kMaxRopeTheta = 1e15;
/// Of scalings.
inline constexpr double kMaxRopeFactor = 1e6;

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_ROPELIMITS_H
