//===- AmxEmulator.cpp - AMX instructions on CPUs that lack them ----------------------------===//
//
// Source of the encodings and of what they do: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
//
//===-------------------------------------------------------------------------------------===//

#include "test/codegen/AmxEmulator.h"

#include <atomic>
#include <bit>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ucontext.h>

namespace quipu {
namespace {

constexpr int kTiles = 8, kRows = 16, kRowBytes = 64;

struct Tile {
  uint8_t rows = 0;
  uint16_t rowBytes = 0;
  uint8_t bytes[kRows][kRowBytes] = {};
};
thread_local Tile tiles[kTiles];
std::atomic<long> emulated{0};
struct sigaction previous;

int64_t readRegister(const ucontext_t &context, unsigned number) {
  constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context.uc_mcontext.gregs[kOrder[number]];
}

/// An instruction with a three-byte VEX prefix.
struct Instruction {
  const uint8_t *at;
  unsigned map, prefix, vvvv, opcode, mod, reg, rm, length;
  /// Of an operand in memory.
  uint64_t address = 0;
  int64_t index = 0;

  Instruction(const uint8_t *at, const ucontext_t &context)
      : at(at), map(at[1] & 31), prefix(at[2] & 3), vvvv(~(at[2] >> 3) & 15), opcode(at[3]), mod(at[4] >> 6),
        reg(at[4] >> 3 & 7), rm(at[4] & 7), length(5) {
    if (mod == 3)
      return;
    bool hasNoIndexBit = at[1] & 0x40, hasNoBaseBit = at[1] & 0x20;
    unsigned base = rm;
    if (rm == 4) {
      uint8_t sib = at[length++];
      base = sib & 7;
      unsigned number = (sib >> 3 & 7) + (hasNoIndexBit ? 0 : 8);
      // Without an index there is no stride.
      index = number == 4 ? 0 : readRegister(context, number) << (sib >> 6);
    }
    bool isAbsolute = mod == 0 && base == 5;
    if (!isAbsolute)
      address = uint64_t(readRegister(context, base + (hasNoBaseBit ? 0 : 8)));
    if (mod == 1) {
      address += uint64_t(int64_t(int8_t(at[length])));
      length += 1;
    } else if (mod == 2 || isAbsolute) {
      int32_t displacement;
      memcpy(&displacement, at + length, 4);
      length += 4;
      address += uint64_t(int64_t(displacement));
      if (isAbsolute && rm == 5)
        address += uint64_t(at) + length;
    }
  }
};

void configure(const uint8_t *config) {
  for (int i = 0; i < kTiles; ++i) {
    tiles[i] = {};
    memcpy(&tiles[i].rowBytes, config + 16 + 2 * i, 2);
    tiles[i].rows = config[48 + i];
  }
}

float fromBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

/// sums += left * right: of pairs of bf16, or of fours of signed bytes.
bool multiply(Tile &sums, const Tile &left, const Tile &right, bool isBf16) {
  // The hardware refuses shapes that do not fit.
  if (sums.rows != left.rows || left.rowBytes != right.rows * 4 || sums.rowBytes != right.rowBytes || !sums.rows)
    return false;
  for (int m = 0; m < sums.rows; ++m)
    for (int n = 0; n < sums.rowBytes / 4; ++n) {
      int32_t integer;
      memcpy(&integer, sums.bytes[m] + 4 * n, 4);
      float real = std::bit_cast<float>(integer);
      for (int k = 0; k < right.rows; ++k) {
        const uint8_t *a = left.bytes[m] + 4 * k, *b = right.bytes[k] + 4 * n;
        uint16_t x[2], y[2];
        memcpy(x, a, 4);
        memcpy(y, b, 4);
        for (int i = 0; i < 2; ++i)
          real += fromBf16(x[i]) * fromBf16(y[i]);
        for (int i = 0; i < 4; ++i)
          integer += int8_t(a[i]) * int8_t(b[i]);
      }
      memcpy(sums.bytes[m] + 4 * n, isBf16 ? static_cast<void *>(&real) : &integer, 4);
    }
  return true;
}

bool copy(Tile &tile, const Instruction &it, bool isLoad) {
  for (int row = 0; row < tile.rows; ++row) {
    auto *memory = reinterpret_cast<uint8_t *>(it.address + uint64_t(it.index * row));
    memcpy(isLoad ? tile.bytes[row] : memory, isLoad ? memory : tile.bytes[row], tile.rowBytes);
  }
  return tile.rows != 0;
}

/// Does what the instruction says; false if it is another one, or the hardware would refuse it.
bool execute(const Instruction &it) {
  enum Prefix { None, P66, PF3, PF2 };
  bool inMemory = it.mod != 3;
  switch (it.opcode) {
  case 0x49: // ldtilecfg, tilerelease, tilezero
    if (it.prefix == None && inMemory)
      return configure(reinterpret_cast<const uint8_t *>(it.address)), true;
    if (it.prefix == None && it.at[4] == 0xc0) {
      const uint8_t nothing[64] = {};
      return configure(nothing), true;
    }
    if (it.prefix != PF2 || inMemory || !tiles[it.reg].rows)
      return false;
    memset(tiles[it.reg].bytes, 0, sizeof tiles[it.reg].bytes);
    return true;
  case 0x4b: // tileloadd, tilestored
    return inMemory && (it.prefix == PF2 || it.prefix == PF3) && copy(tiles[it.reg], it, it.prefix == PF2);
  case 0x5c: // tdpbf16ps
    return !inMemory && it.prefix == PF3 && multiply(tiles[it.reg], tiles[it.rm], tiles[it.vvvv & 7], true);
  case 0x5e: // tdpbssd
    return !inMemory && it.prefix == PF2 && multiply(tiles[it.reg], tiles[it.rm], tiles[it.vvvv & 7], false);
  default:
    return false;
  }
}

void handle(int, siginfo_t *, void *data) {
  auto &context = *static_cast<ucontext_t *>(data);
  const auto *at = reinterpret_cast<const uint8_t *>(context.uc_mcontext.gregs[REG_RIP]);
  if (at[0] == 0xc4) {
    Instruction it(at, context);
    if (it.map == 2 && execute(it)) {
      ++emulated;
      context.uc_mcontext.gregs[REG_RIP] += it.length;
      return;
    }
  }
  sigaction(SIGILL, &previous, nullptr);
}

} // namespace

AmxEmulator::AmxEmulator() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &previous);
}

AmxEmulator::~AmxEmulator() { sigaction(SIGILL, &previous, nullptr); }

long AmxEmulator::count() { return emulated; }

} // namespace quipu
