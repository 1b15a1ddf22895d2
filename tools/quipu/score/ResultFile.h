//===- ResultFile.h - Results that survive the end of the program -------------*- C++ -*-===//
//
// A result file has a header, a line for each sample, and the total. Each line is written as soon as it is known, so a
// run that was ended leaves the results of the samples so far. The header says of what data and plan they are.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SCORE_RESULTFILE_H
#define QUIPU_TOOLS_QUIPU_SCORE_RESULTFILE_H

#include "tools/quipu/score/Results.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu::tool {

class ResultFile {
public:
  /// Opens or makes the file. With `resume` it takes the results that the file has, drops a last line that is not
  /// whole, and goes on behind them. Throws Error if the system refuses, the file is an input, another run writes it,
  /// or: without `resume`, it has results of a run that has not finished; with it, its results are not of this header.
  ResultFile(const std::string &path, const nlohmann::ordered_json &header, std::span<const Sample> samples,
             bool resume);
  ~ResultFile();
  ResultFile(const ResultFile &) = delete;
  ResultFile &operator=(const ResultFile &) = delete;

  /// The results that the file had, in the order of the samples.
  const std::vector<SampleResult> &found() const { return results; }
  /// Whether it had the total too.
  bool isFinished() const { return finished; }

  /// Writes a line at once.
  void append(const nlohmann::ordered_json &line);

private:
  void lock() const;
  std::string readAll() const;
  /// Takes what `text` has, and returns how many bytes of it stay.
  size_t takeFound(const std::string &text, const nlohmann::ordered_json &header, std::span<const Sample> samples);
  /// The result of line `number`, which must be that of the next sample.
  SampleResult sampleLine(const std::optional<nlohmann::ordered_json> &line, size_t number,
                          std::span<const Sample> samples) const;
  void checkHeader(const nlohmann::ordered_json &found, const nlohmann::ordered_json &expected) const;

  std::string path;
  int fd = -1;
  std::vector<SampleResult> results;
  bool finished = false;
};

/// The header: hashes of the samples' ids and masks and of the plan, the source of the weights, and how texts are
/// grouped, which decides the last digits.
nlohmann::ordered_json resultHeader(std::span<const Sample> samples, std::span<const uint8_t> planHash,
                                    const std::string &weights, size_t pack, size_t batch);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_SCORE_RESULTFILE_H
